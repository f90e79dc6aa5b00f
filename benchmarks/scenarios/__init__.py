"""What is measured, in the order in which it is told."""

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.scenarios.textbook import create, list_of_50, one_patient, own_list

Scenario = Callable[[Bench], list[Figure]]

SCENARIOS: dict[str, Scenario] = {
    "list": list_of_50,
    "one": one_patient,
    "create": create,
    "own": own_list,
}
