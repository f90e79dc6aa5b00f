"""Who did what to which record: the one place that writes it.

Changes are written in the transaction that makes them. Looks are written shortly after the answer, many at once, so
that reading stays fast; they wait in memory for `GATHER` seconds, which is what a killed process may lose of them.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, Full, Queue
from typing import Any, NamedTuple

import structlog
from pydantic_core import to_json, to_jsonable_python
from sqlalchemy import Engine, event, func, insert, inspect, text
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import UOWTransaction
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.errors import Unready
from clinic_api.models import (
    AccessLogEntry,
    Action,
    AuditEvent,
    AuditQuery,
    Doctor,
    Entity,
    ListQuery,
    Patient,
    User,
)
from clinic_api.models.base import Record
from clinic_api.reading import where_equal

log = structlog.get_logger()

GATHER = 0.2  # seconds
BATCH = 256  # looks
LONGEST_QUEUE = 10_000  # looks
RETRY = 0.5  # seconds
LAST_CHANCE = 10  # seconds, when the process ends while the database does not answer

ENTITIES: dict[type[SQLModel], Entity] = {User: Entity.user, Doctor: Entity.doctor, Patient: Entity.patient}
NOT_TOLD = {*Record.model_fields, "hashed_password"} - {"retired_at"}


class Actor(NamedTuple):
    """Who did it and from where; nobody and nowhere for the command line."""

    id: int | None = None
    email: str | None = None
    address: str | None = None
    request_id: str | None = None


def act_as(session: Session, actor: Actor) -> None:
    """From now on this person is the one who does what this session does."""
    session.info["actor"] = actor


def tell(
    session: OrmSession,
    action: Action,
    entity: Entity | None,
    entity_id: int | None,
    changes: Mapping[str, Sequence[Any]] | None = None,
) -> None:
    """Write an event in this transaction."""
    values = {"action": action, "entity": entity, "entity_id": entity_id, "changes": to_jsonable_python(changes)}
    session.connection().execute(insert(AuditEvent).values(values | by(session.info.get("actor", Actor()))))


def tell_look(session: OrmSession, record: SQLModel) -> None:
    """A change that changes nothing shows the record nevertheless."""
    if isinstance(record, Patient):
        tell(session, Action.read, Entity.patient, record.id)


def by(actor: Actor) -> dict[str, Any]:
    return {
        "actor_id": actor.id,
        "actor_email": actor.email,
        "address": actor.address,
        "request_id": actor.request_id,
    }


@event.listens_for(OrmSession, "after_flush")
def tell_changes(session: OrmSession, _context: UOWTransaction) -> None:
    """Every record that was just made or changed, with each field's old and new value; secrets never."""
    for record in [*session.new, *session.dirty]:
        if (entity := ENTITIES.get(type(record))) and session.is_modified(record):
            changed = {name: before(record, name) for name in type(record).model_fields if is_changed(record, name)}
            told = {name: [old, getattr(record, name)] for name, old in changed.items() if name not in NOT_TOLD}
            told = {name: pair for name, pair in told.items() if pair[0] != pair[1]}
            tell(session, action_of(record in session.new, changed, told), entity, record.id, told or None)


def is_changed(record: SQLModel, name: str) -> bool:
    return bool(inspect(record).attrs[name].history.has_changes())


def before(record: SQLModel, name: str) -> Any:
    return next(iter(inspect(record).attrs[name].history.deleted), None)


def action_of(new: bool, changed: Mapping[str, Any], told: Mapping[str, Sequence[Any]]) -> Action:
    if new:
        return Action.create
    if "hashed_password" in changed:
        return Action.password_change
    if "retired_at" in told:
        return Action.restore if told["retired_at"][1] is None else Action.delete
    return Action.update


