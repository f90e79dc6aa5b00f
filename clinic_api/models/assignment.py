"""The link between a doctor and a patient: who may see whom, and in an emergency for how long."""

from datetime import datetime
from typing import Annotated

from pydantic import Field as Rule
from sqlalchemy import CheckConstraint, ColumnElement, DateTime, Index, func, text
from sqlmodel import Field, SQLModel, col, or_

from clinic_api.models.base import Created
from clinic_api.models.fields import Id


class AssignmentBase(SQLModel):
    doctor_id: Annotated[Id, Field(foreign_key="doctors.id", primary_key=True)]
    patient_id: Annotated[Id, Field(foreign_key="patients.id", primary_key=True)]
    assigned_at: Created
    assigned_by: Annotated[Id, Field(foreign_key="users.id"), Rule(description="The user who assigned.")]


class Assignment(AssignmentBase, table=True):
    __tablename__ = "assignments"
    __table_args__ = (
        Index(None, "patient_id"),
        Index(None, "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        CheckConstraint("(reason IS NULL) = (expires_at IS NULL)", name="ends_if_emergency"),
    )

    reason: Annotated[str | None, Field(max_length=100)] = None
    expires_at: Annotated[datetime | None, Field(sa_type=DateTime(timezone=True))] = None


def in_force() -> ColumnElement[bool]:
    """Those that hold now: an emergency's is ended by the clock."""
    return or_(col(Assignment.expires_at).is_(None), col(Assignment.expires_at) > func.now())


class AssignmentPublic(AssignmentBase):
    pass
