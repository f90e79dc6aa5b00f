"""What was measured, as a table."""

from rich.table import Table

from benchmarks.figures import Figure

Results = dict[str, list[Figure]]
MARKS = {True: "✓", False: "✗", None: ""}


def table(results: Results) -> Table:
    shown = Table("scenario", "figure", "wanted", "measured", "spread", "", "remark")
    for name, figures in results.items():
        for number, figure in enumerate(figures):
            told = " ".join(filter(None, (MARKS[figure.holds], figure.shortfall)))
            shown.add_row(
                "" if number else name, figure.what, figure.wanted, figure.found, figure.spread, told, figure.remark
            )
        shown.add_section()
    return shown


def write(results: Results, version: str) -> None:
    pass
