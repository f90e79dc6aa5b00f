"""How far a long work is."""

from typing import Protocol


class Tell(Protocol):
    """Shows which part of the work is being done, how far that is and, where it is known, which share is done."""

    def __call__(self, part: str, detail: str = "", share: float | None = None, /) -> None: ...
