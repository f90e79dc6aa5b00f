"""Who cares for whom: which records somebody may see, assigning, retiring and restoring, and emergencies."""

from datetime import datetime
from functools import cache
from typing import TypeVar

from sqlalchemy import ColumnElement, bindparam
from sqlmodel import Session, and_, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.audit import tell, tell_look
from clinic_api.database import Selection, clock, find
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


def visible_patients(caller: Caller, *, retired: bool = False) -> Selection[Patient]:
    """The patients whom this person may see: an ADMIN all, a DOCTOR those assigned to them."""
    refuse_retired(caller, retired)
    return Selection(kept(Patient, retired)) if caller.is_admin else patients_of(caller.doctor_id)


def visible_doctors(caller: Caller, *, retired: bool = False) -> Selection[Doctor]:
    """The doctors whom this person may see: an ADMIN all, a DOCTOR themselves."""
    refuse_retired(caller, retired)
    return Selection(kept(Doctor, retired)) if caller.is_admin else Selection(SELF, {"self_id": caller.doctor_id})


def refuse_retired(caller: Caller, retired: bool) -> None:
    if retired and not caller.is_admin:
        raise Refused("Only an administrator lists what was retired. Leave `retired` out.")


@cache
def kept(model: type[Retired], retired: bool) -> SelectOfScalar[Retired]:
    """The records in use, or instead the retired ones."""
    return select(model).where(col(model.retired_at).is_not(None) if retired else col(model.retired_at).is_(None))


SELF = kept(Doctor, retired=False).where(Doctor.id == bindparam("self_id"))
PANEL = kept(Patient, retired=False).join(
    Assignment,
    and_(col(Assignment.patient_id) == col(Patient.id), Assignment.doctor_id == bindparam("panel_of"), in_force()),
)
CARING = (
    kept(Doctor, retired=False)
    .join(Assignment, col(Assignment.doctor_id) == col(Doctor.id))
    .where(Assignment.patient_id == bindparam("cared_for"), in_force())
)


def patients_of(doctor_id: int | None) -> Selection[Patient]:
    return Selection(PANEL, {"panel_of": doctor_id})


def doctors_of(patient_id: int) -> Selection[Doctor]:
    return Selection(CARING, {"cared_for": patient_id})


def has_doctor(*which: ColumnElement[bool] | bool) -> ColumnElement[bool]:
    """Whether a patient has a doctor, or one of these."""
    return col(Patient.doctors).any(and_(col(Doctor.retired_at).is_(None), *which))


def patients_matching(caller: Caller, query: PatientQuery) -> Selection[Patient]:
    among = visible_patients(caller, retired=query.retired)
    among = where_equal(among, query, "birth_date", "gender", "active")
    statement = among.statement
    if query.doctor_id is not None:
        statement = statement.where(has_doctor(Doctor.id == query.doctor_id))
    if query.unassigned is not None:
        statement = statement.where(~has_doctor() if query.unassigned else has_doctor())
    return found_by(among._replace(statement=statement), query.q)


def doctors_matching(caller: Caller, query: DoctorQuery) -> Selection[Doctor]:
    among = visible_doctors(caller, retired=query.retired)
    return found_by(where_equal(among, query, "specialty", "active"), query.q)


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
    record = find(session, Selection(select(model)), id, lock="UPDATE")
    if record.retired_at is None:
        tell_look(session, record)
    record.retired_at = None
    session.flush()
    return record


def left_alone_by(session: Session, doctor: Doctor) -> int:
    """How many patients of this retired doctor have no other."""
    return session.exec(
        select(func.count()).select_from(PANEL.where(~has_doctor()).subquery()), params={"panel_of": doctor.id}
    ).one()
