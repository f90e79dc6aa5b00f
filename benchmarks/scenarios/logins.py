"""What logins, which cost a quarter of a second of a core each, take from those who read."""

import time
from functools import partial

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Spread
from benchmarks.load import Call, alone, beside, in_turn, per_second, ratio, signing_in
from benchmarks.scenarios.textbook import LIST, ONE
from benchmarks.servers import clinic

CLIENTS = 8
HEAD_START = 1  # seconds


def reads_beside_logins(bench: Bench) -> list[Figure]:
    logins: list[float] = []
    with bench.small() as name, clinic(bench.postgres.at(name)) as ours:
        token = ours.token()

        def disturbed(call: Call) -> float:
            with beside(signing_in(ours.address), bench.seconds + 2 * HEAD_START, CLIENTS) as runs:
                time.sleep(HEAD_START)
                rate = per_second(call, bench.seconds)
            logins.append(runs[0].per_second)
            return rate

        figures = []
        for what, path in (("list of 50", LIST), ("one patient", ONE)):
            call = Call(ours.address + path, token)
            found = in_turn(bench.rounds, partial(per_second, call, bench.seconds), partial(disturbed, call))
            figures.append(Figure(f"{what}, against alone", ratio(found, 1, 0), least=0.9))
            figures.append(Figure(f"{what}, alone", alone(found, 0), unit="requests/s"))
    return [*figures, Figure("logins meanwhile", Spread.of(logins), unit="logins/s")]
