from sqlalchemy import Engine
from sqlmodel import Session

from clinic_api import migrations
from clinic_api.cli.console import NO_ADMIN, settings_and_errors
from clinic_api.config import Settings
from clinic_api.database import database
from clinic_api.passwords import Passwords
from clinic_api.services.accounts import add_first_admin, an_admin_exists
from clinic_api.transfer.statements import analyze


def migrate() -> None:
    """Bring the database's schema up to date, and make the administrator of ADMIN_EMAIL when there is none.

    Safe to repeat, and for several at once.
    """
    with settings_and_errors() as settings, database(settings) as engine:
        migrations.upgrade(engine.url)
        print(f"The schema is up to date (revision {migrations.newest()}).")
        analyze(engine)  # after an upgrade of PostgreSQL itself nothing is known of the tables
        make_first_admin(engine, settings)


def make_first_admin(engine: Engine, settings: Settings) -> None:
    with Session(engine) as session:
        passwords = Passwords(settings)
        if add_first_admin(session, settings, passwords) is not None:
            print("The administrator of ADMIN_EMAIL was made.")
        elif settings.env == "prod" and not an_admin_exists(session):
            print(NO_ADMIN)
        session.commit()
