"""Several processes that serve together, and end together."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from threading import Thread

import psutil
import structlog
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess

from clinic_api.http.metrics import FOLDERS, VARIABLE

STOPS_WITHIN = 18  # seconds
STARTS_APART = 1  # seconds, where workers end one after another
MEMORY = Path("/dev/shm")
log = structlog.get_logger()


class Workers(Multiprocess):
    """uvicorn's, but for the end: it no longer listens then, and no process outlasts it."""

    counted: frozenset[int | None] = frozenset()
    """The processes whose memory and connections count."""

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        alive = frozenset(process.pid for process in self.processes)
        for pid in self.counted - alive:
            log.error("A worker has ended, and another one was started.", pid=pid)
            if VARIABLE in os.environ:
                mark_process_dead(pid)  # type: ignore[no-untyped-call]
        if self.counted - alive:
            self.should_exit.wait(STARTS_APART)
        self.counted = alive

    def terminate_all(self) -> None:
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def join_all(self) -> None:
        end = time.monotonic() + STOPS_WITHIN
        for worker in self.processes:
            worker.process.join(max(0, end - time.monotonic()))
            worker.kill()
        super().join_all()


@contextmanager
def counted_together() -> Iterator[None]:
    """Where the workers keep their figures, so that each can tell those of all (`http/metrics.py`).

    In memory where that can be: imports spool in the temporary folder, and may fill it.
    """
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with ExitStack() as until_the_end:
        with suppress(OSError):
            remove_those_of_the_dead(place or Path(gettempdir()))
            folder = TemporaryDirectory(prefix=f"{FOLDERS}{os.getpid()}-", dir=place, ignore_cleanup_errors=True)
            os.environ[VARIABLE] = until_the_end.enter_context(folder)
        yield


def remove_those_of_the_dead(place: Path) -> None:
    """What a `serve` that was killed has left."""
    for folder in place.glob(f"{FOLDERS}*"):
        pid = folder.name.removeprefix(FOLDERS).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def app() -> FastAPI:
    """The application, in a process that ends when the one that started it was killed, for it would hold the port."""
    from clinic_api import main

    Thread(target=end_with_parent, daemon=True).start()
    return main.app


def end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
