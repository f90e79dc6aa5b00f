"""Emergency access: a doctor opens one patient to themselves, for a reason and four hours."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session, col, func, select

from clinic_api.audit import tell, tell_look
from clinic_api.database import clock
from clinic_api.models import Action, Assignment, Doctor, EmergencyRequest, Entity, Patient
from clinic_api.selecting import Selection
from clinic_api.services.attempts import Place, give_back, was_wrong
from clinic_api.services.care import holds
from clinic_api.services.sessions import Caller

LASTS = timedelta(hours=4)


class Grant(NamedTuple):
    patient: Patient
    expires_at: datetime | None
    is_new: bool


RUNNING = Selection(
    select(Assignment)
    .join(Doctor, col(Doctor.id) == col(Assignment.doctor_id))
    .join(Patient, col(Patient.id) == col(Assignment.patient_id))
    .where(col(Assignment.expires_at) > func.now())
    .where(col(Doctor.retired_at).is_(None), col(Patient.retired_at).is_(None))
)
"""The emergency accesses that have not ended yet; the audit has the others."""


def open_access(session: Session, caller: Caller, place: Place, data: EmergencyRequest) -> Grant | None:
    """Access to the patient with this number and birth date; none, and the guess stays counted, when there is none.

    A second one prolongs the first; a doctor to whom the patient is assigned for good keeps that as it is.
    """
    assert caller.doctor_id is not None  # the guard `doctor` lets nobody else in
    match = select(Patient).where(Patient.medical_record_number == data.medical_record_number)
    match = match.where(Patient.birth_date == data.birth_date, col(Patient.retired_at).is_(None))
    patient = session.exec(match.with_for_update()).one_or_none()
    if patient is None:
        was_wrong(session, place)
        return None
    give_back(session, place)
    standing = session.get(Assignment, (caller.doctor_id, patient.id))
    if standing is not None and standing.expires_at is None:
        tell_look(session, patient)
        return Grant(patient, None, is_new=False)
    now = clock(session)
    running = standing if standing is not None and holds(standing, now) else None
    until = now + LASTS
    changes: dict[str, list[Any]] = {
        "doctor_id": [running and running.doctor_id, caller.doctor_id],
        "reason": [running and running.reason, data.reason],
        "expires_at": [running and running.expires_at, until],
    }
    tell(session, Action.emergency_access, Entity.patient, patient.id, changes)
    ending = Assignment(
        doctor_id=caller.doctor_id,
        patient_id=patient.id,
        assigned_at=now,
        assigned_by=caller.id,
        reason=data.reason,
        expires_at=until,
    )
    session.merge(ending)
    return Grant(patient, until, is_new=running is None)
