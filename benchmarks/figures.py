"""What a scenario measures, and what was wanted."""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple, Self


class Spread(NamedTuple):
    """What several rounds gave: the one in the middle, the least and the most."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        several = list(values)
        return cls(median(several), min(several), max(several))


class Figure(NamedTuple):
    what: str
    measured: Spread | None = None
    least: float | None = None
    most: float | None = None
    unit: str = "×"
    remark: str = ""
    """Why nothing was measured, or what else is to be known of it."""
    failed: bool = False
    """Something went wrong, so that nothing could be measured."""

    @property
    def holds(self) -> bool | None:
        """None where nothing was wanted, or where it cannot be measured yet."""
        if self.failed:
            return False
        if self.measured is None or (self.least is None and self.most is None):
            return None
        middle = self.measured.middle
        return (self.least is None or middle >= self.least) and (self.most is None or middle <= self.most)

    @property
    def wanted(self) -> str:
        sign, goal = ("≥", self.least) if self.least is not None else ("≤", self.most)
        return "" if goal is None else f"{sign} {self.written(goal)}"

    @property
    def found(self) -> str:
        return "–" if self.measured is None else self.written(self.measured.middle)

    @property
    def spread(self) -> str:
        if self.measured is None or self.measured.low == self.measured.high:
            return ""
        return f"{number(self.measured.low)} – {number(self.measured.high)}"

    def written(self, value: float) -> str:
        return number(value) if self.unit in ("×", "") else f"{number(value)} {self.unit}"

    @property
    def shortfall(self) -> str:
        """How far from what was wanted, in percent of it."""
        goal = self.least if self.least is not None else self.most
        if self.holds is not False or self.measured is None or not goal:
            return ""
        return f"{abs(self.measured.middle / goal - 1):.0%} {'below' if self.least is not None else 'above'}"


def number(value: float) -> str:
    """Three digits, as many as are worth reading."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
