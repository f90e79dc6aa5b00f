"""Many patients at once: read from CSV, written to CSV, or made up."""

from collections.abc import Callable

Tell = Callable[[str, float], None]
"""Shows what is being done, and which share of it is done."""


def nothing(*_: object) -> None:
    """Shows nothing, and waits for nobody."""
