"""How many requests a second, against the textbook and against what HTTP and SQL cost alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Spread
from benchmarks.load import Call, Failed, alone, creating, in_turn, offered, per_second, rates, ratio, wrk
from benchmarks.people import doctor
from benchmarks.servers import Server, clinic, floor, textbook

LIST = "/patients?limit=50"
COUNTED = "/patients/counted?limit=50"
ONE = "/patients/4711"
BEARABLE = 0.6
"""Of what the textbook bears at most."""
DEFAULT_NAMES = ("Clinic API", "textbook")


class Rivals(NamedTuple):
    database: str
    clinic: Server
    textbook: Server


@contextmanager
def rivals(bench: Bench) -> Iterator[Rivals]:
    """Both at work on the same small database; whichever is not asked anything stands still."""
    with bench.small() as name:
        address = bench.postgres.at(name)
        with clinic(address) as ours, textbook(address) as theirs:
            yield Rivals(name, ours, theirs)


def list_of_50(bench: Bench) -> list[Figure]:
    with rivals(bench) as (database, ours, theirs), floor() as bare:
        own, other = ours.token(), theirs.token()
        same(ours.get(LIST, own).json(), theirs.get(LIST, other).json(), theirs.get(COUNTED, other).json()["data"])
        calls = (
            Call(ours.address + LIST, own),
            Call(theirs.address + LIST, other),
            Call(theirs.address + COUNTED, other),
        )
        found = in_turn(bench.rounds, *rates(calls, bench.seconds), *floors(bench, database, LIST, bare))
        costs = processor_times(bench, (ours, theirs), calls)
    return [
        Figure("against textbook", ratio(found, 0, 1), least=6),
        Figure("against textbook with its COUNT", ratio(found, 0, 2), least=8),
        share(found, starlette=3, pgbench=4),
        *absolute(found, "Clinic API", "textbook", "textbook with its COUNT", "Starlette", "pgbench"),
        *costs,
    ]


def one_patient(bench: Bench) -> list[Figure]:
    with rivals(bench) as (database, ours, theirs), floor() as bare:
        own, other = ours.token(), theirs.token()
        same([ours.get(ONE, own).json()], [theirs.get(ONE, other).json()])
        calls = Call(ours.address + ONE, own), Call(theirs.address + ONE, other)
        found = in_turn(bench.rounds, *rates(calls, bench.seconds), *floors(bench, database, ONE, bare))
        costs = processor_times(bench, (ours, theirs), calls)
    return [
        Figure("against textbook", ratio(found, 0, 1), least=5.5),
        share(found, starlette=2, pgbench=3),
        *absolute(found, "Clinic API", "textbook", "Starlette", "pgbench"),
        *costs,
    ]


def create(bench: Bench) -> list[Figure]:
    with rivals(bench) as (_, ours, theirs):
        calls = [creating(server.address, server.token()) for server in (ours, theirs)]
        found = in_turn(bench.rounds, *rates(calls, bench.seconds))
        costs = processor_times(bench, (ours, theirs), calls)
    return [Figure("against textbook", ratio(found, 0, 1), least=5), *absolute(found), *costs]


def own_list(bench: Bench) -> list[Figure]:
    with rivals(bench) as (_, ours, theirs):
        own, other = ours.token(doctor(7)), theirs.token(doctor(7))
        same(ours.get(LIST, own).json(), theirs.get(LIST, other).json())
        calls = Call(ours.address + LIST, own), Call(theirs.address + LIST, other)
        found = in_turn(bench.rounds, *rates(calls, bench.seconds))
        costs = processor_times(bench, (ours, theirs), calls)
    return [Figure("against textbook", ratio(found, 0, 1), least=6), *absolute(found), *costs]


def waiting(bench: Bench) -> list[Figure]:
    """The slowest hundredth while both are asked the same, which the textbook just bears."""
    figures = []
    with rivals(bench) as (_, ours, theirs):
        own, other = ours.token(), theirs.token()
        for name, path in (("list of 50", LIST), ("one patient", ONE)):
            calls = Call(ours.address + path, own), Call(theirs.address + path, other)
            load = BEARABLE * per_second(calls[1], bench.seconds)
            found = in_turn(bench.rounds, *(partial(offered, call, load, bench.seconds) for call in calls))
            remark = f"at {load:.0f} requests/s"
            figures += [Figure(f"{name}, p99 against textbook", ratio(found, 0, 1), most=1 / 3, remark=remark)]
            figures += absolute(found, *(f"{name}, {who}" for who in DEFAULT_NAMES), unit="ms")
    return figures


def same(*answers: list[dict[str, object]]) -> None:
    """That the servers do the same work: they show the same patients."""
    shown = [[(row["id"], row["family_name"], row["email"]) for row in answer] for answer in answers]
    if not shown[0] or any(other != shown[0] for other in shown):
        raise Failed("The servers do not show the same patients.")


def floors(bench: Bench, database: str, path: str, bare: Server) -> list[Callable[[], float]]:
    """A body of the same size from bare Starlette, and pgbench with the SQL that the clinic sends for this."""
    with clinic(bench.postgres.at(database, options="-c log_statement=all")) as talkative:
        token = talkative.token()
        statements = bench.postgres.overhear(lambda: talkative.get(path, token))
        size = len(talkative.get(path, token).content)
    constant = Call(f"{bare.address}/{size}")
    return [*rates([constant], bench.seconds), partial(bench.postgres.pgbench, database, statements, bench.seconds)]


def processor_times(bench: Bench, servers: Iterable[Server], calls: Iterable[Call]) -> list[Figure]:
    """What a request costs the server's core: others on the machine change this less than its rate."""
    figures = []
    for server, call in zip(servers, calls, strict=False):
        cost = Spread.of([microseconds(server, call, bench.seconds)])
        figures.append(Figure(f"{server.name}, processor time", cost, unit="µs/request"))
    return figures


def microseconds(server: Server, call: Call, seconds: int) -> float:
    before, run = server.processor_time(), wrk(call, seconds)
    return (server.processor_time() - before) / run.requests * 1e6


def share(found: list[tuple[float, ...]], starlette: int, pgbench: int) -> Figure:
    reached = Spread.of(row[0] * (1 / row[starlette] + 1 / row[pgbench]) for row in found)
    return Figure("share of 1/(1/Starlette + 1/pgbench)", reached, least=0.4, unit="")


def absolute(found: list[tuple[float, ...]], *names: str, unit: str = "requests/s") -> list[Figure]:
    return [Figure(name, alone(found, place), unit=unit) for place, name in enumerate(names or DEFAULT_NAMES)]
