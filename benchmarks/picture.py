"""Bars: how many requests a second, relative to the textbook's. It reads well on light and on dark pages."""

from html import escape
from typing import NamedTuple

from benchmarks.figures import Figure, number

WIDTH, LEFT, RIGHT = 760, 170, 200
TOP, BAR, GAP, GROUP = 64, 20, 4, 64
STYLE = """
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .quiet { font-size: 12px; fill: #59636e }
  .textbook { fill: #afb8c1 }
  .clinic { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .textbook { fill: #57606a }
    .clinic { fill: #4493f8 }
  }
"""


class Pair(NamedTuple):
    what: str
    times: float
    clinic: float
    textbook: float


def pairs(results: dict[str, list[Figure]]) -> list[Pair]:
    """The scenarios in which the textbook was asked the same."""
    found = []
    for title, figures in results.items():
        middle = {figure.what: figure.measured.middle for figure in figures if figure.measured}
        if {"against textbook", "Clinic API", "textbook"} <= middle.keys():
            found.append(Pair(title, middle["against textbook"], middle["Clinic API"], middle["textbook"]))
    return found


def picture(results: dict[str, list[Figure]], machine: dict[str, str]) -> str:
    shown = pairs(results)
    height = TOP + GROUP * len(shown) + 24
    scale = (WIDTH - LEFT - RIGHT) / max([1.0, *(pair.times for pair in shown)])
    where = f"{machine['processor']}, server on one core, {machine['date']}"
    groups = "".join(group(pair, TOP + GROUP * place, scale) for place, pair in enumerate(shown))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">
<title>Requests a second, relative to the textbook</title>
<style>{STYLE}</style>
<text class="title" x="0" y="20">Requests a second, relative to the textbook</text>
<text class="quiet" x="0" y="42">More is better. Middle of the rounds; {escape(where)}</text>
{groups}</svg>
"""


def group(pair: Pair, y: float, scale: float) -> str:
    label = f'<text x="{LEFT - 12}" y="{y + BAR + GAP + 3}" text-anchor="end">{escape(pair.what)}</text>\n'
    ours = bar("clinic", f"Clinic API: {number(pair.times)} ×, {number(pair.clinic)}/s", y, pair.times * scale)
    theirs = bar("textbook", f"textbook: {number(pair.textbook)}/s", y + BAR + GAP, scale)
    return label + ours + theirs


def bar(kind: str, text: str, y: float, length: float) -> str:
    shape = f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="3"/>'
    return f'{shape}<text x="{LEFT + length + 8:.1f}" y="{y + 15}">{escape(text)}</text>\n'
