"""How far a long command is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NOW_AND_THEN = 30  # seconds


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """On a terminal a line that moves and is gone in the end; elsewhere (cron, containers) a plain one now and then."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield plain_lines()
        return
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as line:
        task = line.add_task("Connecting")
        yield lambda text: line.update(task, description=text)


def plain_lines() -> Callable[[str], None]:
    due = time.monotonic() + NOW_AND_THEN

    def tell(text: str) -> None:
        nonlocal due
        if time.monotonic() >= due:
            print(text, flush=True)
            due = time.monotonic() + NOW_AND_THEN

    return tell
