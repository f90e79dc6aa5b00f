from typing import Literal

from sqlalchemy import Engine
from sqlmodel import Session

from clinic_api import migrations
from clinic_api.cli.console import NO_ADMIN, Json, settings_and_errors, tell
from clinic_api.cli.progress import long_work
from clinic_api.config import Settings
from clinic_api.database import database
from clinic_api.passwords import Passwords
from clinic_api.services.accounts import add_first_admin, an_admin_exists
from clinic_api.transfer.statements import analyze

MADE = "The administrator of ADMIN_EMAIL was made."


def migrate(as_json: Json = False) -> None:
    """Bring the schema up to date, and make the first account.

    It is an administrator's, with ADMIN_EMAIL and ADMIN_PASSWORD, where there
    is no administrator yet. Safe to repeat, and for several at once.
    """
    with settings_and_errors() as settings, database(settings) as engine:
        with long_work(as_json, "Run it again: a migration is done as a whole or not at all.") as show:
            show("Migrating")
            if migrations.are_missing(engine):
                migrations.upgrade(engine.url)
            show("Looking at what is there now")
            analyze(engine)  # after an upgrade of PostgreSQL itself nothing is known of the tables
        with engine.connect() as connection:
            revision = migrations.current(connection)
        admin = make_first_admin(engine, settings)
    said = [how_new(revision, migrations.newest())]
    if admin == "made":
        said.append(MADE)
    elif admin == "missing" and settings.env == "prod":
        said.append(NO_ADMIN)
    tell("\n".join(said), as_json, revision=revision, administrator=admin)


def how_new(revision: str, newest: str) -> str:
    if revision > newest:  # after a return to an older version
        return f"The schema is newer (revision {revision}) than this version needs ({newest}), which is fine."
    return f"The schema is up to date (revision {revision})."


def make_first_admin(engine: Engine, settings: Settings) -> Literal["made", "there", "missing"]:
    with Session(engine) as session:
        if add_first_admin(session, settings, Passwords(settings)) is not None:
            session.commit()
            return "made"
        return "there" if an_admin_exists(session) else "missing"
