"""Who cares for whom: which records somebody may see, assigning, retiring and restoring, and emergencies."""

from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, SQLColumnExpression, bindparam
from sqlmodel import Session, and_, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.audit import tell, tell_look
from clinic_api.database import Selection, clock, find
from clinic_api.errors import Conflict, Refused
from clinic_api.finding import Condition, filtered, found_among_few, found_patients
from clinic_api.models import (
    Action,
    Assignment,
    Doctor,
    DoctorQuery,
    Entity,
    Patient,
    PatientQuery,
    UnassignedPatient,
)
from clinic_api.models.assignment import in_force
from clinic_api.models.base import Record
from clinic_api.reading import where_equal
from clinic_api.services.sessions import Caller

Retired = TypeVar("Retired", bound=Record)


def visible_patients(caller: Caller, *, retired: bool = False) -> Selection[Patient]:
    """The patients whom this person may see: an ADMIN all, a DOCTOR those assigned to them."""
    refuse_retired(caller, retired)
    return Selection(kept(Patient, retired)) if caller.is_admin else Selection(PANEL, {"panel_of": caller.doctor_id})


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


def doctors_of(patient_id: int) -> Selection[Doctor]:
    return Selection(CARING, {"cared_for": patient_id})


def has_doctor() -> ColumnElement[bool]:
    return col(Patient.doctors).any(col(Doctor.retired_at).is_(None))


def patients_matching(connection: Connection, caller: Caller, query: PatientQuery) -> Selection[Patient]:
    """Those whom this person may see and who are what the query says."""
    refuse_retired(caller, query.retired)
    panels = [] if caller.is_admin else [in_panel(caller.doctor_id)]
    if query.doctor_id is not None:
        panels.append(in_panel(query.doctor_id, is_in_use(query.doctor_id)))
    others, statement = filters(query), kept(Patient, query.retired)
    if query.retired:  # so few that each is looked at
        few = Selection(statement.where(*(each.holds for each in [*panels, *others])))
        return found_among_few(few, query.q)
    if query.q is not None:
        return found_patients(connection, statement, query.q, [*panels, *others], query.sort)
    if not panels and not others:
        return Selection(statement)
    if not caller.is_admin and len(panels) == 1 and not others:
        return patients_of(caller.doctor_id, query.sort)
    return filtered(statement, panels, others, query.sort)


def patients_of(doctor_id: int | None, sort: str | None) -> Selection[Patient]:
    """The patients assigned to this doctor."""
    return panel(is_sorted=sort is not None)._replace(values={"panel_of": doctor_id})


@cache
def panel(*, is_sorted: bool) -> Selection[Patient]:
    return filtered(kept(Patient, retired=False), [in_panel(bindparam("panel_of"))], [], "id" if is_sorted else None)


def filters(query: PatientQuery) -> list[Condition]:
    asked = {col(getattr(Patient, name)): getattr(query, name) for name in ("birth_date", "gender", "active")}
    found = [with_value(field, value) for field, value in asked.items() if value is not None]
    if query.unassigned is not None:
        found.append(without_doctor() if query.unassigned else with_doctor())
    return found


def with_value(field: SQLColumnExpression[Any], value: object) -> Condition:
    ids = select(Patient.id).where(field == value, col(Patient.retired_at).is_(None))
    return Condition(ids, field == value, equal=(field, value))


def in_panel(doctor_id: Any, *also: ColumnElement[bool]) -> Condition:
    ids = select(Assignment.patient_id).where(Assignment.doctor_id == doctor_id, in_force(), *also)
    # Of `=` PostgreSQL might walk along the patients of all doctors.
    along = select(Assignment.doctor_id, Assignment.patient_id)
    along = along.where(col(Assignment.doctor_id).between(doctor_id, doctor_id), in_force(), *also)
    return Condition(ids, ids.where(Assignment.patient_id == Patient.id).exists(), along)


def is_in_use(doctor_id: int) -> ColumnElement[bool]:
    return select(Doctor.id).where(Doctor.id == doctor_id, col(Doctor.retired_at).is_(None)).exists()


def with_doctor() -> Condition:
    ids = cared_for(in_force()).distinct()
    return Condition(ids, has_doctor(), along=ids)


def without_doctor() -> Condition:
    """Those without a lasting assignment stand in a table; a few of them may be an emergency's."""
    alone, emergencies = col(UnassignedPatient.patient_id), cared_for(col(Assignment.expires_at) > func.now())
    ids = select(alone).where(alone.not_in(emergencies))
    return Condition(ids, ~has_doctor(), along=ids)


def cared_for(which: ColumnElement[bool]) -> SelectOfScalar[int]:
    """The ids of the patients who have a doctor by such an assignment."""
    ids = select(Assignment.patient_id).join(Doctor, col(Doctor.id) == col(Assignment.doctor_id))
    return ids.where(which, col(Doctor.retired_at).is_(None))


def doctors_matching(caller: Caller, query: DoctorQuery) -> Selection[Doctor]:
    among = visible_doctors(caller, retired=query.retired)
    return found_among_few(where_equal(among, query, "specialty", "active"), query.q)


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
