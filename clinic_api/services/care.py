"""Who cares for whom: which records somebody may see, assigning, retiring and restoring."""

from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, and_, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.database import find
from clinic_api.errors import Conflict, Refused
from clinic_api.models import Assignment, Doctor, DoctorQuery, Patient, PatientQuery
from clinic_api.models.base import Record
from clinic_api.reading import found_by, where_equal
from clinic_api.services.accounts import Caller

Retired = TypeVar("Retired", bound=Record)


def visible_patients(caller: Caller, *, retired: bool = False) -> SelectOfScalar[Patient]:
    """The patients whom this person may see: an ADMIN all, a DOCTOR those assigned to them."""
    statement = select(Patient).where(kept(Patient, caller, retired))
    return statement if caller.is_admin else of_doctor(statement, caller.doctor_id)


def visible_doctors(caller: Caller, *, retired: bool = False) -> SelectOfScalar[Doctor]:
    """The doctors whom this person may see: an ADMIN all, a DOCTOR themselves."""
    statement = select(Doctor).where(kept(Doctor, caller, retired))
    return statement if caller.is_admin else statement.where(Doctor.id == caller.doctor_id)


def kept(model: type[Record], caller: Caller, retired: bool) -> ColumnElement[bool]:
    """The records in use, or instead the retired ones. Raises Refused to a DOCTOR who asks for those."""
    if retired and not caller.is_admin:
        raise Refused("Only an administrator lists what was retired. Leave `retired` out.")
    return col(model.retired_at).is_not(None) if retired else col(model.retired_at).is_(None)


def of_doctor(statement: SelectOfScalar[Patient], doctor_id: int | None) -> SelectOfScalar[Patient]:
    link = and_(col(Assignment.patient_id) == col(Patient.id), col(Assignment.doctor_id) == doctor_id)
    return statement.join(Assignment, link)


def patients_of(doctor_id: int) -> SelectOfScalar[Patient]:
    return of_doctor(select(Patient).where(col(Patient.retired_at).is_(None)), doctor_id)


def doctors_of(patient_id: int) -> SelectOfScalar[Doctor]:
    return (
        select(Doctor)
        .join(Assignment, col(Assignment.doctor_id) == col(Doctor.id))
        .where(Assignment.patient_id == patient_id, col(Doctor.retired_at).is_(None))
    )


def unassigned() -> ColumnElement[bool]:
    return ~col(Patient.doctors).any(col(Doctor.retired_at).is_(None))


def patients_matching(caller: Caller, query: PatientQuery) -> SelectOfScalar[Patient]:
    statement = visible_patients(caller, retired=query.retired)
    statement = where_equal(statement, query, "birth_date", "gender", "active")
    if query.doctor_id is not None:
        in_use = and_(col(Doctor.id) == query.doctor_id, col(Doctor.retired_at).is_(None))
        statement = statement.where(col(Patient.doctors).any(in_use))
    if query.unassigned is not None:
        statement = statement.where(unassigned() if query.unassigned else ~unassigned())
    return found_by(statement, query.q)


def doctors_matching(caller: Caller, query: DoctorQuery) -> SelectOfScalar[Doctor]:
    statement = visible_doctors(caller, retired=query.retired)
    return found_by(where_equal(statement, query, "specialty", "active"), query.q)


def assign(session: Session, caller: Caller, doctor_id: int, patient_id: int) -> tuple[Assignment, bool]:
    """The assignment, and whether it is new. Raises NotFound, and Conflict when one of the two is inactive."""
    doctor = find(session, visible_doctors(caller), doctor_id, lock="SHARE")
    patient = find(session, visible_patients(caller), patient_id, lock="SHARE")
    standing = session.get(Assignment, (doctor_id, patient_id))
    if standing is not None:
        return standing, False
    for record in (doctor, patient):
        if not record.active:
            name = type(record).__name__.lower()
            raise Conflict(f"This {name} is inactive and takes no new assignment. Set `active` to true.", "active")
    link = {"doctor_id": doctor_id, "patient_id": patient_id, "assigned_by": caller.id}
    made = session.connection().execute(insert(Assignment).values(link).on_conflict_do_nothing())
    return session.get_one(Assignment, (doctor_id, patient_id)), made.rowcount == 1


def unassign(session: Session, caller: Caller, doctor_id: int, patient_id: int) -> None:
    """End an assignment, if there is one. Raises NotFound for an unknown doctor or patient."""
    find(session, visible_doctors(caller), doctor_id)
    find(session, visible_patients(caller), patient_id, lock="UPDATE")  # who assigns at the same time waits
    link = and_(col(Assignment.doctor_id) == doctor_id, col(Assignment.patient_id) == patient_id)
    session.connection().execute(delete(Assignment).where(link))


def retire(session: Session, among: SelectOfScalar[Retired], id: int) -> Retired:
    """Take the record out of use: gone from every answer, its unique values free, its row and assignments kept."""
    record = find(session, among, id, lock="UPDATE")
    record.retired_at = datetime.now(UTC)
    session.flush()
    return record


def restore(session: Session, model: type[Retired], id: int) -> Retired:
    """Bring back what `retire` took out of use. Raises NotFound when it never was there."""
    record = find(session, select(model), id, lock="UPDATE")
    record.retired_at = None
    session.flush()
    return record


def left_alone_by(session: Session, doctor: Doctor) -> int:
    """How many patients of this retired doctor have no other."""
    return session.exec(select(func.count()).select_from(patients_of(doctor.id).where(unassigned()).subquery())).one()
