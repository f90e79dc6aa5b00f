"""Load on a server, and how it bore it. A run in which a single answer was wrong does not count."""

import csv
import json
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from benchmarks.figures import Spread
from benchmarks.machine import OTHERS, Cores, on
from benchmarks.people import FEWEST_DOCTORS, PASSWORD

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 16
TYPES = {
    "patients": "application/json",
    "mixture": "application/json",
    "logins": "application/x-www-form-urlencoded",
}


class Failed(Exception):
    """Something that was to be measured went wrong, so there is no figure."""


class Call(NamedTuple):
    """A request that is made again and again."""

    url: str
    token: str = ""
    kind: str = ""
    """What wrk.lua makes up: `patients`, `logins` or a `mixture`; and what else it has to know for that."""
    more: tuple[str, ...] = ()
    status: int = 200

    @property
    def headers(self) -> list[str]:
        """For the command line."""
        told = [f"Authorization: Bearer {self.token}"] if self.token else []
        told += [f"Content-Type: {TYPES[self.kind]}"] if self.kind else []
        return [part for header in told for part in ("-H", header)]


class Run(NamedTuple):
    requests: int
    per_second: float
    p50: float  # milliseconds


def creating(address: str, token: str) -> Call:
    return Call(f"{address}/patients", token, "patients", status=201)


def signing_in(address: str) -> Call:
    """As one doctor after the other."""
    return Call(f"{address}/auth/login", kind="logins", more=(PASSWORD, str(FEWEST_DOCTORS)))


def mixture(address: str, token: str, patients: int) -> Call:
    """Lists, single ones of so many patients, searches, and now and then a new patient."""
    return Call(f"{address}/patients", token, "mixture", (str(patients),))


def wrk_command(call: Call, seconds: int, connections: int, cores: Cores) -> list[str]:
    """Each run has a word of its own, for what must be unique."""
    told = [str(call.status), call.kind or "nothing", secrets.token_hex(4).upper(), *call.more]
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT)]
    return on(cores, "wrk", *options, *call.headers, call.url, "--", *told)


def wrk(call: Call, seconds: int, connections: int = CONNECTIONS, cores: Cores = OTHERS) -> Run:
    """As many requests as the server can bear. Raises Failed for a wrong answer or a broken connection."""
    done = subprocess.run(wrk_command(call, seconds, connections, cores), capture_output=True, text=True)
    return outcome(call, done.stdout, done.stderr)


def outcome(call: Call, output: str, complaints: str) -> Run:
    last = output.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise Failed(f"wrk at {call.url}: {complaints or output}")
    told = json.loads(last)
    if told["wrong"] or told["broken"]:
        ending = "of {requests} requests {wrong} were answered wrongly, {broken} not at all.".format_map(told)
        raise Failed(f"{call.url}: {ending}")
    return Run(told["requests"], told["requests"] / told["seconds"], told["p50"])


def per_second(call: Call, seconds: int, cores: Cores = OTHERS) -> float:
    return wrk(call, seconds, cores=cores).per_second


def milliseconds(call: Call, seconds: int) -> float:
    """Of one request after the other, in the middle. Raises Failed when not one is answered in this time."""
    run = wrk(call, seconds, connections=1)
    if not run.requests:
        raise Failed(f"{call.url} was not answered within {seconds} s.")
    return run.p50


def rates(calls: Iterable[Call], seconds: int, cores: Cores = OTHERS) -> list[Callable[[], float]]:
    """For each of these, how many requests a second; they are warm already."""
    for call in calls:
        per_second(call, 1, cores)
    return [partial(per_second, call, seconds, cores) for call in calls]


@contextmanager
def beside(call: Call, seconds: int, connections: int) -> Iterator[list[Run]]:
    """This load meanwhile; what came of it is known after the block."""
    runs: list[Run] = []
    command = wrk_command(call, seconds, connections, OTHERS)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield runs
        runs.append(outcome(call, *process.communicate(timeout=seconds + 60)))
    finally:
        process.kill()
        process.communicate()


def offered(call: Call, per_second: float, seconds: int) -> float:
    """The 99th percentile, in milliseconds, while so much is asked of the server, be it fast or slow."""
    rate = per_second / CONNECTIONS
    options = ["-z", f"{seconds}s", "-c", str(CONNECTIONS), "-q", f"{rate:g}", "-o", "csv", "-t", "30"]
    done = subprocess.run(on(OTHERS, "hey", *options, *call.headers, call.url), capture_output=True, text=True)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    if done.returncode or not rows or any(row["status-code"] != str(call.status) for row in rows):
        raise Failed(f"hey at {call.url}: {done.stderr or 'an answer was wrong.'}")
    if len(rows) < 0.9 * per_second * seconds:
        raise Failed(f"{call.url} bore only {len(rows) / seconds:.0f} of {per_second:.0f} requests a second.")
    return quantiles((float(row["response-time"]) * 1000 for row in rows), n=100)[-1]


def in_turn(rounds: int, *runs: Callable[[], float]) -> list[tuple[float, ...]]:
    """Each of these once in each round, every other round backwards: what disturbs one disturbs its neighbours."""
    found = []
    for number in range(rounds):
        order = range(len(runs)) if number % 2 == 0 else reversed(range(len(runs)))
        measured = {place: runs[place]() for place in order}
        found.append(tuple(measured[place] for place in range(len(runs))))
    return found


def ratio(rounds: list[tuple[float, ...]], above: int, below: int) -> Spread:
    """Of two that ran in turn, within each round."""
    return Spread.of(round[above] / round[below] for round in rounds)


def alone(rounds: list[tuple[float, ...]], which: int) -> Spread:
    return Spread.of(round[which] for round in rounds)
