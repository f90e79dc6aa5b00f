"""What `check` finds out about the database, on one connection; nothing is migrated or made."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from clinic_api import migrations
from clinic_api.cli.check.machine import Finding
from clinic_api.cli.console import NO_ADMIN
from clinic_api.config import Settings
from clinic_api.database import TRANSFERS, located, make_engine, sqlstate
from clinic_api.errors import ClinicError
from clinic_api.models import Role, User
from clinic_api.sentences import reason

TRIED = 15  # the oldest PostgreSQL that is tested
APART = 5  # seconds
BESIDE_THREADS = 2 + TRANSFERS  # connections of a process
ABOUT = ("schema", "administrator", "clock", "connections", "timeouts")
NEEDED = {"schema", "administrator"}  # nothing works where the role may not read them
NOT_MADE = "There is none yet under DATA_DIR: `serve` and `migrate` make it."


def look_at_database(settings: Settings, complaints: list[str]) -> Iterator[Finding]:
    """All that the database tells; where it does not answer, that, and what is not known therefore."""
    if any("DATABASE_URL" in complaint for complaint in complaints):
        yield from unknown("database", *ABOUT)
    elif settings.url is None and not (settings.data_dir / "postgres").exists():
        yield Finding("database", "hint", NOT_MADE)
    else:
        yield from ask(settings)


def unknown(*names: str) -> Iterator[Finding]:
    for name in names:
        yield Finding(name, "unknown", "Not known without the database.")


def ask(settings: Settings) -> Iterator[Finding]:
    try:
        with located(settings) as url:
            engine = make_engine(url, settings)
            with engine.connect() as connection:
                yield server_of(connection, settings)
                for about, look in zip(ABOUT, LOOKS, strict=True):
                    yield looked(about, look, connection, settings)
            engine.dispose()
    except ClinicError as error:
        yield Finding("database", "wrong", error.detail)
        yield from unknown(*ABOUT)
    except DBAPIError as error:
        complaint = f"It refuses or does not answer ({reason(error)}). Check DATABASE_URL, and that PostgreSQL runs."
        yield Finding("database", "wrong", complaint)
        yield from unknown(*ABOUT)


def looked(about: str, look: "Look", connection: Connection, settings: Settings) -> Finding:
    try:
        return look(connection, settings)
    except ClinicError as error:
        connection.rollback()
        return Finding(about, "wrong", error.detail)
    except DBAPIError as error:
        connection.rollback()
        needed = about in NEEDED and sqlstate(error) != migrations.UNDEFINED_TABLE  # of which the schema tells
        return Finding(about, "wrong" if needed else "unknown", f"Cannot be read ({reason(error)}).")


def server_of(connection: Connection, settings: Settings) -> Finding:
    here: Any = connection.connection.dbapi_connection.info  # type: ignore[union-attr]
    version, encoding = shown(connection, "server_version"), shown(connection, "server_encoding")
    place = f"{here.dbname} at {here.host}:{here.port}" if settings.url else f"{here.dbname}, the embedded one"
    name = f"PostgreSQL {version.split()[0]} answers ({place})"
    if shown(connection, "transaction_read_only") == "on":
        return Finding("database", "wrong", f"{name}, but takes no writes. Add target_session_attrs=read-write.")
    if encoding != "UTF8":
        return Finding("database", "wrong", f"{name}, but keeps text in {encoding}. Make a database in UTF8.")
    if here.server_version < TRIED * 10_000:
        return Finding("database", "hint", f"{name}, which is older than what is tested: {TRIED} to 18.")
    return Finding("database", "fine", f"{name}.")


def shown(connection: Connection, name: str) -> str:
    return str(connection.scalar(text("SELECT current_setting(:name, true)"), {"name": name}) or "")


def schema_of(connection: Connection, settings: Settings) -> Finding:
    present, newest = migrations.current(connection), migrations.newest()
    connection.rollback()  # where there is no table the transaction has failed
    if present < newest:
        older = f"It has {f'revision {present}' if present else 'no revision'} and needs {newest}."
        return Finding("schema", "wrong", f"{older} Run: python -m clinic_api migrate")
    newer = f", newer than this version's {newest}, which is fine" if present > newest else ""
    return Finding("schema", "fine", f"It has revision {present}{newer}.")


def administrator_of(connection: Connection, settings: Settings) -> Finding:
    admins = select(User.id).where(User.role == Role.ADMIN, col(User.is_active)).limit(1)
    if connection.execute(admins).first():
        return Finding("administrator", "fine", "There is one who may sign in.")
    return Finding("administrator", "wrong" if settings.env == "prod" else "hint", NO_ADMIN)


def clock_of(connection: Connection, settings: Settings) -> Finding:
    """How far the two clocks are apart; half of the time that the answer takes is its way here."""
    before = time.time()
    theirs = float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)
    apart = theirs - (before + time.time()) / 2
    if abs(apart) > APART:
        ahead = "ahead of" if apart > 0 else "behind"
        fact = f"PostgreSQL's is {abs(apart):,.0f} s {ahead} this machine's."
        return Finding("clock", "wrong", f"{fact} Set both by NTP, or tokens end too early or too late.")
    return Finding("clock", "fine", f"This machine's and PostgreSQL's are {abs(apart):.1f} s apart.")


def connections_of(connection: Connection, settings: Settings) -> Finding:
    reserved = int(shown(connection, "superuser_reserved_connections"))
    most, needed = int(shown(connection, "max_connections")) - reserved, settings.pool_size + BESIDE_THREADS
    fact = f"PostgreSQL allows {most}, a process takes up to {needed} (POOL_SIZE + {BESIDE_THREADS})"
    if most < needed:
        return Finding("connections", "wrong", f"{fact}. Raise max_connections, or lower POOL_SIZE.")
    return Finding("connections", "fine", f"{fact}: room for {most // needed}.")


def timeouts_of(connection: Connection, settings: Settings) -> Finding:
    """Those of the server that would end what the API lets run."""
    limit = connection.scalar(text("SELECT setting::int FROM pg_settings WHERE name = 'transaction_timeout'")) or 0
    if 0 < limit < settings.transfer_timeout * 1000:
        fact = f"PostgreSQL's transaction_timeout ({limit / 1000:g} s) ends imports and exports"
        return Finding(
            "timeouts", "hint", f"{fact} before TRANSFER_TIMEOUT ({settings.transfer_timeout:g} s). Raise it."
        )
    statement, lock = f"{settings.statement_timeout:g} s for a statement", f"{settings.lock_timeout:g} s for a lock"
    return Finding("timeouts", "fine", f"{statement}, {lock}, {settings.request_timeout:g} s for a request.")


Look = Callable[[Connection, Settings], Finding]
LOOKS: tuple[Look, ...] = (schema_of, administrator_of, clock_of, connections_of, timeouts_of)
