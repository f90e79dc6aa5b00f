"""The link between a doctor and a patient: who may see whom."""

from typing import Annotated

from pydantic import Field as Rule
from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from clinic_api.models.base import Created
from clinic_api.models.fields import Id


class AssignmentBase(SQLModel):
    doctor_id: Annotated[Id, Field(foreign_key="doctors.id", primary_key=True)]
    patient_id: Annotated[Id, Field(foreign_key="patients.id", primary_key=True)]
    assigned_at: Created
    assigned_by: Annotated[Id, Field(foreign_key="users.id"), Rule(description="The administrator who assigned.")]


class Assignment(AssignmentBase, table=True):
    __tablename__ = "assignments"
    __table_args__ = (Index(None, "patient_id"),)


class AssignmentPublic(AssignmentBase):
    pass
