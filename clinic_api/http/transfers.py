"""How imports and exports run: few at once, apart from other requests, and for as long as they may take."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from starlette.types import Receive

from clinic_api.database import TRANSFERS
from clinic_api.errors import Unready
from clinic_api.http.threads import Threads

PAUSE = 0.0001  # seconds
BUSY = "Others are importing or exporting at this moment. Try again in a minute."


class Transfers(Threads):
    """As many threads as there may be imports and exports at once."""

    def __init__(self, patience: float) -> None:
        super().__init__(TRANSFERS, patience)
        self.running = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises Unready when all are taken."""
        if self.running >= TRANSFERS:
            raise Unready(BUSY)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1


@contextmanager
def transfers(patience: float) -> Iterator[Transfers]:
    transfers = Transfers(patience)
    try:
        yield transfers
    finally:
        transfers.pool.shutdown(wait=False, cancel_futures=True)


async def finished(task: asyncio.Task[Any], receive: Receive) -> bool:
    """Whether this ends before the client leaves; if not, it is cut off."""
    leaving = asyncio.create_task(left(receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return task.done()
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
            with suppress(Exception, asyncio.CancelledError):
                await task


async def left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def pace() -> None:
    """Let others have the interpreter, who would else wait for it up to 5 ms each time that they need it."""
    time.sleep(PAUSE)
