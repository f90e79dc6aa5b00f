"""Rows into a table by PostgreSQL's COPY, a batch at a time."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import islice
from typing import Any, TypeVar

import psycopg2
from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.exc import DBAPIError, OperationalError

Item = TypeVar("Item")

BATCH = 2_000  # rows
ANALYZE_WITHIN = 60  # seconds, for each table


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    rest = iter(items)
    return iter(lambda: list(islice(rest, size)), [])


def copy(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """In the transaction at hand. Where nothing stands it is NULL, or an empty text in a column that takes no NULL."""
    filled = ", ".join(name for name in columns if not table.c[name].nullable)
    options = f"FORMAT csv, FORCE_NOT_NULL ({filled})" if filled else "FORMAT csv"
    data = StringIO()
    csv.writer(data, lineterminator="\n").writerows(rows)
    data.seek(0)
    cursor: Any = connection.connection.cursor()
    with cursor:
        try:
            cursor.copy_expert(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN ({options})", data)
        except psycopg2.Error as error:
            raise told(connection, error) from None


def told(connection: Connection, error: Any) -> DBAPIError:
    """What SQLAlchemy would make of this error; of COPY it knows nothing."""
    is_gone = connection.dialect.is_disconnect(error, None, None)
    if is_gone:
        connection.invalidate()
    kind = OperationalError if isinstance(error, psycopg2.OperationalError) else DBAPIError
    return kind("COPY", None, error, hide_parameters=True, connection_invalidated=is_gone)


def analyze(engine: Engine, table: str) -> None:
    """Let PostgreSQL look at what is there now, in this table and in those that hang on it, and plan accordingly.

    If it cannot now, it does so by itself within minutes.
    """
    hanging = text("SELECT conrelid::regclass::text FROM pg_constraint WHERE confrelid = CAST(:table AS regclass)")
    with suppress(DBAPIError), engine.begin() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = '{ANALYZE_WITHIN}s'"))
        for name in {table, *connection.scalars(hanging, {"table": table})}:
            connection.execute(text(f"ANALYZE {name}"))
