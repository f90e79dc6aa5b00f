"""What a clinic on several machines has around it, as processes: Redis, PgBouncer, nginx."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults.waiting import until

STARTS_WITHIN = 20  # seconds


class Program:
    """Runs in the foreground, answers on a port, and may be killed, frozen and started again."""

    def __init__(self, command: list[str], port: str, log: Path) -> None:
        self.command, self.port, self.log = command, port, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        until(self.listens, STARTS_WITHIN)

    def listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            socket.create_connection(("127.0.0.1", int(self.port)), timeout=1).close()
        except OSError:
            return False
        return True

    def freeze(self) -> None:
        assert self.process is not None
        psutil.Process(self.process.pid).suspend()

    def thaw(self) -> None:
        assert self.process is not None
        psutil.Process(self.process.pid).resume()

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:  # one that could not start has ended
            for child in psutil.Process(self.process.pid).children():
                child.kill()
            self.process.kill()
            self.process.wait(STARTS_WITHIN)
        self.process = None


@contextmanager
def running(program: Program) -> Iterator[Program]:
    try:
        program.start()
        yield program
    finally:
        program.kill()


def found(name: str, package: str) -> str:
    """Where this program is. Without it the test is skipped, but not where everything is said to be there."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        missing = f"{name} is not here (Debian: apt-get install {package})"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return str(path)
