"""A terminal that somebody sits at, and a command that runs on it."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.process import environment

ANSWERS_WITHIN = 60  # seconds


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        self.process, self.end, self.seen = process, end, ""

    def type(self, line: str) -> None:
        os.write(self.end, line.encode())

    def wait_for(self, text: str) -> None:
        """Until this stands in what was shown since the last wait."""
        deadline = time.monotonic() + ANSWERS_WITHIN
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if not self.read():
                raise AssertionError(f"It ended without {text!r}: {self.seen}")
        self.seen = self.seen.partition(text)[2]

    def read(self) -> bool:
        """Some of what is shown, if there is still somebody who shows something."""
        try:
            if select.select([self.end], [], [], 1)[0]:
                self.seen += os.read(self.end, 65_536).decode()
        except OSError:  # Linux: nobody has the other end any more
            return False
        return True

    def status(self) -> int:
        deadline = time.monotonic() + ANSWERS_WITHIN
        while self.read() and self.process.poll() is None:
            assert time.monotonic() < deadline, self.seen
        return self.process.wait(ANSWERS_WITHIN)


@contextmanager
def on_terminal(
    *command: str, cwd: Path, settings: dict[str, str], stdout: IO[bytes] | None = None
) -> Iterator[Terminal]:
    """`python -m …` on a terminal that is its own, its result perhaps led elsewhere."""
    end, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environment(**({"TERM": "xterm", "COLUMNS": "80"} | settings)),
        stdin=terminal,
        stdout=stdout or terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(terminal)
    try:
        yield Terminal(process, end)
    finally:
        process.kill()
        process.wait()
        os.close(end)


def take_terminal() -> None:
    """What is typed there goes to this process alone, also what interrupts it."""
    import fcntl
    import termios

    signal.signal(signal.SIGINT, signal.default_int_handler)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
