import time
from pathlib import Path
from typing import Annotated

import typer

from clinic_api.backup.archive import back_up
from clinic_api.backup.restoring import restore as bring_back
from clinic_api.cli.console import settings_and_errors
from clinic_api.cli.progress import long_work


def backup(
    file: Annotated[Path, typer.Argument(help="Where to. A backup that is there is replaced once this one is proved.")],
) -> None:
    """Write all of the clinic into a file, while it goes on working; then read the file and count its rows.

    The file holds patients, hashed passwords and the audit; only its owner may read it.

    Example: python -m clinic_api backup clinic.backup
    """
    with settings_and_errors() as settings, long_work() as tell:
        began = time.monotonic()
        rows = back_up(settings, file, tell)
        size, seconds = file.stat().st_size / 1e6, time.monotonic() - began
    print(f"Backed up {counted(rows)} in {seconds:.1f} s: {file}, {size:,.1f} MB, read again and complete.")


def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` has written.")],
    replace: Annotated[bool, typer.Option("--replace", help="Delete what is in the database now.")] = False,
) -> None:
    """Put a backup into the database of the settings, which must be empty, unless told to replace what is there.

    All or nothing: if it fails, the database is as it was. A backup of an older version is migrated too.

    Example: python -m clinic_api restore clinic.backup
    """
    with settings_and_errors() as settings, long_work() as tell:
        began = time.monotonic()
        rows, revision = bring_back(settings, file, replace, tell)
        seconds = time.monotonic() - began
    print(f"Restored {counted(rows)} in {seconds:.1f} s, counted in the database.")
    if revision is not None:
        print(f"The schema was older (revision {revision}), and is up to date now.")


def counted(rows: dict[str, int]) -> str:
    return f"{sum(rows.values()):,} rows of {len(rows)} tables"
