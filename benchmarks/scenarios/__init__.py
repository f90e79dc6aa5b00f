"""What is measured, in the order in which it is told."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.scenarios.audit import access_log
from benchmarks.scenarios.growth import depth, size
from benchmarks.scenarios.logins import reads_beside_logins
from benchmarks.scenarios.process import memory, start, workers
from benchmarks.scenarios.search import search
from benchmarks.scenarios.textbook import create, list_of_50, one_patient, own_list, waiting
from benchmarks.scenarios.transfer import give_out, take_in


class Scenario(NamedTuple):
    title: str
    run: Callable[[Bench], list[Figure]]


SCENARIOS = {
    "list": Scenario("List of 50", list_of_50),
    "one": Scenario("One patient", one_patient),
    "create": Scenario("Create", create),
    "own": Scenario("A doctor's own list", own_list),
    "p99": Scenario("Waiting at the same load", waiting),
    "logins": Scenario("Reads while 8 sign in", reads_beside_logins),
    "workers": Scenario("Workers", workers),
    "start": Scenario("Start-up", start),
    "memory": Scenario("Memory", memory),
    "size": Scenario("A million patients", size),
    "cursor": Scenario("Cursor", depth),
    "search": Scenario("Search among a million", search),
    "access-log": Scenario("Access log", access_log),
    "import": Scenario("Import", take_in),
    "export": Scenario("Export", give_out),
}
