"""Figures for Prometheus. No label holds what anybody typed, and each has few values: routes as they are written.

With several workers each keeps its figures in files (see `cli/workers.py`), and whoever is
asked tells those of all. So what changes by itself is noted every second. The database is never asked.
"""

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    mmap_dict,
    values,
)
from prometheus_client import generate_latest as rendered
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from clinic_api import __version__

EVERY = 1  # seconds
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)  # seconds; REQUEST_TIMEOUT is 4.5
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
FOLDERS = "clinic-api-metrics-"
"""How the name of a folder of figures begins; the process that made it follows."""
ROOM = mmap_dict._INITIAL_MMAP_SIZE
AROUND_A_KEY = 32  # bytes
OTHER = "other"
"""The method or the route of a request that has none of ours."""
LOGIN = "/auth/login"
LIMITS = {
    LOGIN: "guesses",
    "/auth/password": "guesses",
    "/emergency-access": "emergency_guesses",
    "/auth/register": "registrations",
    "/health": "health",
}
"""What is limited, by the route that answers 429."""


class Reserved(mmap_dict.MmapedDict):
    """A file of figures that has its room on the disk before it is mapped: to touch a page without is SIGBUS."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        reserve(filename, ROOM)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + AROUND_A_KEY > self._capacity:
            reserve(self._fname, self._capacity * 2)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def reserve(filename: str, size: int) -> None:
    with open(filename, "ab") as file:
        file.write(bytes(max(0, size - file.tell())))


def shared_where_there_is_room(*about: Any, **more: Any) -> Any:
    """A figure that all workers tell, or one that nobody sees: no request fails for it."""
    try:
        return Shared(*about, **more)
    except OSError:
        return values.MutexValue(*about, **more)  # type: ignore[no-untyped-call]


values.MmapedDict = Reserved  # type: ignore[attr-defined]
Shared: Any = values.MultiProcessValue()  # type: ignore[no-untyped-call]


def shared_folder() -> str | None:
    """That of the `serve` which started this process; what somebody set otherwise would be a folder of strangers."""
    folder, parent = os.environ.pop(VARIABLE, ""), parent_process()
    os.environ.pop(VARIABLE.lower(), None)
    if parent is None or not Path(folder).name.startswith(f"{FOLDERS}{parent.pid}-"):
        return None
    os.environ[VARIABLE] = folder
    return folder


FOLDER = shared_folder()
values.ValueClass = shared_where_there_is_room if FOLDER else values.MutexValue
disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double what is told
own = CollectorRegistry()
process = ProcessCollector(registry=None)


def counter(name: str, about: str, *labels: str) -> Counter:
    return Counter(name, about, labels, registry=own)


def gauge(name: str, about: str, mode: Any = "livesum", *labels: str) -> Gauge:
    """`mode` says how the values of several workers become one, or that they do not."""
    return Gauge(name, about, labels, registry=own, multiprocess_mode=mode)


REQUESTS = counter(
    "clinic_requests", "Requests that were answered; status 0: the client left first.", "method", "route", "status"
)
SECONDS = Histogram(
    "clinic_request_seconds",
    "From a request to the end of its answer, but for what is streamed, such as CSV.",
    ["route"],
    buckets=BUCKETS,
    registry=own,
)
LOGINS_FAILED = counter("clinic_logins_failed", "Logins that were answered 401.")
LIMITS_HIT = counter("clinic_limits_hit", "Requests that were answered 429.", "limit")
AUDIT_FAILURES = counter("clinic_audit_write_failures", "Failed attempts to write looks into the audit.")
CPU = counter("process_cpu_seconds", "CPU time spent, user and system.")
OF_PROCESS = {
    family.name: gauge(family.name, family.documentation, "liveall")
    for family in process.collect()
    if family.type == "gauge"
}


class Traffic:
    """The requests of this process."""

    def __init__(self) -> None:
        self.running = 0
        self.known: dict[tuple[str | None, str | None, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str | None, route: str | None, status: int, seconds: float | None) -> None:
        """Count an answered request; `method` and `route` are ours, or none; so are its seconds if it was streamed."""
        key = method, route, status
        if key not in self.known:
            self.known[key] = (
                REQUESTS.labels(method or OTHER, route or OTHER, status),
                SECONDS.labels(route or OTHER),
            )
        requests, durations = self.known[key]
        requests.inc()
        if seconds is not None:
            durations.observe(seconds)
        if status == 429 and route in LIMITS:
            LIMITS_HIT.labels(LIMITS[route]).inc()
        elif status == 401 and route == LOGIN:
            LOGINS_FAILED.inc()


traffic = Traffic()


NOTED: dict[Gauge, Callable[[Any], float]] = {
    gauge("clinic_requests_running", "Requests that are being answered."): lambda _: traffic.running,
    gauge("clinic_requests_waiting", "Of these, in line for a thread."): lambda tools: tools.threads.in_line,
    gauge("clinic_passwords_waiting", "In line for a hash."): lambda tools: tools.passwords.in_line.total(),
    gauge("clinic_transfers_running", "Imports and exports."): lambda tools: tools.transfers.running,
    gauge("clinic_database_connections", "In use."): lambda tools: tools.engine.pool.checkedout(),
    gauge("clinic_database_connections_limit", "At most in use."): lambda tools: tools.engine.pool.size(),
    gauge("clinic_audit_looks_waiting", "Still to be written."): lambda tools: len(tools.looks.waiting),
    gauge("clinic_audit_lag_seconds", "How long the oldest of these waits.", "livemax"): lambda tools: tools.looks.lag,
}
"""What changes by itself, and how it is read from an application's state."""

gauge("clinic_build_info", "What runs.", "livemax", "version", "python").labels(
    __version__, platform.python_version()
).set(1)
for limit in LIMITS.values():
    LIMITS_HIT.labels(limit)


class Together(Collector):
    """The figures of all workers, of which one may be starting or have just ended."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in Path(self.folder).glob("*.db") if is_begun(file)]
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]


def is_begun(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


class Figures:
    """Those of an application: `tools` is its state."""

    def __init__(self, tools: Any) -> None:
        self.tools = tools
        self.told: dict[Counter, float] = {}

    def text(self) -> bytes:
        """All figures of all workers, in Prometheus' format."""
        self.note()
        if FOLDER is None:
            return rendered(own)
        all_workers = CollectorRegistry()
        all_workers.register(Together(FOLDER))
        return rendered(all_workers)

    def note(self) -> None:
        for figure, read in NOTED.items():
            figure.set(read(self.tools))
        for family in process.collect():
            if family.name in OF_PROCESS:
                OF_PROCESS[family.name].set(family.samples[0].value)
        self.catch_up(CPU, time.process_time())
        self.catch_up(AUDIT_FAILURES, self.tools.looks.failures)

    def catch_up(self, counter: Counter, total: float) -> None:
        """Let it be as far as what counts elsewhere."""
        counter.inc(total - self.told.get(counter, 0))
        self.told[counter] = total

    async def keep_noting(self) -> None:
        while True:
            self.note()
            await asyncio.sleep(EVERY)


@asynccontextmanager
async def figures(tools: Any) -> AsyncIterator[Figures]:
    """For as long as the application runs they are at most a second old, for whichever worker is asked."""
    figures = Figures(tools)
    noting = asyncio.create_task(figures.keep_noting())
    try:
        yield figures
    finally:
        noting.cancel()
