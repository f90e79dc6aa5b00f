"""What a scenario measures, and what was wanted."""

from math import inf
from typing import NamedTuple


class Figure(NamedTuple):
    what: str
    measured: float
    least: float = 0
    most: float = inf
    unit: str = ""
    """`s` makes it a deadline."""
    remark: str = ""

    def holds(self, slack: float = 1) -> bool:
        """Deadlines may be missed `slack` times over: the machine may have others to serve; all else is exact."""
        return self.least <= self.measured <= self.most * (slack if self.unit == "s" else 1)

    @property
    def wanted(self) -> str:
        parts = [f"≥ {self.least:g}" if self.least else "", f"≤ {self.most:g}" if self.most < inf else ""]
        text = f"{self.least:g}" if self.least == self.most else " and ".join(filter(None, parts))
        return f"{text} {self.unit}".strip()

    @property
    def found(self) -> str:
        number = f"{self.measured:.2f}" if self.unit == "s" else f"{self.measured:g}"
        return f"{number} {self.unit}".strip() + (f" ({self.remark})" if self.remark else "")


def check(figures: list[Figure], slack: float = 3) -> None:
    """For tests: all must hold, deadlines with this slack."""
    missed = [f"{figure.what}: {figure.found}, wanted {figure.wanted}" for figure in figures if not figure.holds(slack)]
    assert not missed, "\n".join(missed)
