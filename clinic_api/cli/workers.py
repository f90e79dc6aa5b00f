"""Several processes that serve together, and end together."""

import os
import signal
import time
from multiprocessing import parent_process
from threading import Thread

from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

STOPS_WITHIN = 18  # seconds


class Workers(Multiprocess):
    """uvicorn's, but for the end: it no longer listens then, and no process outlasts it."""

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


def app() -> FastAPI:
    """The application, in a process that ends when the one that started it was killed, for it would hold the port."""
    from clinic_api import main

    Thread(target=end_with_parent, daemon=True).start()
    return main.app


def end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
