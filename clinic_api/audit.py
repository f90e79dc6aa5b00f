"""Who did what to which record: changes are told in the transaction that makes them, looks by `looks.py`."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python
from sqlalchemy import (
    CompoundSelect,
    DateTime,
    Select,
    bindparam,
    cast,
    event,
    func,
    insert,
    inspect,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import UOWTransaction
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

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
from clinic_api.ordering import after
from clinic_api.reading import where_equal
from clinic_api.selecting import Key, Selection

ENTITIES: dict[type[SQLModel], Entity] = {User: Entity.user, Doctor: Entity.doctor, Patient: Entity.patient}
WRITE = insert(AuditEvent)
NOT_TOLD = {*Record.model_fields, "hashed_password", "password_set_at"} - {"retired_at"}


class Actor(NamedTuple):
    """Who did it and from where; nobody and nowhere for the command line."""

    id: int | None = None
    email: str | None = None
    address: str | None = None
    request_id: str | None = None


def act_as(session: Session, actor: Actor) -> None:
    """From now on this person is the one who does what this session does."""
    session.info["actor"] = actor


def actor_of(session: OrmSession) -> Actor:
    actor: Actor = session.info.get("actor", Actor())
    return actor


def tell(
    session: OrmSession,
    action: Action,
    entity: Entity | None,
    entity_id: int | None,
    changes: Mapping[str, Sequence[Any]] | None = None,
    entity_ids: Sequence[int] | None = None,
) -> None:
    """Write an event in this transaction."""
    values = {
        "action": action,
        "entity": entity,
        "entity_id": entity_id,
        "entity_ids": entity_ids,
        "changes": to_jsonable_python(changes),
    }
    session.connection().execute(WRITE, values | by(actor_of(session)))


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
    for record in session.new:
        if entity := ENTITIES.get(type(record)):
            values = {name: getattr(record, name) for name in type(record).model_fields if name not in NOT_TOLD}
            told = {name: [None, value] for name, value in values.items() if value is not None}
            tell(session, Action.create, entity, record.id, told)
    for record in session.dirty:
        if (entity := ENTITIES.get(type(record))) and session.is_modified(record):
            changed = {name: before(record, name) for name in type(record).model_fields if is_changed(record, name)}
            told = {name: [old, getattr(record, name)] for name, old in changed.items() if name not in NOT_TOLD}
            told = {name: pair for name, pair in told.items() if pair[0] != pair[1]}
            tell(session, action_of(changed, told), entity, record.id, told or None)


def is_changed(record: SQLModel, name: str) -> bool:
    return bool(inspect(record).attrs[name].history.has_changes())


def before(record: SQLModel, name: str) -> Any:
    return next(iter(inspect(record).attrs[name].history.deleted), None)


def action_of(changed: Mapping[str, Any], told: Mapping[str, Sequence[Any]]) -> Action:
    if "hashed_password" in changed:
        return Action.password_change
    if "retired_at" in told:
        return Action.restore if told["retired_at"][1] is None else Action.delete
    return Action.update


def events_matching(query: AuditQuery) -> Selection[AuditEvent]:
    values = {"since": query.since, "until": query.until}
    among = events_between(query.since is not None, query.until is not None)._replace(values=values)
    return where_equal(among, query, "actor_id", "action", "entity", "entity_id")


@cache
def events_between(since: bool, until: bool) -> Selection[AuditEvent]:
    statement = select(AuditEvent)
    if since:
        statement = statement.where(AuditEvent.at >= bindparam("since"))
    if until:
        statement = statement.where(AuditEvent.at < bindparam("until"))
    return Selection(statement)


def access_log(patient_id: int, query: ListQuery) -> Selection[AuditEvent]:
    """What was done with this patient, newest first."""
    values: dict[str, Any] = {"log_of": patient_id, "most": query.offset + query.limit + 1}
    batches = BATCHES if query.sort or query.total else FIRST_BATCHES if query.cursor is None else NEXT_BATCHES
    return Selection(batches, values, order=(Key(AuditEvent.at, True), Key(AuditEvent.id, True)))


def events_in(batches: Select[Any] | CompoundSelect[Any]) -> SelectOfScalar[AuditEvent]:
    ids = select(func.unnest(batches.subquery().c.event_ids))
    return select(AuditEvent).where(col(AuditEvent.id).in_(ids))


A_BATCH_AT_MOST = timedelta(minutes=1)
"""From its first event to its last: looks are gathered for a second, a little longer while the database is away."""
# Each row of the access log has an event at least, so the newest `n` events lie in its newest `n` rows; and after the
# place where a page ended, in the `n` rows that are older throughout, or in one that was being gathered at that moment.
LOG = select(AccessLogEntry.event_ids).where(AccessLogEntry.patient_id == bindparam("log_of"))
NEWEST = (col(AccessLogEntry.newest_at), col(AccessLogEntry.newest_id))
AT = cast(after(0), DateTime(timezone=True))
END = tuple_(AT, after(1))
FIRST = LOG.order_by(*(column.desc() for column in NEWEST)).limit(bindparam("most"))
GATHERED = LOG.where(tuple_(*NEWEST) >= END, AccessLogEntry.newest_at < AT + A_BATCH_AT_MOST)
BATCHES = events_in(LOG)
FIRST_BATCHES = events_in(FIRST)
NEXT_BATCHES = events_in(union_all(FIRST.where(tuple_(*NEWEST) < END), GATHERED))
