"""A person who is treated; never a user."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field as Rule
from sqlalchemy import CheckConstraint, Connection, Index, bindparam, func, inspect, select, text
from sqlmodel import Relationship, SQLModel, and_, col

from clinic_api.errors import Invalid
from clinic_api.models.assignment import Assignment, in_force
from clinic_api.models.base import Input, Partial, Record, Row, in_use, unique_in_use
from clinic_api.models.fields import (
    Active,
    Address,
    AdministrativeGender,
    BirthDate,
    DeceasedDate,
    Gender,
    GivenName,
    Id,
    MedicalRecordNumber,
    OptionalEmail,
    OptionalFamilyName,
    Phone,
    RecordNumber,
)
from clinic_api.models.page import ListQuery, Retired, Search

if TYPE_CHECKING:
    from clinic_api.models.doctor import Doctor


CLAIM = select(func.claim_medical_record_number(bindparam("given")))


class PatientBase(SQLModel):
    given_name: GivenName
    family_name: OptionalFamilyName = ""
    birth_date: BirthDate
    gender: AdministrativeGender = Gender.unknown
    medical_record_number: MedicalRecordNumber = None
    phone: Phone = None
    email: OptionalEmail = None
    address: Address = None
    active: Active = True
    deceased_date: DeceasedDate = None

    def refuse_contradictions(self) -> None:
        if self.deceased_date is not None and self.deceased_date < self.birth_date:
            raise Invalid("deceased_date", "must not be before birth_date", "before_birth")


class Patient(PatientBase, Record, table=True):
    searched: ClassVar = ("given_name", "family_name", "medical_record_number", "email", "phone")

    doctors: list["Doctor"] = Relationship(
        back_populates="patients",
        link_model=Assignment,
        sa_relationship_kwargs={
            "viewonly": True,
            "primaryjoin": lambda: and_(col(Patient.id) == col(Assignment.patient_id), in_force()),
        },
    )

    __table_args__ = (
        unique_in_use("patients", "medical_record_number"),
        in_use("patients", "active"),
        in_use("patients", "birth_date"),
        in_use("patients", "family_name"),
        in_use("patients", "gender"),
        Index("ix_patients_retired", "id", postgresql_where=text("retired_at IS NOT NULL")),
        CheckConstraint("given_name <> ''", name="named"),
        CheckConstraint("deceased_date >= birth_date", name="born_before_death"),
    )

    def prepare(self, connection: Connection) -> None:
        if self.id is None or inspect(self).attrs.medical_record_number.history.has_changes():
            self.medical_record_number = connection.scalar(CLAIM, {"given": self.medical_record_number})


class PatientCreate(Input, PatientBase):
    pass


class PatientUpdate(Partial, PatientBase):
    medical_record_number: RecordNumber
    """None is made here: it can be changed, not emptied."""


class PatientPublic(PatientBase, Row):
    pass


class PatientQuery(ListQuery):
    q: Search = None
    birth_date: Annotated[BirthDate | None, Rule(description="Only those born on this day.")] = None
    gender: Annotated[Gender | None, Rule(description="Only those with this gender.")] = None
    active: Annotated[bool | None, Rule(description="Only the active (or, `false`, the inactive).")] = None
    doctor_id: Annotated[Id | None, Rule(description="Only those assigned to this doctor.")] = None
    unassigned: Annotated[bool | None, Rule(description="Only those without (or, `false`, with) a doctor.")] = None
    retired: Retired = False
