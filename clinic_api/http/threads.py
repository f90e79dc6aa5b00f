"""Threads for what waits for the database: as many as connections, a bounded line in front, a deadline for each."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

from clinic_api.database import cut_off
from clinic_api.errors import Unready

Result = TypeVar("Result")

LINE = 16  # waiting for each thread; about a quarter of a second of reads
NO_ANSWER = "The database does not answer in time. Try again in a moment."
TOO_MANY = "Too many requests are waiting at this moment. Try again in a few seconds."


class Job(Generic[Result]):
    """Something to do in a thread, until it `has_expired`: then nobody waits for it any more."""

    def __init__(self, task: Callable[[], Result]) -> None:
        self.task = task
        self.has_expired = False
        self.thread: int | None = None
        self.changing = threading.Lock()

    def __call__(self) -> Result:
        with self.changing:
            if self.has_expired:
                raise Unready(NO_ANSWER)
            self.thread = threading.get_ident()
        try:
            return self.task()
        finally:
            with self.changing:
                self.thread = None

    def expire(self) -> None:
        """Let its thread go on with something else, instead of waiting for a database that may never answer."""
        with self.changing:
            self.has_expired = True
            if self.thread is not None:
                cut_off(self.thread)


class Threads:
    """So many at work, `LINE` times as many in line, and none that waits or works longer than `patience` seconds."""

    def __init__(self, count: int, patience: float) -> None:
        self.pool = ThreadPoolExecutor(count, "work")
        self.count = count
        self.most = count * (1 + LINE)
        self.inside = 0
        self.patience = patience

    @property
    def in_line(self) -> int:
        return max(0, self.inside - self.count)

    async def do(self, job: Job[Result]) -> Result:
        """Raises Unready: at once when the line is full, and when the job is not done in time."""
        if self.inside >= self.most:
            raise Unready(TOO_MANY)
        self.inside += 1
        try:
            async with asyncio.timeout(self.patience) as deadline:
                return await asyncio.get_running_loop().run_in_executor(self.pool, job)
        except (TimeoutError, asyncio.CancelledError):  # the server ends, or the client of a long job has left
            job.expire()
            if not deadline.expired():
                raise
            raise Unready(NO_ANSWER) from None
        finally:
            self.inside -= 1


@contextmanager
def threads(count: int, patience: float) -> Iterator[Threads]:
    threads = Threads(count, patience)
    try:
        yield threads
    finally:
        threads.pool.shutdown(wait=False, cancel_futures=True)
