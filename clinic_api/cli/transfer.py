import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated, Any, NoReturn

import typer
from sqlmodel import Session

from clinic_api import migrations
from clinic_api.audit import Actor
from clinic_api.backup.archive import in_words, start_of, written_aside
from clinic_api.cli.console import Json, fail, settings_and_errors, tell
from clinic_api.cli.progress import long_work
from clinic_api.database import commit, database
from clinic_api.errors import WrongRows
from clinic_api.models import Entity, ImportReport, ListQuery, Patient, PatientPublic
from clinic_api.reading import whole_list
from clinic_api.selecting import Selection
from clinic_api.sentences import counted
from clinic_api.services.care import kept
from clinic_api.transfer.exporting import Snapshot, as_csv, tell_export
from clinic_api.transfer.importing import import_patients
from clinic_api.transfer.rows import MOST_TOLD
from clinic_api.transfer.statements import allow_time, analyze

HEADER = as_csv([PatientPublic.model_fields])
SHOWN = 20  # rows of a table


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV in UTF-8; - for what is piped.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the file, and store nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Add the patients of a CSV file: all, or none if any is wrong.

    The first row names the columns, which are the fields of a patient, in any
    order. What `export` has written can be imported as it is.
    """
    with settings_and_errors() as settings, opened(file) as source, database(settings) as engine:
        migrations.refuse_older(engine)
        began = time.monotonic()
        try:
            with long_work(as_json, "Nothing was imported.") as show, Session(engine) as session:
                allow_time(session.connection(), settings.transfer_timeout)
                report = import_patients(session, source, dry_run=dry_run, tell=show)
                show("Storing")
                commit(session)
                if not dry_run:
                    analyze(engine)
        except WrongRows as error:
            refuse(error, as_json)
        if as_json:
            tell("", as_json, **report.model_dump(), seconds=round(time.monotonic() - began, 3))
        else:
            conclude(report, time.monotonic() - began)


def refuse(error: WrongRows, as_json: bool) -> NoReturn:
    wrong = [cell._asdict() for cell in error.first]
    if as_json:
        tell("", as_json, rows=error.rows, wrong_rows=error.wrong_rows, error_count=error.errors, errors=wrong)
    else:
        print_table(wrong, "What is wrong", error.errors)
    errors, rows = counted(error.errors, "error"), counted(error.rows, "row")
    fail(f"{errors} in {error.wrong_rows:,} of {rows}. Nothing was imported.")


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """The file, or all that comes in; what is no file on a disk is kept in one."""
    try:
        source = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        fail(f"Cannot read {file} ({error.strerror}).")
    with source, TemporaryFile() as kept:
        if str(file) != "-" and source.seekable():
            yield source
        else:
            shutil.copyfileobj(source, kept)
            yield kept


def conclude(report: ImportReport, seconds: float) -> None:
    likely = report.likely_duplicates
    if likely.count:
        print_table([one.model_dump() for one in likely.first], "Same name and birth date", likely.count)
        tell(f"{counted(likely.count, 'row')} may tell of somebody who is there already.")
    if report.dry_run:
        rows = counted(report.rows, "row")
        tell(f"Nothing is wrong in {rows}, checked in {seconds:.1f} s. Nothing was imported: a dry run.")
    else:
        tell(f"Imported {counted(report.imported, 'patient')} in {seconds:.1f} s.")


def print_table(rows: Sequence[dict[str, object]], title: str, count: int) -> None:
    """The first of them, and how many more there are."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows[:SHOWN]:
        table.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    Console(stderr=True).print(table)
    if count > SHOWN:
        typer.echo(f"… and {count - SHOWN:,} more: import --dry-run --json tells up to {MOST_TOLD:,}.", err=True)


def refuse_to_overwrite(file: Path) -> None:
    with in_words(file):
        if file.exists() and not (file.is_file() and start_of(file, len(HEADER)) in (HEADER, b"")):
            fail(f"{file} exists and is no export, so it is not replaced. Choose another name.")


def export_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; an earlier export is replaced.")],
    as_json: Json = False,
) -> None:
    """Write all patients into a CSV file.

    They are as at one moment. Only its owner may read the file. The audit names each patient who is in it.
    """
    with settings_and_errors() as settings, database(settings) as engine:
        migrations.refuse_older(engine)
        refuse_to_overwrite(file)
        began, done = time.monotonic(), 0
        statement = whole_list(PatientPublic, Selection(kept(Patient, retired=False)), ListQuery())
        with (
            long_work(as_json, "Nothing was written.") as show,
            written_aside(file) as fresh,
            closing(Snapshot(engine, statement, {}, settings.transfer_timeout)) as snapshot,
        ):
            changes: dict[str, Any] | None = {"filter": [None, None], "count": [None, snapshot.count]}
            fresh.write(HEADER)
            while (part := snapshot.read()).csv or changes:
                tell_export(engine, Actor(), Entity.patient, part, changes)
                fresh.write(part.csv)
                changes = None
                done += len(part.ids)
                show("Writing", f"{done:,} of {snapshot.count:,} patients", done / max(1, snapshot.count))
        seconds = time.monotonic() - began
        said = f"Exported {counted(snapshot.count, 'patient')} in {seconds:.1f} s: {file}."
        tell(said, as_json, file=file, patients=snapshot.count, seconds=round(seconds, 3))