# One parameter for a whole batch: this costs the process a tenth of what as many rows of parameters would.
WRITE_LOOKS = text("""
    INSERT INTO audit_events (at, actor_id, actor_email, action, entity, entity_id, entity_ids, address, request_id)
    SELECT * FROM json_to_recordset(:looks) AS look (
        at timestamptz, actor_id int, actor_email text, action text, entity text, entity_id int, entity_ids int[],
        address text, request_id text
    )
""")


class Looks:
    """Looks at patients that are about to be written, by a thread of its own.

    Nothing is dropped: when the database does not take them, they are kept and tried again; when there is no more
    room, readers wait, and after `patience` seconds are refused.
    """

    def __init__(self, engine: Engine, patience: float) -> None:
        self.engine = engine
        self.patience = patience
        self.queue: Queue[dict[str, Any] | None] = Queue(LONGEST_QUEUE)
        self.hurry = threading.Event()
        self.writer = threading.Thread(target=self.write_all, name="audit", daemon=True)
        self.writer.start()

    def add(self, actor: Actor, ids: Sequence[int], *, in_a_list: bool) -> None:
        """Somebody was shown these patients. Raises Unready when that cannot be kept."""
        shown = (
            {"action": Action.list, "entity_ids": ids} if in_a_list else {"action": Action.read, "entity_id": ids[0]}
        )
        look = {"at": datetime.now(UTC), "entity": Entity.patient, **by(actor), **shown}
        try:
            self.queue.put(look, timeout=self.patience)
        except Full:
            raise Unready("The audit cannot be written now, so nothing is shown. Try again in a moment.") from None

    def write_all(self) -> None:
        while (first := self.queue.get()) is not None:
            batch = [first, *self.gathered()]
            while not self.written(batch):
                time.sleep(RETRY)
            for _ in batch:
                self.queue.task_done()

    def gathered(self) -> Iterator[dict[str, Any]]:
        """What else is there after a moment."""
        if self.queue.qsize() < BATCH:
            self.hurry.wait(GATHER)
        with suppress(Empty):
            for _ in range(BATCH):
                if (look := self.queue.get_nowait()) is None:
                    self.queue.put(None)
                    return
                yield look

    def written(self, batch: list[dict[str, Any]]) -> bool:
        try:
            with self.engine.begin() as connection:
                connection.execute(WRITE_LOOKS, {"looks": to_json(batch).decode()})
        except Exception as error:  # whatever it is, the looks are kept
            log.error("audit", error=type(error).__name__, waiting=self.queue.qsize())
            return False
        return True

    def flush(self) -> None:
        """Write all that were added, now."""
        self.hurry.set()
        self.queue.join()
        self.hurry.clear()

    def close(self) -> None:
        """Write what is left, for `LAST_CHANCE` seconds at most."""
        self.hurry.set()
        self.queue.put(None)
        self.writer.join(LAST_CHANCE)
        if self.writer.is_alive():
            log.error("audit", lost=self.queue.qsize())


def events_matching(query: AuditQuery) -> SelectOfScalar[AuditEvent]:
    statement = where_equal(select(AuditEvent), query, "actor_id", "action", "entity", "entity_id")
    if query.since is not None:
        statement = statement.where(AuditEvent.at >= query.since)
    if query.until is not None:
        statement = statement.where(AuditEvent.at < query.until)
    return statement


def access_log(patient_id: int, query: ListQuery) -> SelectOfScalar[AuditEvent]:
    """What was done with this patient, newest first.

    Each row of the access log has an event at least, so the newest `n` events lie in its newest `n` rows.
    """
    batches = select(AccessLogEntry.event_ids).where(AccessLogEntry.patient_id == patient_id)
    if query.sort is None and not query.total:
        newest = batches.order_by(col(AccessLogEntry.newest_at).desc(), col(AccessLogEntry.newest_id).desc())
        batches = newest.limit(query.offset + query.limit)
    ids = select(func.unnest(batches.subquery().c.event_ids))
    events = select(AuditEvent).where(col(AuditEvent.id).in_(ids))
    return events.order_by(col(AuditEvent.at).desc(), col(AuditEvent.id).desc())
