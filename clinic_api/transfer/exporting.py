"""A list as CSV: all rows of one moment, read by a cursor, and told in the audit before anybody has them."""

import csv
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime
from io import StringIO
from typing import Any, NamedTuple

from pydantic_core import to_json
from sqlalchemy import Engine, Select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from clinic_api.audit import Actor, act_as, tell
from clinic_api.database import commit, in_hand
from clinic_api.models import Action, Entity
from clinic_api.reading import how_many
from clinic_api.transfer import nothing
from clinic_api.transfer.sheet import defused
from clinic_api.transfer.statements import allow_time, batches

BATCH = 1_000  # rows, and patients that an event of the audit names
STREAM = {"stream_results": True, "yield_per": BATCH}
AT_ONCE = 100  # rows, about a millisecond


class Part(NamedTuple):
    """Some of the rows; none after the last."""

    ids: list[int]
    csv: bytes


class Snapshot:
    """The rows of a statement as they are at one moment. Any thread may ask it, one at a time."""

    def __init__(self, engine: Engine, statement: Select[Any], values: dict[str, Any], within: float) -> None:
        self.statement, self.values = statement, values
        self.connection = engine.connect()
        try:
            self.open(within)
        except BaseException:
            self.close()
            raise

    def open(self, within: float) -> None:
        with in_hand(self.connection):
            self.connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            allow_time(self.connection, within)
            self.count: int = self.connection.execute(how_many(self.statement), self.values).scalar_one()
            self.rows = self.connection.execute(self.statement, self.values, execution_options=STREAM).partitions()

    def read(self, pace: Callable[[], None] = nothing) -> Part:
        with in_hand(self.connection):
            rows = next(self.rows, ())
            return Part([row.id for row in rows if hasattr(row, "id")], as_csv(rows, pace))

    def close(self) -> None:
        with suppress(DBAPIError):
            self.connection.close()


def tell_export(
    engine: Engine, actor: Actor, entity: Entity | None, part: Part, changes: dict[str, Any] | None = None
) -> None:
    """That somebody is about to have these rows. What the whole export is stands in the first of its events."""
    with Session(engine) as session:
        act_as(session, actor)
        tell(session, Action.export, entity, None, changes, (entity and part.ids) or None)
        commit(session)


def as_csv(rows: Iterable[Iterable[Any]], pace: Callable[[], None] = nothing) -> bytes:
    """Lines of CSV. `pace` is called every now and then."""
    lines = StringIO()
    write = csv.writer(lines).writerows
    for some in batches(rows, AT_ONCE):
        write(map(cell, row) for row in some)
        pace()
    return lines.getvalue().encode()


def cell(value: Any) -> Any:
    """What stands for this value in a spreadsheet: what JSON has, without quotes."""
    if isinstance(value, str):
        return defused(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if value is None or isinstance(value, int | date):
        return value
    return to_json(value).decode()
