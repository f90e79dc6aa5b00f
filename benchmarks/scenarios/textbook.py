"""How many requests a second, against the textbook and against what HTTP and SQL cost alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Spread
from benchmarks.filling import ADMIN, doctor
from benchmarks.load import Call, Failed, alone, creating, in_turn, ratio, wrk
from benchmarks.servers import Server, clinic, floor, textbook

LIST = "/patients?limit=50"
COUNTED = "/patients/counted?limit=50"
ONE = "/patients/4711"
SHARE = 0.4


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
        calls = [
            Call(ours.address + LIST, own),
            Call(theirs.address + LIST, other),
            Call(theirs.address + COUNTED, other),
        ]
        found = measured(
            bench, *(partial(per_second, bench, call) for call in calls), *floors(bench, database, LIST, bare)
        )
    return [
        Figure("against textbook", ratio(found, 0, 1), least=6),
        Figure("against textbook with its COUNT", ratio(found, 0, 2), least=8),
        *shares(found, 3),
        *rates(found, "Clinic API", "textbook", "textbook with its COUNT", "Starlette", "pgbench"),
    ]


def one_patient(bench: Bench) -> list[Figure]:
    with rivals(bench) as (database, ours, theirs), floor() as bare:
        own, other = ours.token(), theirs.token()
        same([ours.get(ONE, own).json()], [theirs.get(ONE, other).json()])
        calls = [Call(ours.address + ONE, own), Call(theirs.address + ONE, other)]
        found = measured(
            bench, *(partial(per_second, bench, call) for call in calls), *floors(bench, database, ONE, bare)
        )
    return [
        Figure("against textbook", ratio(found, 0, 1), least=5.5),
        *shares(found, 2),
        *rates(found, "Clinic API", "textbook", "Starlette", "pgbench"),
    ]


def create(bench: Bench) -> list[Figure]:
    with rivals(bench) as (_, ours, theirs):
        calls = [creating(f"{server.address}/patients", server.token()) for server in (ours, theirs)]
        found = measured(bench, *(partial(per_second, bench, call) for call in calls))
    return [Figure("against textbook", ratio(found, 0, 1), least=5), *rates(found, "Clinic API", "textbook")]


def own_list(bench: Bench) -> list[Figure]:
    with rivals(bench) as (_, ours, theirs):
        own, other = ours.token(doctor(7)), theirs.token(doctor(7))
        same(ours.get(LIST, own).json(), theirs.get(LIST, other).json())
        calls = [Call(ours.address + LIST, own), Call(theirs.address + LIST, other)]
        found = measured(bench, *(partial(per_second, bench, call) for call in calls))
    return [Figure("against textbook", ratio(found, 0, 1), least=6), *rates(found, "Clinic API", "textbook")]


def same(*answers: list[dict[str, object]]) -> None:
    """That the servers do the same work: they show the same patients, with the same names."""
    shown = [[(row["id"], row["family_name"], row["email"]) for row in answer] for answer in answers]
    if not shown[0] or any(other != shown[0] for other in shown):
        raise Failed("The servers do not show the same patients.")


def measured(bench: Bench, *runs: Callable[[], float]) -> list[tuple[float, ...]]:
    return in_turn(bench.rounds, *runs)


def per_second(bench: Bench, call: Call) -> float:
    return wrk(call, bench.seconds).per_second


def floors(bench: Bench, database: str, path: str, bare: Server) -> list[Callable[[], float]]:
    """A body of the same size from bare Starlette, and pgbench with the SQL that the clinic sends for this."""
    with clinic(bench.postgres.at(database, options="-c log_statement=all")) as talkative:
        token = talkative.token(ADMIN)
        statements = bench.postgres.overhear(lambda: talkative.get(path, token))
        size = len(talkative.get(path, token).content)
    return [
        partial(per_second, bench, Call(f"{bare.address}/{size}")),
        partial(bench.postgres.pgbench, database, statements, bench.seconds),
    ]


def shares(found: list[tuple[float, ...]], starlette: int) -> list[Figure]:
    """What the clinic reaches of 1/(1/Starlette + 1/pgbench)."""
    reached = Spread.of(row[0] * (1 / row[starlette] + 1 / row[starlette + 1]) for row in found)
    return [Figure("share of 1/(1/Starlette + 1/pgbench)", reached, least=SHARE, unit="")]


def rates(found: list[tuple[float, ...]], *names: str) -> list[Figure]:
    return [Figure(name, alone(found, place), unit="requests/s") for place, name in enumerate(names)]
