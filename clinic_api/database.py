"""The database: which one, the engine for it, and a commit that is one."""

import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from psycopg2 import InterfaceError
from psycopg2.extensions import STATUS_READY
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlmodel import Session, SQLModel, delete, func, select, tuple_

from clinic_api import migrations
from clinic_api.config import Settings
from clinic_api.errors import Unready

TRY_AGAIN = ("40001", "40P01")  # SQLSTATE: serialization failure, deadlock
READ_ONLY = "25006"
SWEPT = 100  # rows at a time
TRANSFERS = 2  # imports and exports at once
# A server that vanished without a word is noticed after some ten seconds rather than a quarter of an hour.
ALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
in_use: dict[int, Any] = {}
"""The connection that each thread has in hand."""


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
            migrations.upgrade_apart(url)
        yield engine
        engine.dispose()


def make_engine(url: URL, settings: Settings) -> Engine:
    """As many connections as threads, none beyond; each waits for nothing longer than the settings say.

    Nothing is set for a connection but its time zone, which a pooler such as PgBouncer keeps for each of its clients.
    """
    engine = create_engine(
        url,
        pool_size=settings.pool_size + 2 + TRANSFERS,  # the audit has one of its own, and so has who asks for health
        max_overflow=0,
        pool_timeout=settings.request_timeout,
        pool_use_lifo=True,
        hide_parameters=True,
        query_cache_size=100,  # statements, of up to 200 KB each
        use_native_hstore=False,  # it would ask for it on each new connection
        connect_args={"connect_timeout": math.ceil(settings.connect_timeout), "application_name": "clinic-api"} | ALIVE,
    )

    # SQLAlchemy's own sends a SET while a connection goes back to the pool, and loses its place there if that fails.
    engine.dialect.set_isolation_level = set_autocommit  # type: ignore[assignment,method-assign]

    event.listen(engine, "connect", set_up)
    event.listen(engine, "checkout", take)
    event.listen(engine, "checkin", give_back)
    event.listen(engine, "before_cursor_execute", limited(settings), retval=True)
    event.listen(engine, "handle_error", leave_a_former_primary)
    return engine


def set_up(connection: Any, _record: Any) -> None:
    in_use[threading.get_ident()] = connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', 'UTC', false)")
    connection.commit()


def limited(settings: Settings) -> Callable[..., tuple[str, Any]]:
    """Gives each transaction its timeouts, in the message that begins it: what a session was given may be another's."""
    limits = (
        f"SET LOCAL statement_timeout = '{settings.statement_timeout:.3f}s';"
        f" SET LOCAL lock_timeout = '{settings.lock_timeout:.3f}s'; "
    )

    def limit(_: Any, cursor: Any, statement: str, parameters: Any, *_more: Any) -> tuple[str, Any]:
        begins = cursor.connection.status == STATUS_READY and cursor.name is None
        return (limits + statement if begins else statement), parameters

    return limit


def take(connection: Any, _record: Any, _proxy: Any) -> None:
    in_use[threading.get_ident()] = connection


def give_back(_connection: Any, _record: Any) -> None:
    in_use.pop(threading.get_ident(), None)


@contextmanager
def in_hand(connection: Connection) -> Iterator[None]:
    """Used by this thread for a while, though perhaps another one took it from the pool."""
    take(connection.connection.dbapi_connection, None, None)
    try:
        yield
    finally:
        give_back(None, None)


def leave_a_former_primary(context: ExceptionContext) -> None:
    """After a failover: of several hosts another one is written to now, so all connections are made anew."""
    if getattr(context.original_exception, "pgcode", None) == READ_ONLY:
        context.is_disconnect = True


def cut_off(thread: int) -> None:
    """End the connection that this thread has in hand, so that it waits no longer for an answer."""
    if connection := in_use.get(thread):
        with suppress(OSError, InterfaceError), socket.fromfd(connection.fileno(), 0, socket.SOCK_STREAM) as end:
            end.shutdown(socket.SHUT_RDWR)


def commit(session: Session, backend: int | None = None) -> None:
    """Commit, and be sure of it. Raises Unready when PostgreSQL calls committed what its standby did not confirm.

    It does so, with nothing but a warning, when somebody cancels its wait for a synchronous standby. `backend` is the
    number of the PostgreSQL process that runs this transaction, if it was read within it; what the driver knows may be
    a pooler's.
    """
    connection: Any = session.connection().connection.dbapi_connection
    backend = backend or session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    connection.notices.clear()
    try:
        session.commit()
    except OperationalError:
        stop_waiting(session, backend)
        raise
    if connection.notices:
        raise Unready("It is not certain that this was stored. Read before you try again.")


def stop_waiting(session: Session, backend: int) -> None:
    """End its wait for a standby that does not answer: it would outlast our connection, and keep its locks."""
    waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = :pid AND wait_event = 'SyncRep'"
    with suppress(SQLAlchemyError), Session(session.get_bind()) as other:
        other.connection().execute(text(waiting), {"pid": backend})


def set_autocommit(connection: Any, level: str) -> None:
    """Reads run in AUTOCOMMIT, which psycopg2 keeps to itself."""
    connection.autocommit = level == "AUTOCOMMIT"


def clock(session: Session) -> datetime:
    """The time by the database's clock, which all processes share."""
    now: datetime = session.exec(select(func.clock_timestamp())).one()
    return now


def sweep(session: Session, model: type[SQLModel], moment: str, before: datetime) -> None:
    """Delete up to a hundred rows whose `moment` lies before this one; whoever sweeps at the same time takes others."""
    table = model.metadata.tables[str(model.__tablename__)]
    keys = table.primary_key.columns
    old = select(*keys).where(table.c[moment] < before).limit(SWEPT).with_for_update(skip_locked=True)
    session.connection().execute(delete(table).where(tuple_(*keys).in_(old)))


def is_transient(error: DBAPIError, is_unknown: bool) -> bool:
    """Whether the same transaction may well succeed now.

    PostgreSQL asks for another try after a deadlock or a serialization failure; and a pooled connection may be dead,
    which harms nothing unless it is unknown whether the commit was done.
    """
    return sqlstate(error) in TRY_AGAIN or (error.connection_invalidated and not is_unknown)


def sqlstate(error: DBAPIError) -> str | None:
    """What PostgreSQL says has gone wrong; none when it said nothing, as it does not answer."""
    code: str | None = getattr(error.orig, "pgcode", None)
    return code


def constraint(error: DBAPIError) -> str | None:
    """The name of the constraint that was violated."""
    name: str | None = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return name
