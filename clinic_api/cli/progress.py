"""How far a long command is."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from clinic_api.cli.console import fail

NOW_AND_THEN = 30  # seconds


class Tell(Protocol):
    """Shows what is being done and, where that is known, which share of it is done."""

    def __call__(self, text: str, share: float | None = None, /) -> None: ...


@contextmanager
def long_work(otherwise: str = "") -> Iterator[Tell]:
    """Shows progress, and is interrupted in good order by all that ends a command; `otherwise` says what then is."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has one of them
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, signal.default_int_handler)
    try:
        with progress() as tell:
            yield tell
    except KeyboardInterrupt:
        fail(f"Interrupted. {otherwise}".strip())


@contextmanager
def progress() -> Iterator[Tell]:
    """On a terminal a line that moves and is gone in the end; elsewhere (cron, containers) a plain one now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield plain_lines()
        return
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as line:
        task = line.add_task("Connecting", total=None)

        def tell(text: str, share: float | None = None, /) -> None:
            line.update(task, description=text, completed=share, total=share and 1)

        yield tell


def plain_lines() -> Tell:
    due = time.monotonic() + NOW_AND_THEN

    def tell(text: str, _share: float | None = None, /) -> None:
        nonlocal due
        if time.monotonic() >= due:
            print(text, flush=True)
            due = time.monotonic() + NOW_AND_THEN

    return tell
