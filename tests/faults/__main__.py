"""All scenarios in full, one after the other, and a table: figure wanted, figure measured."""

import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.faults.chaos import chaos
from tests.faults.clinic import Clinic, clinic
from tests.faults.conflicts import lost_updates, repeated_keys
from tests.faults.failover import failover, unconfirmed
from tests.faults.figures import Figure
from tests.faults.gone import Gone, gone
from tests.faults.load import crowd, mixed_load
from tests.faults.migrating import migrating
from tests.faults.stopping import stopping, stopping_without_the_database

Scenario = Callable[[], list[Figure]]

console = Console(width=None if sys.stdout.isatty() else 120)


def at_a_clinic(scenario: Callable[[Clinic], list[Figure]]) -> Scenario:
    """In a clinic of its own."""

    def run() -> list[Figure]:
        with clinic() as place:
            figures = scenario(place)
            for line in place.api.failures():
                console.print(line, markup=False)
            return figures

    return run


def gone_for(how: Gone, clients: int) -> Scenario:
    return at_a_clinic(partial(gone, how=how, clients=clients, in_turn=True))


SCENARIOS: dict[str, Scenario] = {
    "mixed load, 32 clients, 60 s": at_a_clinic(partial(mixed_load, seconds=60, clients=32)),
    "crowd of 150, one request each": at_a_clinic(partial(crowd, clients=150, requests=1)),
    "crowd of 150, ten requests each": at_a_clinic(partial(crowd, clients=150, requests=10)),
    "chaos, 16 clients, 60 s, 3 kills of each": at_a_clinic(partial(chaos, seconds=60, clients=16, kills=3)),
    "failover to a synchronous standby": partial(failover, seconds=20, clients=8),
    "a standby that does not confirm": unconfirmed,
    "lost updates, 8 clients × 20": at_a_clinic(partial(lost_updates, clients=8, increments=20)),
    "keys, 100 × 10 at once": at_a_clinic(partial(repeated_keys, keys=100, repeats=10)),
    "migrating, 3 at once, 10 times": partial(migrating, rounds=10, replicas=3),
    "stopping, a body of 3 s": at_a_clinic(partial(stopping, slow_body=3)),
    "stopping, a body without end": at_a_clinic(partial(stopping, slow_body=300)),
    "stopping, database frozen": at_a_clinic(stopping_without_the_database),
    **{f"gone: {how}, {clients} at once": gone_for(how, clients) for how in Gone for clients in (1, 40)},
}


def main(name: Annotated[str, typer.Argument(help="Only the scenarios whose name begins like this.")] = "") -> None:
    """Harm a clinic of its own on this machine, and measure what its callers notice."""
    chosen = {title: run for title, run in SCENARIOS.items() if title.startswith(name)}
    if not chosen:
        console.print(f"There are: {'; '.join(SCENARIOS)}", markup=False)
        sys.exit(2)
    table = Table("scenario", "figure", "wanted", "measured", "")
    holds = [measure(title, run, table) for title, run in chosen.items()]
    console.print(table)
    sys.exit(not all(holds))


def measure(title: str, run: Scenario, table: Table) -> bool:
    console.print(f"{title} …", markup=False)
    try:
        figures = run()
    except Exception:
        traceback.print_exc()
        figures = [Figure("came to its end", 0, least=1)]
    for number, figure in enumerate(figures):
        table.add_row("" if number else title, figure.what, figure.wanted, figure.found, "✓" if figure.holds() else "✗")
    table.add_section()
    return all(figure.holds() for figure in figures)


if __name__ == "__main__":
    typer.run(main)
