"""Many at once: a spreadsheet in, and all patients out."""

import csv
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.bench import MANY, Bench
from benchmarks.figures import Figure, Spread
from benchmarks.filling import COLUMNS, patients
from benchmarks.load import Failed
from benchmarks.machine import PLACE, ROOT, SERVER, on
from benchmarks.servers import Server, bearer, clinic

ROWS = 100_000
MADE_BY_ITSELF = {"id", "version", "search_words"}
SAMPLED = 0.05  # seconds
PATIENCE = 900


def take_in(bench: Bench) -> list[Figure]:
    wanted = Figure(f"{ROWS} rows, against ORM add_all", least=8), Figure("memory growth", most=100, unit="MB")
    path, ours, theirs, growth = spreadsheet(), list[float](), list[float](), list[float]()
    for _ in range(bench.few_rounds):
        with bench.small() as name, clinic(bench.postgres.at(name)) as server, grown(server) as memory:
            ours.append(upload(server, path))
        growth += memory
        with bench.small() as name:
            theirs.append(added(bench.postgres.at(name), path))
    ratio = Spread.of(other / own for own, other in zip(ours, theirs, strict=True))
    told = f"{median(ours):.1f} s against {median(theirs):.1f} s"
    return [wanted[0]._replace(measured=ratio, remark=told), wanted[1]._replace(measured=Spread.of(growth))]


def give_out(bench: Bench) -> list[Figure]:
    wanted = Figure("memory growth", most=50, unit="MB"), Figure("first byte", most=0.5, unit="s")
    with clinic(bench.postgres.at(bench.large())) as ours:
        headers = bearer(ours.token()) | {"Accept": "text/csv"}
        with grown(ours) as memory:
            first, seconds, lines = zip(*(download(ours, headers) for _ in range(bench.few_rounds)), strict=True)
    if min(lines) < MANY:
        raise Failed(f"The export has {min(lines)} lines.")
    told = f"{MANY} rows in {median(seconds):.1f} s"
    growth = Spread.of(memory)
    return [wanted[0]._replace(measured=growth, remark=told), wanted[1]._replace(measured=Spread.of(first))]


def spreadsheet(count: int = ROWS) -> Path:
    """With other record numbers than those that are there."""
    path, names = PLACE / "patients.csv", COLUMNS.split(", ")
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, [name for name in names if name not in MADE_BY_ITSELF], extrasaction="ignore")
        rows.writeheader()
        rows.writerows(dict(zip(names, row, strict=True)) for row in patients(count, series="S"))
    return path


def upload(server: Server, path: Path) -> float:
    headers, began = bearer(server.token()), time.monotonic()
    with path.open("rb") as file:
        answer = server.http.post("/patients/import", headers=headers, files={"file": file}, timeout=PATIENCE)
    if answer.status_code != 200:
        raise Failed(f"The import was answered {answer.status_code}: {answer.text[:500]}")
    return time.monotonic() - began


def download(server: Server, headers: dict[str, str]) -> tuple[float, float, int]:
    """Seconds to the first byte and to the last, and how many lines it is."""
    began, first, lines = time.monotonic(), 0.0, 0
    with server.http.stream("GET", "/patients", headers=headers, timeout=PATIENCE) as answer:
        for part in answer.iter_raw():
            first = first or time.monotonic() - began
            lines += part.count(b"\n")
    return first, time.monotonic() - began, lines


def added(database: str, path: Path) -> float:
    command = on(SERVER, sys.executable, "-m", "benchmarks.add_all", str(path))
    environment = {**os.environ, "DATABASE_URL": database, "JWT_SECRET": "not used", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=PLACE, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"add_all: {done.stderr[-500:]}")
    return float(done.stdout)


@contextmanager
def grown(server: Server) -> Iterator[list[float]]:
    """By how many MB the server grew at most, known after the block."""
    before, samples, over, growth = server.memory(), [0.0], threading.Event(), list[float]()

    def watch() -> None:
        while not over.wait(SAMPLED):
            samples.append(server.memory() - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield growth
    finally:
        over.set()
        watcher.join()
        growth.append(max(samples))
