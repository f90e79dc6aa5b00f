"""Password hashes, access tokens and one-time tokens; no HTTP, no database."""

import asyncio
import hashlib
import os
import secrets
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from jose import jwk, jwt

from clinic_api.config import Settings
from clinic_api.errors import Invalid, Unauthenticated, Unready
from clinic_api.models.fields import MAX_ID

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # passlib imports `crypt`, which Python 3.13 no longer has
    from passlib.context import CryptContext

ALGORITHM = "HS256"
ISSUER = "clinic-api"
LONGEST_TOKEN = 4096  # characters
CLOCKS_DIFFER = 60  # seconds
THREADS = min(os.cpu_count() or 1, 8)
LONGEST_LINE = 64  # people; about 16 seconds on a single core
LOW_PRIORITY = 19
JUDGED = 72  # characters; zxcvbn takes nearly a second for 256
# The hash of no password, checked where there is no account, so that this takes as long as where there is one.
NOBODY = "$bcrypt-sha256$v=2,t=2b,r={rounds}$abcdefghijklmnopqrstuu$abcdefghijklmnopqrstuvwxyzabcde"

Result = TypeVar("Result")


class Verdict(NamedTuple):
    """Whether a password was right, and its new hash where the stored one is of older settings."""

    right: bool
    better_hash: str | None


class Passwords:
    """Hashes and checks passwords with bcrypt over SHA-256, so that neither length nor NUL is lost.

    A hash takes a quarter of a second of a core. So it is made in threads of their own, one for each core, which on
    Linux yield to all others, and only so many people stand in line for them.
    """

    def __init__(self, settings: Settings) -> None:
        self.context = CryptContext(["bcrypt_sha256"], bcrypt_sha256__rounds=settings.bcrypt_rounds)
        self.nobody = NOBODY.format(rounds=settings.bcrypt_rounds)
        self.min_length = settings.password_min_length
        self.least_strength = settings.least_strength
        self.threads = ThreadPoolExecutor(THREADS, "hash", initializer=yield_to_others)
        self.in_line = 0

    def refuse_poor(self, password: str, email: str, field: str) -> None:
        """Raises Invalid, naming `field`, for a password that is too short, the e-mail, or easily guessed."""
        if len(password) < self.min_length:
            raise Invalid(field, f"must have at least {self.min_length} characters", "too_short")
        if password.casefold().strip() == email.casefold():
            raise Invalid(field, "must not be the e-mail address", "password_is_email")
        if self.least_strength:
            from zxcvbn import zxcvbn

            judged = zxcvbn(password[:JUDGED], user_inputs=[email, *email.split("@")])
            if judged["score"] < self.least_strength:
                advice = " ".join(filter(None, [judged["feedback"]["warning"], *judged["feedback"]["suggestions"]]))
                raise Invalid(field, f"is too easy to guess. {advice}".rstrip(". "), "too_easy")

    def hash(self, password: str, email: str, field: str) -> str:
        """The hash to store. Raises Invalid for a poor password."""
        self.refuse_poor(password, email, field)
        return str(self.context.hash(password))

    def check(self, password: str, hashed: str | None) -> Verdict:
        """Whether this is the password; no hash (an unknown account) takes as long as a wrong password."""
        right, better_hash = self.context.verify_and_update(password, hashed or self.nobody)
        return Verdict(bool(right and hashed), better_hash)

    @contextmanager
    def line(self) -> Iterator[None]:
        """A place in the line for the threads. Raises Unready when it is too long already."""
        if self.in_line >= LONGEST_LINE:
            raise Unready("Too many people sign in at this moment. Try again in a few seconds.")
        self.in_line += 1
        try:
            yield
        finally:
            self.in_line -= 1

    async def apart(self, task: Callable[..., Result], *arguments: Any) -> Result:
        """Do this in the threads for hashing."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(task, *arguments))


def yield_to_others() -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)


class Token(NamedTuple):
    """What an access token says: who asks, and in which session. What they may do is read from the database."""

    user_id: int
    session_id: int


class Tokens:
    """Signs and reads access tokens (RFC 7519, HS256). The first secret signs; older ones are still read."""

    def __init__(self, secret: str, *old_secrets: str) -> None:
        self.keys = {key_id(text): jwk.construct(text, ALGORITHM) for text in (*old_secrets, secret)}
        self.key_id = key_id(secret)

    def sign(self, user_id: int, role: str, session_id: int, seconds: int) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "sub": str(user_id),
            "role": role,
            "typ": "access",
            "sid": session_id,
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "exp": now + seconds,
            "iss": ISSUER,
            "aud": ISSUER,
        }
        return str(jwt.encode(claims, self.keys[self.key_id], ALGORITHM, headers={"kid": self.key_id}))

    def read(self, text: str) -> Token:
        """What the token says. Raises Unauthenticated for whatever is not a valid access token of this server."""
        try:
            if len(text) > LONGEST_TOKEN or not text.isascii() or text.count(".") != 2:
                raise ValueError
            key = self.keys[jwt.get_unverified_header(text)["kid"]]
            options = {f"require_{claim}": True for claim in ("sub", "jti", "iat", "exp", "iss", "aud")}
            claims = jwt.decode(text, key, [ALGORITHM], options=options, audience=ISSUER, issuer=ISSUER)
            token = Token(int(claims["sub"]), claims["sid"])
            if claims["typ"] != "access" or claims["iat"] > time.time() + CLOCKS_DIFFER:
                raise ValueError
            if not all(type(id) is int and 0 < id <= MAX_ID for id in token):
                raise ValueError
            return token
        except Exception:  # python-jose lets RecursionError, TypeError and OverflowError out of a crafted token
            raise Unauthenticated("The access token is not valid or has expired. Sign in again.") from None


def key_id(secret: str) -> str:
    """The name of a key (`kid`), which tells nothing of it."""
    return fingerprint(f"{ISSUER} {secret}")[:8]


class OneTime(NamedTuple):
    """A refresh token: opaque, and useless as it is stored.

    All those of a session begin alike, so that one that was used before is known to belong to it.
    """

    text: str
    hashed_family: str
    hashed: str


FAMILY = 32  # characters, of 24 random bytes


def first_one_time() -> OneTime:
    return read_one_time(secrets.token_urlsafe(48))


def next_one_time(last: OneTime) -> OneTime:
    return read_one_time(last.text[:FAMILY] + secrets.token_urlsafe(24))


def read_one_time(text: str) -> OneTime:
    return OneTime(text, fingerprint(text[:FAMILY]), fingerprint(text))


def fingerprint(text: str) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
