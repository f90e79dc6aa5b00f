"""How far a long command is."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from clinic_api.cli.console import fail
from clinic_api.errors import ClinicError
from clinic_api.telling import Tell

NOW_AND_THEN = 30  # seconds


@contextmanager
def long_work(as_json: bool, otherwise: str = "") -> Iterator[Tell]:
    """Shows progress, and is interrupted in good order by all that ends a command; `otherwise` says what then is."""
    caught: list[int] = []

    def interrupt(number: int, _frame: Any) -> None:
        caught.append(number)
        raise KeyboardInterrupt

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        known = getattr(signal, name, None)  # Windows has two of them
        if known is not None and signal.getsignal(known) != signal.SIG_IGN:  # nohup
            signal.signal(known, interrupt)
    try:
        with progress(as_json) as tell:
            yield tell
    except KeyboardInterrupt:
        fail(f"Interrupted. {otherwise}".strip(), 128 + caught[-1])
    except ClinicError as error:
        if not caught:
            raise
        fail(error.detail, 128 + caught[-1])


@contextmanager
def progress(as_json: bool) -> Iterator[Tell]:
    """On a terminal a line for each part of the work; elsewhere (cron, containers) a plain one now and then."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield quiet if as_json else plain_lines()
        return
    text = TextColumn("{task.description}", markup=False)
    columns = (
        text,
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Progress(*columns, console=console, transient=True) as lines:
        yield Parts(lines).tell


class Parts:
    """The parts of the work, each with a line of its own: only the last one is at work."""

    def __init__(self, lines: Any) -> None:
        self.lines = lines
        self.part = "Connecting"
        self.line = lines.add_task(self.part, total=None)

    def tell(self, part: str, detail: str = "", share: float | None = None, /) -> None:
        text = in_words(part, detail)
        if part != self.part:
            self.lines.update(self.line, completed=1, total=1)
            self.part, self.line = part, self.lines.add_task(text, total=None)
        self.lines.update(self.line, description=text, completed=share or 0, total=None if share is None else 1)


def in_words(part: str, detail: str) -> str:
    return f"{part}: {detail}" if detail else part


def quiet(_part: str, _detail: str = "", _share: float | None = None, /) -> None:
    """Where only the result is wanted."""


def plain_lines() -> Tell:
    due = time.monotonic() + NOW_AND_THEN

    def tell(part: str, detail: str = "", share: float | None = None, /) -> None:
        nonlocal due
        if time.monotonic() >= due:
            text = in_words(part, detail)
            typer.echo(text if share is None else f"{text} ({share:.0%})")
            due = time.monotonic() + NOW_AND_THEN

    return tell
