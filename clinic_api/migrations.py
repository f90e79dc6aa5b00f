"""The schema: whether it is as new as this code needs, and bringing it there. Alembic alone changes it."""

import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from clinic_api.errors import Unready
from clinic_api.sentences import reason

UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703"  # SQLSTATE
MIGRATING = 7_236_514_002
"""The advisory lock of whoever changes the schema; any number that nothing else locks."""
FOREIGN = "The database's schema is no schema of this program's. Check whether DATABASE_URL names another's."
TOO_OLD = "The database's schema is too old for this version. Run: python -m clinic_api migrate"
UPGRADE = """
import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)  # who waits for it says what there is to say
from sqlalchemy import make_url; from clinic_api.errors import Unready; from clinic_api.migrations import upgrade
try:
    upgrade(make_url(input()))
except Unready as error:
    print(error.detail); raise SystemExit(1)
"""
HOMES = (Path(__file__).parent.parent, Path.cwd())
HOME = next((home for home in HOMES if (home / "alembic.ini").exists()), HOMES[0])


def scripts() -> list[Path]:
    """They are numbered, so that a greater one is a newer one."""
    return sorted((HOME / "alembic" / "versions").glob("[0-9]*.py"))


@lru_cache
def newest() -> str:
    """The revision that this code needs."""
    if not scripts():
        raise Unready("The migrations are not here. Run this in the project's folder, which holds `alembic`.")
    return scripts()[-1].name.split("_")[0]


def made_by_hand() -> set[str]:
    """The functions, sequences and views that they make: no model tells of these."""
    made = re.compile(r"CREATE (?:OR REPLACE )?(?:FUNCTION|SEQUENCE|VIEW|MATERIALIZED VIEW) (\w+)")
    return {name for path in scripts() for name in made.findall(path.read_text())}


def current(connection: Connection) -> str:
    """The revision of this database; empty when nothing was ever migrated. Raises Unready for another program's."""
    try:
        revisions = list(connection.scalars(text("SELECT version_num FROM alembic_version")))
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != UNDEFINED_TABLE:
            raise
        return ""
    if len(revisions) > 1 or not all(re.fullmatch(r"\d{4}", revision, re.ASCII) for revision in revisions):
        raise Unready(FOREIGN)
    return str(revisions[0]) if revisions else ""


def upgrade(url: URL) -> None:
    """Bring the schema to the newest revision; several that do so at once wait for one another. Raises Unready."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(HOME / "alembic.ini")
    config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except (CommandError, SQLAlchemyError) as error:
        raise Unready(
            f"The database could not be migrated, and is as it was ({reason(error)})."
            " Check whether it is another program's, or restore a backup."
        ) from error


def upgrade_apart(url: URL) -> None:
    """`upgrade` in a process of its own, for one that goes on: Alembic would stay in its memory. Raises Unready.

    It finds the same modules, and runs nothing of the script that this process runs. No list of processes shows `url`.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", UPGRADE],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        input=url.render_as_string(hide_password=False),
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise Unready(done.stdout.strip() or "The database could not be migrated. Run: python -m clinic_api migrate")


def are_missing(engine: Engine) -> bool:
    """Whether this code needs a migration that the database has not seen. A newer schema is fine."""
    try:
        with engine.connect() as connection:
            return current(connection) < newest()
    except DBAPIError as error:
        if not error.connection_invalidated:  # a pooled connection that died meanwhile says nothing of the database
            raise
    with engine.connect() as connection:
        return current(connection) < newest()


def refuse_older(engine: Engine) -> None:
    """Raises Unready while a migration is missing, or where the schema is another program's."""
    if are_missing(engine):
        raise Unready(TOO_OLD)
