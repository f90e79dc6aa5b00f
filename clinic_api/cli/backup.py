import time
from pathlib import Path
from typing import Annotated

import typer

from clinic_api.backup.archive import back_up
from clinic_api.backup.restoring import restore as bring_back
from clinic_api.cli.console import Json, settings_and_errors, tell
from clinic_api.cli.progress import long_work


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; an earlier backup is replaced.")],
    as_json: Json = False,
) -> None:
    """Write all of the clinic into a file, while it works on.

    The file is read again and its rows are counted before it takes the place
    of an earlier one. It holds patients, hashed passwords and the audit; only
    its owner may read it.
    """
    with settings_and_errors() as settings, long_work(as_json) as show:
        began = time.monotonic()
        rows = back_up(settings, file, show)
        size, seconds = file.stat().st_size, time.monotonic() - began
    said = f"Backed up {counted(rows)} in {seconds:.1f} s: {file}, {size / 1e6:,.1f} MB, read again and complete."
    tell(said, as_json, file=file, bytes=size, rows=rows, seconds=round(seconds, 3))


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` has written.")],
    replace: Annotated[bool, typer.Option("--replace", help="Delete what is in the database now.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup into the database, which must be empty.

    With --replace it takes the place of what is there. All or nothing: if it
    fails, the database is as it was. A backup of an older version is migrated.
    """
    with settings_and_errors() as settings, long_work(as_json) as show:
        began = time.monotonic()
        rows, revision = bring_back(settings, file, replace, show)
        seconds = time.monotonic() - began
    said = f"Restored {counted(rows)} in {seconds:.1f} s, counted in the database."
    if revision is not None:
        said += f"\nThe schema was older (revision {revision}), and is up to date now."
    tell(said, as_json, file=file, rows=rows, migrated_from=revision, seconds=round(seconds, 3))


def counted(rows: dict[str, int]) -> str:
    return f"{sum(rows.values()):,} rows of {len(rows)} tables"
