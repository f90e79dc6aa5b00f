"""What is measured, in the order in which it is told."""

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.scenarios.audit import access_log
from benchmarks.scenarios.growth import depth, size
from benchmarks.scenarios.logins import reads_beside_logins
from benchmarks.scenarios.process import memory, start, workers
from benchmarks.scenarios.search import search
from benchmarks.scenarios.textbook import create, list_of_50, one_patient, own_list, waiting
from benchmarks.scenarios.transfer import give_out, take_in

SCENARIOS: dict[str, Callable[[Bench], list[Figure]]] = {
    "list": list_of_50,
    "one": one_patient,
    "create": create,
    "own": own_list,
    "p99": waiting,
    "logins": reads_beside_logins,
    "workers": workers,
    "start": start,
    "memory": memory,
    "size": size,
    "cursor": depth,
    "search": search,
    "access-log": access_log,
    "import": take_in,
    "export": give_out,
}
