"""Who cares for whom: which records somebody may see, assigning, retiring and restoring, and emergencies."""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.audit import tell, tell_look
from clinic_api.database import clock, find
from clinic_api.errors import Conflict, Refused
from clinic_api.models import (
    Action,
    Assignment,
    Doctor,
    DoctorQuery,
    Entity,
    Patient,
    PatientQuery,
)
from clinic_api.models.assignment import in_force
from clinic_api.models.base import Record
from clinic_api.reading import found_by, where_equal
from clinic_api.services.sessions import Caller

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
    return statement.join(Assignment, and_(link, in_force()))


def patients_of(doctor_id: int) -> SelectOfScalar[Patient]:
    return of_doctor(select(Patient).where(col(Patient.retired_at).is_(None)), doctor_id)


def doctors_of(patient_id: int) -> SelectOfScalar[Doctor]:
    return (
        select(Doctor)
        .join(Assignment, col(Assignment.doctor_id) == col(Doctor.id))
        .where(Assignment.patient_id == patient_id, in_force(), col(Doctor.retired_at).is_(None))
    )


def has_doctor(*which: ColumnElement[bool] | bool) -> ColumnElement[bool]:
    """Whether a patient has a doctor, or one of these."""
    return col(Patient.doctors).any(and_(col(Doctor.retired_at).is_(None), *which))


def patients_matching(caller: Caller, query: PatientQuery) -> SelectOfScalar[Patient]:
    statement = visible_patients(caller, retired=query.retired)
    statement = where_equal(statement, query, "birth_date", "gender", "active")
    if query.doctor_id is not None:
        statement = statement.where(has_doctor(Doctor.id == query.doctor_id))
    if query.unassigned is not None:
        statement = statement.where(~has_doctor() if query.unassigned else has_doctor())
    return found_by(statement, query.q)


def doctors_matching(caller: Caller, query: DoctorQuery) -> SelectOfScalar[Doctor]:
    statement = visible_doctors(caller, retired=query.retired)
    return found_by(where_equal(statement, query, "specialty", "active"), query.q)


def assign(session: Session, caller: Caller, doctor_id: int, patient_id: int) -> tuple[Assignment, bool]:
    """The lasting assignment, and whether it is new. Raises NotFound, and Conflict when one of the two is inactive."""
    doctor = find(session, visible_doctors(caller), doctor_id, lock="SHARE")
    patient = find(session, visible_patients(caller), patient_id, lock="UPDATE")  # one at a time
    standing = session.get(Assignment, (doctor_id, patient_id))
    if standing is not None and standing.expires_at is None:
        return standing, False
    for record in (doctor, patient):
        if not record.active:
            name = type(record).__name__.lower()
            raise Conflict(f"This {name} is inactive and takes no new assignment. Set `active` to true.", "active")
    tell(session, Action.assign, Entity.patient, patient_id, {"doctor_id": [None, doctor_id]})
    lasting = Assignment(doctor_id=doctor_id, patient_id=patient_id, assigned_at=clock(session), assigned_by=caller.id)
    return session.merge(lasting), True


def unassign(session: Session, caller: Caller, doctor_id: int, patient_id: int) -> None:
    """End an assignment, if there is one. Raises NotFound for an unknown doctor or patient."""
    find(session, visible_doctors(caller), doctor_id)
    find(session, visible_patients(caller), patient_id, lock="UPDATE")  # who assigns at the same time waits
    standing = session.get(Assignment, (doctor_id, patient_id))
    if standing is None:
        return
    if holds(standing, clock(session)):
        tell(session, Action.unassign, Entity.patient, patient_id, {"doctor_id": [doctor_id, None]})
    session.delete(standing)
    session.flush()


def holds(assignment: Assignment, now: datetime) -> bool:
    return assignment.expires_at is None or assignment.expires_at > now


def retire(session: Session, record: Record) -> None:
    """Take the record out of use: gone from every answer, its unique values free, its row and assignments kept."""
    record.retired_at = clock(session)
    session.flush()


def restore(session: Session, model: type[Retired], id: int) -> Retired:
    """Bring back what `retire` took out of use. Raises NotFound when it never was there."""
    record = find(session, select(model), id, lock="UPDATE")
    if record.retired_at is None:
        tell_look(session, record)
    record.retired_at = None
    session.flush()
    return record


def left_alone_by(session: Session, doctor: Doctor) -> int:
    """How many patients of this retired doctor have no other."""
    return session.exec(select(func.count()).select_from(patients_of(doctor.id).where(~has_doctor()).subquery())).one()
