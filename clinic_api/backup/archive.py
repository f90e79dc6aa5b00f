"""The file: written by `pg_dump` in its custom format, and read again by `pg_restore`, in constant memory."""

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Literal

from sqlalchemy import text

from clinic_api.backup.programs import BackupFailed, find_programs, program, reason, started, wait_for
from clinic_api.backup.server import Server, connected
from clinic_api.config import Settings
from clinic_api.telling import Tell

MAGIC = b"PGDMP"
ROWS_BEGIN = re.compile(rb"COPY (.+?) (?:\(.*\))? ?FROM stdin;\n")
ROWS_END = b"\\.\n"
SHOWN_EVERY = 1_000  # rows
NOTHING_THERE = "There is no clinic in this database, so there is nothing to back up. Check DATABASE_URL and DATA_DIR."


def back_up(settings: Settings, file: Path, tell: Tell) -> dict[str, int]:
    """Write the clinic as it is at this moment into the file, and tell the rows of each table.

    An older backup in the file stays until this one is proved. Raises BackupFailed, having changed nothing.
    """
    file = file.resolve()  # of a link what it leads to
    refuse_to_overwrite(file)
    with written_aside(file) as fresh:
        with connected(settings) as server:
            programs = find_programs(server.version, tls=server.tls)
            rows = dump(server, programs, fresh, tell)
        total = sum(rows.values())
        tally = Tally(lambda read: tell("Reading back", f"{read:,} of {total:,} rows", read / total))
        with closing(script(programs, Path(fresh.name), server.schema, "data")) as lines:
            for _ in tally.count(lines):
                pass
        if tally.rows != rows:
            raise BackupFailed("The backup does not hold what the database held, so it was removed. Try again.")
    return rows


def refuse_to_overwrite(file: Path) -> None:
    with in_words(file):
        if file.exists() and not (file.is_file() and start_of(file) in (MAGIC, b"")):
            raise BackupFailed(f"{file} exists and is no backup, so it is not replaced. Choose another name.")


def start_of(file: Path, length: int = len(MAGIC)) -> bytes:
    with file.open("rb") as opened:
        return opened.read(length)


@contextmanager
def in_words(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupFailed(
            f"Cannot use {file} ({error.strerror}). Choose a file that you may read and write."
        ) from None


@contextmanager
def written_aside(file: Path) -> Iterator[IO[bytes]]:
    """What takes the place of this one when the block ends well, and else is gone; only its owner may read it."""
    with in_words(file):
        fresh = NamedTemporaryFile(dir=file.parent, prefix=f"{file.name}.", suffix=".part", delete=False)  # noqa: SIM115
    try:
        with fresh:
            yield fresh
            with in_words(file):
                os.fsync(fresh.fileno())
        with in_words(file):
            os.replace(fresh.name, file)
            keep_names(file.parent)
    except KeyboardInterrupt:
        raise BackupFailed("Interrupted. Nothing was written.") from None
    finally:
        Path(fresh.name).unlink(missing_ok=True)


def keep_names(folder: Path) -> None:
    """A new name may be lost with the power as long as its folder is not written."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def dump(server: Server, programs: Path, fresh: IO[bytes], tell: Tell) -> dict[str, int]:
    """Write the database into this file. What is told are the rows at that very moment, as others go on writing."""
    tell("Counting")
    server.connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    snapshot = server.connection.scalar(text("SELECT pg_export_snapshot()"))
    rows = server.count()
    if f"{server.prefix}alembic_version" not in rows:
        raise BackupFailed(NOTHING_THERE)
    command = [
        program(programs, "pg_dump"), "--format=custom", "--encoding=UTF8", "--no-password", f"--snapshot={snapshot}",
        f'--schema="{server.schema}"', "--strict-names", f"--lock-wait-timeout={server.lock_timeout}",
        f"--dbname={server.conninfo}",
    ]  # fmt: skip
    with started(command, stdout=fresh, secrets=server.secrets) as process:
        complaint = wait_for(process, lambda: tell("Writing", f"{os.fstat(fresh.fileno()).st_size / 1e6:,.1f} MB"))
        if process.returncode:
            raise BackupFailed(f"Nothing was written: {reason(process, complaint)}.")
    return rows


def script(
    programs: Path, file: Path, schema: str, section: Literal["pre-data", "data", "post-data"]
) -> Generator[bytes, None, None]:
    """The lines of SQL that make this part of what the file holds. Raises BackupFailed when it is damaged."""
    command = [
        program(programs, "pg_restore"), "--file=-", "--no-owner", "--no-privileges", f"--section={section}",
        f"--schema={schema}", str(file),
    ]  # fmt: skip
    with started(command) as process:
        assert process.stdout
        yield from process.stdout
        complaint = wait_for(process)
        if process.returncode:
            raise BackupFailed(f"{file} is no backup, or is damaged: {reason(process, complaint)}.")


class Tally:
    """The rows that a script brings to each table, counted while its lines pass."""

    def __init__(self, show: Callable[[int], None]) -> None:
        self.rows: dict[str, int] = {}
        self.table: str | None = None
        """The one that the line at hand belongs to."""
        self.read = 0
        self.show = show

    def count(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            if self.table is None:
                if begin := ROWS_BEGIN.fullmatch(line):
                    self.table = begin[1].decode(errors="replace")
                    self.rows[self.table] = 0
            elif line == ROWS_END:
                self.table = None
            else:
                self.rows[self.table] += 1
                self.read += 1
                if self.read % SHOWN_EVERY == 0:
                    self.show(self.read)
            yield line
