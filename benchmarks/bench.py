"""What every scenario has in hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import Progress

from benchmarks.filling import filled
from benchmarks.postgres import Postgres

FEW, MANY = 10_000, 1_000_000


@dataclass(frozen=True)
class Bench:
    postgres: Postgres
    progress: Progress
    rounds: int
    seconds: int
    """Of each run in a round."""

    @property
    def few_rounds(self) -> int:
        """Of what takes a minute each time."""
        return min(self.rounds, 3)

    def large(self) -> str:
        """The name of the large database, which is only read."""
        return filled(self.postgres, MANY, self.progress)

    @contextmanager
    def small(self) -> Iterator[str]:
        """The name of a small database, which is thrown away afterwards."""
        name = "small"
        self.postgres.copy(filled(self.postgres, FEW, self.progress), name)
        try:
            yield name
        finally:
            self.postgres.drop(name)
