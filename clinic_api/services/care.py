"""Who cares for whom: which records somebody may see, assigning, retiring and restoring, and emergencies."""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam
from sqlmodel import Session, and_, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.audit import tell, tell_look
from clinic_api.database import clock
from clinic_api.errors import Inactive, RetiredRefused
from clinic_api.finding import Condition, filtered, found_among_few, found_patients
from clinic_api.models import (
    Action,
    Assignment,
    Doctor,
    DoctorQuery,
    Entity,
    ListQuery,
    Patient,
    PatientQuery,
    UnassignedPatient,
)
from clinic_api.models.assignment import in_force
from clinic_api.models.base import Record
from clinic_api.reading import where_equal
from clinic_api.selecting import Selection, all_of, find
from clinic_api.services.sessions import Caller

Retired = TypeVar("Retired", bound=Record)
WITH_INDEX = ("birth_date", "gender", "active")
NOBODY = 0
"""The id that no doctor has."""


def visible_patients(caller: Caller) -> Selection[Patient]:
    """The patients whom this person may see: an ADMIN all, a DOCTOR those assigned to them."""
    return (
        Selection(kept(Patient, retired=False)) if caller.is_admin else Selection(PANEL, {"panel_of": caller.doctor_id})
    )


def visible_doctors(caller: Caller, *, retired: bool = False) -> Selection[Doctor]:
    """The doctors whom this person may see: an ADMIN all, a DOCTOR themselves."""
    refuse_retired(caller, retired)
    return Selection(kept(Doctor, retired)) if caller.is_admin else Selection(SELF, {"self_id": caller.doctor_id})


def refuse_retired(caller: Caller, retired: bool) -> None:
    if retired and not caller.is_admin:
        raise RetiredRefused


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


class Asked(NamedTuple):
    """What is asked of patients, its values left out: they are to be `own` of one doctor, in the `care` of another."""

    equal: tuple[str, ...] = ()
    unassigned: bool | None = None
    own: bool = False
    care: bool = False


def patients_matching(connection: Connection, caller: Caller, query: PatientQuery) -> Selection[Patient]:
    """Those whom this person may see and who are what the query says."""
    refuse_retired(caller, query.retired)
    values: dict[str, Any] = {name: value for name in WITH_INDEX if (value := getattr(query, name)) is not None}
    asked = Asked(tuple(values), query.unassigned, not caller.is_admin, query.doctor_id is not None)
    values |= {"own": caller.doctor_id or NOBODY, "care": query.doctor_id}
    if query.retired:  # so few that each is looked at
        return found_among_few(Selection(retired_matching(asked), values), query.q)
    panels, others = conditions(asked)
    is_sorted = query.sort is not None
    if query.q is None and (panels or not others or not is_sorted):
        return listed(asked, is_sorted=is_sorted)._replace(values=values)
    in_use = Selection(kept(Patient, retired=False), values)
    found = found_patients(connection, in_use, query.q, (*panels, *others), is_sorted=is_sorted)
    return found if query.q is not None else found._replace(counted=listed(asked, is_sorted=False).counted)


def patients_of(doctor_id: int, query: ListQuery) -> Selection[Patient]:
    """The patients assigned to this doctor."""
    return listed(Asked(own=True), is_sorted=query.sort is not None)._replace(values={"own": doctor_id})


@cache
def listed(asked: Asked, *, is_sorted: bool) -> Selection[Patient]:
    return filtered(kept(Patient, retired=False), *conditions(asked), is_sorted=is_sorted)


@cache
def retired_matching(asked: Asked) -> SelectOfScalar[Patient]:
    panels, others = conditions(asked)
    return kept(Patient, retired=True).where(*(each.holds for each in (*panels, *others)))


@cache
def conditions(asked: Asked) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """Those that a doctor's panel fulfils, and the others."""
    panels = [in_panel(bindparam("own"))] if asked.own else []
    if asked.care:
        panels.append(in_panel(bindparam("care"), is_in_use(bindparam("care"))))
    others = [with_value(name) for name in asked.equal]
    if asked.unassigned is not None:
        others.append(without_doctor() if asked.unassigned else with_doctor())
    return tuple(panels), tuple(others)


def with_value(name: str) -> Condition:
    field = col(getattr(Patient, name))
    value: BindParameter[Any] = bindparam(name)
    ids = select(Patient.id).where(field == value, col(Patient.retired_at).is_(None))
    return Condition(ids, field == value, between=(field, field.between(value, value)))


def in_panel(doctor_id: BindParameter[int], *also: ColumnElement[bool]) -> Condition:
    ids = select(Assignment.patient_id).where(Assignment.doctor_id == doctor_id, in_force(), *also)
    # Of `=` PostgreSQL might walk along the patients of all doctors.
    along = select(Assignment.doctor_id, Assignment.patient_id)
    along = along.where(col(Assignment.doctor_id).between(doctor_id, doctor_id), in_force(), *also)
    return Condition(ids, ids.where(Assignment.patient_id == Patient.id).exists(), along)


def is_in_use(doctor_id: BindParameter[int]) -> ColumnElement[bool]:
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
            raise Inactive(type(record))
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
    record: Retired = find(session, all_of(model), id, lock="UPDATE")
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
