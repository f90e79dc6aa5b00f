"""What is asked of PostgreSQL where there is much to do: time, COPY, and a look at what is there afterwards."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import islice
from typing import Any, TypeVar

import psycopg2
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

Item = TypeVar("Item")

ANALYZE_WITHIN = 60  # seconds


# A large sort need not go to the disk. And a backend that works for somebody who has left would notice that in the end
# alone, unless it looks, which it can on Linux.
ALLOW_TIME = text("""
    SELECT set_config('statement_timeout', :most, true), set_config('lock_timeout', '0', true),
        set_config('work_mem', '64MB', true), (
        SELECT set_config(name, '1s', true) FROM pg_settings
        WHERE name = 'client_connection_check_interval' AND version() LIKE '%linux%'
    )
""")


def allow_time(connection: Connection, seconds: float) -> None:
    """To each statement of this transaction, and to its waits for locks."""
    connection.execute(ALLOW_TIME, {"most": f"{seconds:.3f}s"})


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    return iter(lambda: list(islice(rest, size)), [])


def copy(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Iterable[Any]],
    filled: Sequence[str] = (),
) -> None:
    """In the transaction at hand. None and an empty text are NULL, but in the columns that are to be `filled`."""
    options = f"FORMAT csv, FORCE_NOT_NULL ({', '.join(filled)})" if filled else "FORMAT csv"
    data = StringIO()
    csv.writer(data, lineterminator="\n").writerows(rows)
    data.seek(0)
    cursor: Any = connection.connection.cursor()
    with cursor:
        try:
            cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN ({options})", data)
        except psycopg2.Error as error:
            raise told(connection, error) from None


def told(connection: Connection, error: Any) -> DBAPIError:
    """What SQLAlchemy would make of this error; of COPY it knows nothing."""
    is_gone = connection.dialect.is_disconnect(error, None, None)
    if is_gone:
        connection.invalidate()
    kind = OperationalError if isinstance(error, psycopg2.OperationalError) else DBAPIError
    return kind("COPY", None, error, hide_parameters=True, connection_invalidated=is_gone)


def analyze(engine: Engine) -> None:
    """Let PostgreSQL look at the patients that are there now, on whose number each search's way depends.

    If it cannot now, it does so by itself within minutes.
    """
    with suppress(DBAPIError), engine.begin() as connection:
        allow_time(connection, ANALYZE_WITHIN)
        connection.execute(text("ANALYZE patients, patient_words, unassigned_patients, assignments"))
