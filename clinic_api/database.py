"""The database: which one, the engine for it, and the one way to find a record."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, func, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api import migrations
from clinic_api.config import Settings
from clinic_api.errors import NotFound

Found = TypeVar("Found")


@contextmanager
def located(settings: Settings) -> Iterator[URL]:
    """The address of the database that the settings name; the embedded one runs as long as the block does."""
    if settings.url is not None:
        yield settings.url
    else:
        from clinic_api import embedded

        with embedded.running(settings.data_dir, settings.test_db_name if settings.env == "test" else "clinic") as url:
            yield url


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """An engine for that database. Nobody but us looks after an embedded one, so it is migrated too."""
    with located(settings) as url:
        engine = make_engine(url, settings)
        if settings.url is None and migrations.are_missing(engine):
            migrations.upgrade(url)
        yield engine
        engine.dispose()


def make_engine(url: URL, settings: Settings) -> Engine:
    """As many connections as threads, none beyond; each waits for nothing longer than the settings say."""
    engine = create_engine(
        url,
        pool_size=settings.pool_size + 1,  # the audit has one of its own
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={"connect_timeout": math.ceil(settings.connect_timeout), "application_name": "clinic-api"},
    )

    # SQLAlchemy's own sends a SET while a connection goes back to the pool, and loses its place there if that fails.
    engine.dialect.set_isolation_level = set_autocommit  # type: ignore[assignment,method-assign]

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('TimeZone', 'UTC', false), set_config('statement_timeout', %s, false),"
                " set_config('lock_timeout', %s, false)",
                (f"{settings.statement_timeout:.3f}s", f"{settings.lock_timeout:.3f}s"),
            )
        connection.commit()

    return engine


def set_autocommit(connection: Any, level: str) -> None:
    """Reads run in AUTOCOMMIT, which psycopg2 keeps to itself."""
    connection.autocommit = level == "AUTOCOMMIT"


def clock(session: Session) -> datetime:
    """The time by the database's clock, which all processes share."""
    now: datetime = session.exec(select(func.clock_timestamp())).one()
    return now


def is_transient(error: DBAPIError, committing: bool) -> bool:
    """Whether the same transaction may well succeed now.

    PostgreSQL asks for another try after a deadlock or a serialization failure; and a pooled connection may be dead,
    which before the commit harms nothing.
    """
    asked = getattr(error.orig, "pgcode", None) in ("40001", "40P01")
    return asked or (error.connection_invalidated and not committing)


def constraint(error: DBAPIError) -> str | None:
    """The name of the constraint that was violated."""
    name: str | None = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return name


def find(
    session: Session, among: SelectOfScalar[Found], id: int, *, lock: Literal["UPDATE", "SHARE"] | None = None
) -> Found:
    """The record with this id among those that the statement selects. Raises NotFound when it is not there."""
    statement = with_id(among, id)
    if lock is not None:
        statement = statement.with_for_update(read=lock == "SHARE", of=entity(among))
    record = session.exec(statement).one_or_none()
    if record is None:
        raise NotFound(entity(among))
    return record


def with_id(among: SelectOfScalar[Found], id: int) -> SelectOfScalar[Found]:
    return among.where(entity(among).id == id)


def entity(statement: SelectOfScalar[Any]) -> Any:
    """The table class that this statement selects."""
    return statement.column_descriptions[0]["entity"]
