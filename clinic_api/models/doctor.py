"""A person who treats patients."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field as Rule
from sqlalchemy import CheckConstraint, Index
from sqlmodel import Relationship, SQLModel, and_, col

from clinic_api.models.assignment import Assignment, in_force
from clinic_api.models.base import Input, Partial, Record, Row, unique_in_use
from clinic_api.models.fields import Active, Email, FamilyName, GivenName, LicenseNumber, Phone, Specialty
from clinic_api.models.page import ListQuery, Retired, Search

if TYPE_CHECKING:
    from clinic_api.models.patient import Patient


class DoctorBase(SQLModel):
    given_name: GivenName
    family_name: FamilyName
    specialty: Specialty
    email: Email
    license_number: LicenseNumber = None
    phone: Phone = None
    active: Active = True


class Doctor(DoctorBase, Record, table=True):
    searched: ClassVar = ("given_name", "family_name", "license_number", "email", "phone")

    patients: list["Patient"] = Relationship(
        back_populates="doctors",
        link_model=Assignment,
        sa_relationship_kwargs={
            "viewonly": True,
            "primaryjoin": lambda: and_(col(Doctor.id) == col(Assignment.doctor_id), in_force()),
        },
    )

    __table_args__ = (
        unique_in_use("doctors", "email"),
        unique_in_use("doctors", "license_number"),
        Index(None, "family_name"),
        Index(None, "specialty"),
        CheckConstraint("given_name <> '' AND family_name <> ''", name="named"),
    )


class DoctorCreate(Input, DoctorBase):
    pass


class DoctorUpdate(Partial, DoctorBase):
    pass


class DoctorPublic(DoctorBase, Row):
    pass


class DoctorQuery(ListQuery):
    q: Search = None
    specialty: Annotated[Specialty | None, Rule(description="Only those with exactly this specialty.")] = None
    active: Annotated[bool | None, Rule(description="Only the active (or, `false`, the inactive).")] = None
    retired: Retired = False
