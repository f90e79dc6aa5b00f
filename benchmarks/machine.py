"""The machine: its cores, who runs on which, the programs that are needed, and what is to be told of it."""

import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".clinic" / "bench"
TOOLS = {"wrk": "apt-get install wrk", "hey": "apt-get install hey", "taskset": "apt-get install util-linux"}

Cores = tuple[int, ...]
CORES: Cores = tuple(sorted(os.sched_getaffinity(0))) if sys.platform == "linux" else (0,)
SERVER: Cores = CORES[:1]
OTHERS: Cores = CORES[1:2] or SERVER
BOTH: Cores = CORES[:2]


def missing_tools() -> list[str]:
    """What is not installed, each with the command that installs it."""
    return [f"{name} ({how})" for name, how in TOOLS.items() if shutil.which(name) is None]


def on(cores: Cores, *command: str) -> list[str]:
    """The command, pinned to these cores."""
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]


def pin(process: psutil.Process, cores: Cores) -> None:
    """Pin a running process, and all that it started."""
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            one.cpu_affinity(list(cores))


def busy() -> float:
    """Percent of all cores that others use at this moment."""
    return psutil.cpu_percent(interval=2)


def description() -> dict[str, str]:
    memory = psutil.virtual_memory().total / 2**30
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "processor": processor(),
        "cores": str(len(CORES)),
        "memory": f"{memory:.0f} GB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def commit() -> str:
    try:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
