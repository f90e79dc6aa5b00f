"""python -m benchmarks: measure, and show it as a table."""

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import postgres
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.load import Failed
from benchmarks.machine import OTHERS, busy, description, missing_tools
from benchmarks.report import table, verdict, write
from benchmarks.scenarios import SCENARIOS, Scenario

QUIET = 10  # percent
console = Console(width=None if sys.stdout.isatty() else 140)


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Only these: {', '.join(SCENARIOS)}.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer and shorter rounds, for a first look.")] = False,
) -> None:
    """Measure how fast the clinic is. All scenarios together also write results.json, results.svg and the README."""
    chosen = names or list(SCENARIOS)
    if unknown := [name for name in chosen if name not in SCENARIOS]:
        fail(f"There is no {', '.join(unknown)}. There are: {', '.join(SCENARIOS)}.")
    if missing := missing_tools():
        fail(f"Install what is missing: {', '.join(missing)}.")
    os.sched_setaffinity(0, OTHERS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    others = busy()
    if others > QUIET:
        console.print(f"Others use {others:.0f} % of this machine now: what follows is rough.", highlight=False)
    try:
        with progress() as bars, postgres.running() as server:
            bench = Bench(server, bars, rounds=2 if quick else 5, seconds=1 if quick else 3)
            results = {SCENARIOS[name].title: measure(SCENARIOS[name], bench) for name in chosen}
            machine = description() | {"postgresql": server.version, "others": f"{others:.0f} %"}
    except Failed as error:
        fail(str(error))
    console.print(table(results))
    figures = [figure for several in results.values() for figure in several]
    if not names and not quick:
        write(results, machine)
    sys.exit(any(figure.holds is False for figure in figures))


def measure(scenario: Scenario, bench: Bench) -> list[Figure]:
    task = bench.progress.add_task(scenario.title, total=None)
    try:
        figures = scenario.run(bench)
    except Exception as error:  # the others are measured nevertheless
        if not isinstance(error, Failed):
            console.print_exception()
        figures = [Figure("came to its end", remark=str(error) or type(error).__name__, failed=True)]
    bench.progress.remove_task(task)
    for figure in figures:  # the table comes in half an hour
        what = f"{scenario.title}: {figure.what}: {figure.found} {verdict(figure)}"
        console.print(what if figure.measured else f"{what} {figure.remark}", markup=False, highlight=False)
    return figures


def progress() -> Progress:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True)


def fail(sentence: str) -> NoReturn:
    console.print(sentence, markup=False, highlight=False)
    sys.exit(2)


if __name__ == "__main__":
    typer.run(main)
