"""The process itself: how soon it answers, how much memory it keeps, what a second one adds."""

import time

from benchmarks.bench import FEW, Bench
from benchmarks.figures import Figure, Spread
from benchmarks.load import Call, alone, beside, in_turn, mixture, rates, ratio, signing_in, wrk
from benchmarks.machine import BOTH, OTHERS
from benchmarks.scenarios.textbook import LIST, ONE
from benchmarks.servers import clinic

MIXED_FOR = 60  # seconds


def start(bench: Bench) -> list[Figure]:
    with bench.small() as name:
        seconds = [seconds_to_start(bench.postgres.at(name)) for _ in range(bench.rounds)]
    return [Figure("until /health answers", Spread.of(seconds), most=1.5, unit="s")]


def seconds_to_start(database: str) -> float:
    began = time.monotonic()
    with clinic(database, ready="/health"):
        return time.monotonic() - began


def memory(bench: Bench) -> list[Figure]:
    with bench.small() as name, clinic(bench.postgres.at(name)) as ours:
        token, before = ours.token(), ours.memory()
        seconds = bench.seconds * MIXED_FOR // 3
        with beside(signing_in(ours.address), seconds, 1):
            load = wrk(mixture(ours.address, token, FEW), seconds)
        remark = f"{seconds} s of {load.per_second:.0f} requests/s"
        return [
            Figure("resident after mixed load", Spread.of([ours.memory()]), most=120, unit="MB", remark=remark),
            Figure("before it", Spread.of([before]), unit="MB"),
        ]


def workers(bench: Bench) -> list[Figure]:
    """Everything on the same two cores."""
    bench.postgres.pin(BOTH)
    try:
        with bench.small() as name:
            address = bench.postgres.at(name)
            with clinic(address, cores=BOTH) as one, clinic(address, "--workers", "2", cores=BOTH) as two:
                figures = []
                for what, path in (("list of 50", LIST), ("one patient", ONE)):
                    calls = [Call(server.address + path, server.token()) for server in (one, two)]
                    found = in_turn(bench.rounds, *rates(calls, bench.seconds, BOTH))
                    remark = f"{alone(found, 1).middle:.0f} against {alone(found, 0).middle:.0f} requests/s"
                    figures.append(Figure(f"2 against 1, {what}", ratio(found, 1, 0), least=1.4, remark=remark))
    finally:
        bench.postgres.pin(OTHERS)
    return figures
