"""Who did what to which record, when, from where. The database refuses to change or delete it."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field as Rule
from sqlalchemy import ARRAY, BigInteger, DateTime, Index, Integer, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from clinic_api.models.base import MOMENT
from clinic_api.models.fields import Action, Entity, Id, Moment, choice
from clinic_api.models.page import ListQuery


class AuditEventBase(SQLModel):
    id: Annotated[int, Field(primary_key=True, sa_type=BigInteger), Rule(examples=[1])]
    at: Annotated[
        datetime,
        Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.clock_timestamp()}),
        MOMENT,
    ]
    actor_id: Annotated[
        int | None, Rule(description="None for nobody signed in or the command line.", examples=[2])
    ] = None
    actor_email: Annotated[
        str | None, Field(max_length=254), Rule(description="As it was then.", examples=["ada.lovelace@example.org"])
    ] = None
    action: Annotated[Action, Field(sa_type=choice(Action)), Rule(examples=["update"])]
    entity: Annotated[Entity | None, Field(sa_type=choice(Entity), nullable=True), Rule(examples=["patient"])] = None
    entity_id: Annotated[int | None, Rule(examples=[1])] = None
    entity_ids: Annotated[
        list[int] | None,
        Field(sa_type=ARRAY(Integer)),
        Rule(description="The records that a list showed, or that were imported or exported.", examples=[None]),
    ] = None
    changes: Annotated[
        dict[str, list[Any]] | None,
        Field(sa_type=JSONB(none_as_null=True)),
        Rule(description="`{field: [old, new]}`.", examples=[{"phone": [None, "+49 30 1234567"]}]),
    ] = None
    address: Annotated[
        str | None, Field(max_length=64), Rule(description="Where the request came from.", examples=["192.0.2.7"])
    ] = None
    request_id: Annotated[
        str | None, Field(max_length=64), Rule(description="The answer's X-Request-ID.", examples=["5f2b8c1d9e3a4f60"])
    ] = None


class AuditEvent(AuditEventBase, table=True):
    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "at"),
        Index(None, "actor_id", "id"),
        Index("ix_audit_events_entity", "entity_id", "entity", "id", postgresql_where=text("entity_id IS NOT NULL")),
        # Nearly all events are looks at patients; the others are found without passing over those.
        Index("ix_audit_events_no_look", "action", "id", postgresql_where=text("action NOT IN ('read', 'list')")),
        Index("ix_audit_events_no_patient", "entity", "id", postgresql_where=text("entity <> 'patient'")),
    )


class AuditEventPublic(AuditEventBase):
    pass


class AuditQuery(ListQuery):
    actor_id: Annotated[Id | None, Rule(description="Only what this user did.")] = None
    action: Annotated[Action | None, Rule(description="Only what was done so.")] = None
    entity: Annotated[Entity | None, Rule(description="Only what was done to such records.")] = None
    entity_id: Annotated[Id | None, Rule(description="Only what was done to the record with this id.")] = None
    since: Annotated[Moment | None, Rule(description="Only from this moment on.")] = None
    until: Annotated[Moment | None, Rule(description="Only before this moment.")] = None


class AccessLogEntry(SQLModel, table=True):
    """Which events concern a patient. A trigger keeps it: a row for each patient in each batch of events."""

    __tablename__ = "access_log"

    patient_id: Annotated[int, Field(primary_key=True)]
    newest_at: Annotated[datetime, Field(sa_type=DateTime(timezone=True), primary_key=True)]
    newest_id: Annotated[int, Field(primary_key=True, sa_type=BigInteger)]
    event_ids: Annotated[list[int], Field(sa_type=ARRAY(BigInteger))]
