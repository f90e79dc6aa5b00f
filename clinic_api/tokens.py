"""Access tokens, which are signed, and refresh tokens, which work once; no HTTP, no database."""

import hashlib
import re
import secrets
import time
from functools import lru_cache
from typing import Any, NamedTuple

from jose import jwk, jwt

from clinic_api.errors import Unauthenticated
from clinic_api.models.fields import MAX_ID

ALGORITHM = "HS256"
ISSUER = "clinic-api"
LONGEST_TOKEN = 4096  # characters
CLOCKS_DIFFER = 60  # seconds
REMEMBERED = 4096  # tokens
REFRESH_TOKEN = 64  # characters, of 48 random bytes
FAMILY = 32  # of them
FORM = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
NOT_VALID = "The access token is not valid or has expired. Sign in again."
NO_TOKEN = (
    "What follows `Bearer` is no access token. Send the `access_token` that POST /auth/login gives as it is, without"
    " quotes, blanks or line breaks."
)


class Token(NamedTuple):
    """What an access token says: who asks, and in which session. What they may do is read from the database."""

    user_id: int
    session_id: int


class Tokens:
    """Signs and reads access tokens (RFC 7519, HS256). The first secret signs; older ones are still read."""

    def __init__(self, secret: str, *old_secrets: str) -> None:
        self.keys = {key_id(text): jwk.construct(text, ALGORITHM) for text in (*old_secrets, secret)}
        self.key_id = key_id(secret)
        self.verified = lru_cache(REMEMBERED)(self.verify)

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
            token, expires_at = self.verified(text)
            if time.time() > expires_at:
                raise ValueError
            return token
        except Exception:  # python-jose lets RecursionError, TypeError and OverflowError out of a crafted token
            raise Unauthenticated(NOT_VALID if FORM.fullmatch(text) else NO_TOKEN) from None

    def verify(self, text: str) -> tuple[Token, int]:
        """What a valid token says, and until when; what a session's requests bring again and again is remembered."""
        if len(text) > LONGEST_TOKEN or not FORM.fullmatch(text):
            raise ValueError
        header = jwt.get_unverified_header(text)
        if "crit" in header:
            raise ValueError
        key = self.keys[header["kid"]]
        options = {f"require_{claim}": True for claim in ("sub", "jti", "iat", "exp", "iss", "aud")}
        claims = jwt.decode(text, key, [ALGORITHM], options=options, audience=ISSUER, issuer=ISSUER)
        token = Token(int(claims["sub"]), claims["sid"])
        whole = all(type(claims[name]) is int for name in ("sid", "iat", "exp"))
        within = all(0 < id <= MAX_ID for id in token) and 0 < claims["iat"] <= time.time() + CLOCKS_DIFFER
        if not whole or not within or claims["typ"] != "access" or claims["sub"] != str(token.user_id):
            raise ValueError
        return token, claims["exp"]


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


def first_one_time() -> OneTime:
    return read_one_time(secrets.token_urlsafe(REFRESH_TOKEN * 3 // 4))


def next_one_time(last: OneTime) -> OneTime:
    return read_one_time(last.text[:FAMILY] + secrets.token_urlsafe((REFRESH_TOKEN - FAMILY) * 3 // 4))


def read_one_time(text: str) -> OneTime:
    return OneTime(text, fingerprint(text[:FAMILY]), fingerprint(text))


def fingerprint(text: str) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
