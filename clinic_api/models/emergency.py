"""Emergency access: a doctor asks for the one patient before them, and is answered with that patient for four hours."""

from datetime import datetime
from typing import Annotated

from pydantic import Field as Rule
from sqlmodel import SQLModel

from clinic_api.models.assignment import AssignmentBase
from clinic_api.models.base import MOMENT, Input
from clinic_api.models.fields import BirthDate, EmergencyReason, RecordNumber
from clinic_api.models.patient import PatientPublic


class EmergencyRequest(Input):
    medical_record_number: RecordNumber
    birth_date: BirthDate
    reason: EmergencyReason


class EmergencyAccessPublic(AssignmentBase):
    reason: EmergencyReason
    expires_at: Annotated[datetime, MOMENT]


class EmergencyGrant(SQLModel):
    patient: PatientPublic
    expires_at: Annotated[
        datetime | None,
        Rule(
            description="When the access ends by itself; none when the patient is assigned to you anyway.",
            examples=["2026-01-31T13:30:00Z"],
        ),
    ]
