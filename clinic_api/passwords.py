"""Password hashes, and which passwords are good enough; no HTTP, no database."""

import asyncio
import os
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from clinic_api.config import Settings
from clinic_api.errors import Invalid, PasswordIsEmail, Unready

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # passlib imports `crypt`, which Python 3.13 no longer has
    from passlib.context import CryptContext

CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
THREADS = min(CORES, 8)
LONGEST_LINE = 64  # people; about 16 seconds on an idle core
SHARE = 32  # of the line, for one address
LOW_PRIORITY = 13  # nice: some five percent of a core that others would have whole
# zxcvbn's time grows with the length, and with the number of ways to read signs as letters (`@` and `4` as a).
JUDGED = 72  # characters
SIGNS = set("4@8({[<369!1|70$5+2%")
MOST_SIGNS = 6
ONE_SIGN_EACH = str.maketrans("@{[<!|$+", "4(((1157")
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
        self.rounds = settings.bcrypt_rounds
        self.context = CryptContext(["bcrypt_sha256"], bcrypt_sha256__rounds=self.rounds)
        self.min_length = settings.password_min_length
        self.least_strength = settings.least_strength
        self.threads = ThreadPoolExecutor(THREADS, "hash", initializer=yield_to_others)
        self.in_line: Counter[str | None] = Counter()

    def refuse_poor(self, password: str, email: str, field: str) -> None:
        """Raises Invalid, naming `field`, for a password that is too short, the e-mail, or easily guessed."""
        if len(password) < self.min_length:
            raise Invalid(field, f"must have at least {self.min_length} characters", "too_short")
        if password.casefold().strip() == email.casefold():
            raise PasswordIsEmail(field)
        score, advice = judged(password, email)
        if score < self.least_strength:
            raise Invalid(field, f"is too easy to guess. {advice}".rstrip(". "), "too_easy")

    def hash(self, password: str, email: str, field: str) -> str:
        """The hash to store. Raises Invalid for a poor password."""
        self.refuse_poor(password, email, field)
        return str(self.context.hash(password))

    def check(self, password: str, hashed: str | None) -> Verdict:
        """Whether this is the password; no hash (an unknown account) takes as long as a wrong password.

        A hash of fewer rounds is checked in less time: a wrong password then spends the rest too. Each round doubles
        the work, so that of `r` and of all from `r` up to today's is that of today's.
        """
        known = hashed if hashed and self.context.identify(hashed) else None
        right, better_hash = self.context.verify_and_update(password, known or NOBODY.format(rounds=self.rounds))
        if known and not right:
            for rounds in range(self.context.handler().from_string(known).rounds, self.rounds):
                self.context.verify(password, NOBODY.format(rounds=rounds))
        return Verdict(bool(right and known), better_hash)

    async def hashed(self, password: str, email: str, field: str) -> str:
        """`hash` in the threads for it. Raises Unready when the line is too long."""
        with self.line():
            return await self.apart(self.hash, password, email, field)

    async def verdict(self, password: str, hashed: str | None) -> Verdict:
        """`check` in the threads for it, for somebody who is in the line."""
        return await self.apart(self.check, password, hashed)

    @contextmanager
    def line(self, address: str | None = None) -> Iterator[None]:
        """A place in the line, to be had before an attempt is counted. Raises Unready when it is too long.

        No address takes more than its share of it.
        """
        if self.in_line.total() >= LONGEST_LINE or (address and self.in_line[address] >= SHARE):
            raise Unready("Too many people sign in at this moment. Try again in a few seconds.")
        self.in_line[address] += 1
        try:
            yield
        finally:
            self.in_line[address] -= 1
            self.in_line = +self.in_line

    async def apart(self, task: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(task, *arguments))


def judged(password: str, email: str) -> tuple[int, str]:
    """zxcvbn's score of a password, 0 to 4, and its advice."""
    from zxcvbn import zxcvbn

    text = password[:JUDGED]
    if len(SIGNS & set(text)) > MOST_SIGNS:
        text = text.translate(ONE_SIGN_EACH)
    result = zxcvbn(text, user_inputs=[email, *email.split("@")])
    return result["score"], " ".join(filter(None, [result["feedback"]["warning"], *result["feedback"]["suggestions"]]))


def yield_to_others() -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)
