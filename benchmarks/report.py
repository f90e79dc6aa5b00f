"""What was measured: as a table on the terminal, as JSON, and in the README."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.machine import ROOT
from benchmarks.picture import picture

HERE = Path(__file__).parent
README = ROOT / "README.md"
PICTURE = "![Requests a second, relative to the textbook](benchmarks/results.svg)"
BEGIN, END = "<!-- make bench writes from here -->\n", "<!-- to here -->\n"
MARKS = {True: "✓", False: "✗", None: ""}
NOT_MEASURED = "not measured"

Results = dict[str, list[Figure]]
"""By the title of the scenario."""


def table(results: Results) -> Table:
    shown = Table("", "figure", "wanted", "measured", "spread", "", "remark")
    for title, figures in results.items():
        for number, figure in enumerate(figures):
            cells = figure.what, figure.wanted, figure.found, figure.spread, verdict(figure), figure.remark
            shown.add_row("" if number else title, *cells)
        shown.add_section()
    return shown


def verdict(figure: Figure) -> str:
    return f"{MARKS[figure.holds]} {figure.shortfall}".strip()


def write(results: Results, machine: dict[str, str]) -> None:
    (HERE / "results.json").write_text(as_json(results, machine))
    (HERE / "results.svg").write_text(picture(results, machine))
    README.write_text(with_section(README.read_text(), section(results, machine)))


def as_json(results: Results, machine: dict[str, str]) -> str:
    figures = [told(title, figure) for title, several in results.items() for figure in several]
    return json.dumps({"machine": machine, "figures": figures}, indent=1, ensure_ascii=False) + "\n"


def told(title: str, figure: Figure) -> dict[str, Any]:
    measured = figure.measured._asdict() if figure.measured else {}
    rounded = {name: float(f"{value:.4g}") for name, value in measured.items()}
    told = {"scenario": title, "figure": figure.what, "unit": figure.unit, "least": figure.least, "most": figure.most}
    return told | {"measured": rounded or None, "holds": figure.holds, "remark": figure.remark}


def section(results: Results, machine: dict[str, str]) -> str:
    """The README's: only what something was wanted of."""
    wanted = [(title, figure) for title, figures in results.items() for figure in figures if figure.wanted]
    rows = [
        f"| {title}: {figure.what} | {figure.wanted} | {in_words(figure)} | {verdict(figure)} |"
        for title, figure in wanted
    ]
    reached = sum(figure.holds is True for _, figure in wanted)
    folded = f"<details><summary>All figures: {reached} of {len(wanted)} goals are reached</summary>"
    head = ["| | wanted | measured (of all rounds) | |", "| --- | --- | --- | --- |"]
    return "\n".join([PICTURE, "", place_and_time(machine), "", folded, "", *head, *rows, "", "</details>", ""])


def in_words(figure: Figure) -> str:
    if figure.measured is None:
        return f"{NOT_MEASURED}: {figure.remark}"
    return f"{figure.found} ({figure.spread or 'one run'})"


def place_and_time(machine: dict[str, str]) -> str:
    return (
        "Measured on {date} at commit {commit}: {processor}, {cores} cores, {memory}, {system}, Python {python},"
        " PostgreSQL {postgresql}. Before, others used {others} of it."
    ).format_map(machine)


def with_section(text: str, section: str) -> str:
    """This text with the section between the marks replaced; the rest as it was."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}{section}{END}{after}" if begin and end else text
