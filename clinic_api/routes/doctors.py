from typing import Annotated

from fastapi import APIRouter, Query, Response

from clinic_api.http import answers
from clinic_api.http.auth import admin, staff
from clinic_api.http.conditions import find_fresh, refuse_stale
from clinic_api.http.route import WorkRoute
from clinic_api.http.work import Work
from clinic_api.models import (
    AssignmentPublic,
    Doctor,
    DoctorCreate,
    DoctorPublic,
    DoctorQuery,
    DoctorUpdate,
    Id,
    ListQuery,
    PatientPublic,
)
from clinic_api.reading import dump, refuse_unknown
from clinic_api.services import care
from clinic_api.services.care import visible_doctors

router = APIRouter(prefix="/doctors", tags=["Doctors"], route_class=WorkRoute)


@router.post("", status_code=201, dependencies=[admin], response_model=DoctorPublic)
def create_doctor(data: DoctorCreate, work: Work) -> Response:
    """Add a doctor to the clinic. To let them sign in, register an account with their `doctor_id`."""
    return answers.created(work, DoctorPublic, Doctor(**data.model_dump()))


@router.get("", dependencies=[admin], response_model=list[DoctorPublic])
def list_doctors(query: Annotated[DoctorQuery, Query()], work: Work) -> Response:
    """The clinic's doctors."""
    return answers.page(work, DoctorPublic, care.doctors_matching(work.user, query), query)


@router.get("/{doctor_id}", dependencies=[staff], response_model=DoctorPublic)
def read_doctor(doctor_id: Id, work: Work) -> Response:
    """One doctor; a doctor sees themselves."""
    return answers.one(work, DoctorPublic, visible_doctors(work.user), doctor_id)


@router.put("/{doctor_id}", dependencies=[admin], response_model=DoctorPublic)
def replace_doctor(doctor_id: Id, data: DoctorCreate, work: Work) -> Response:
    """Replace all fields: what is left out gets its default."""
    return answers.replaced(work, DoctorPublic, visible_doctors(work.user), doctor_id, data)


@router.patch("/{doctor_id}", dependencies=[admin], response_model=DoctorPublic)
def update_doctor(doctor_id: Id, data: DoctorUpdate, work: Work) -> Response:
    """Change the fields that are sent; `null` empties one. With `active: false` a doctor cannot sign in."""
    return answers.updated(work, DoctorPublic, visible_doctors(work.user), doctor_id, data)


@router.delete("/{doctor_id}", status_code=204, dependencies=[admin])
def delete_doctor(doctor_id: Id, work: Work) -> Response:
    """Retire a doctor: gone from every answer and signed out, until restored.

    The patients are untouched; the header `X-Unassigned-Patients` says how many are left without a doctor.
    """
    doctor = find_fresh(work, visible_doctors(work.user), doctor_id)
    care.retire(work.session, doctor)
    alone = care.left_alone_by(work.session, doctor)
    return Response(status_code=204, headers={"X-Unassigned-Patients": str(alone)})


@router.post("/{doctor_id}/restore", dependencies=[admin], response_model=DoctorPublic)
def restore_doctor(doctor_id: Id, work: Work) -> Response:
    """Bring back a retired doctor, with their assignments and their sign-in."""
    return answers.record(work, DoctorPublic, care.restore(work.session, Doctor, doctor_id))


@router.get("/{doctor_id}/patients", dependencies=[staff], response_model=list[PatientPublic])
def list_patients_of_doctor(doctor_id: Id, query: Annotated[ListQuery, Query()], work: Work) -> Response:
    """The patients assigned to a doctor; a doctor sees their own."""
    refuse_unknown(work.connection, visible_doctors(work.user), doctor_id)
    return answers.page(work, PatientPublic, care.patients_of(doctor_id, query), query)


@router.post(
    "/{doctor_id}/patients/{patient_id}",
    status_code=201,
    dependencies=[admin],
    response_model=AssignmentPublic,
    responses={200: {"model": AssignmentPublic, "description": "They were assigned already"}},
)
def assign_patient(doctor_id: Id, patient_id: Id, work: Work) -> Response:
    """Assign a patient to a doctor, who sees them from now on. Safe to repeat."""
    assignment, new = care.assign(work.session, work.user, doctor_id, patient_id)
    return Response(dump(AssignmentPublic, assignment), 201 if new else 200, media_type="application/json")


@router.delete("/{doctor_id}/patients/{patient_id}", status_code=204, dependencies=[admin])
def unassign_patient(doctor_id: Id, patient_id: Id, work: Work) -> Response:
    """End an assignment: the doctor no longer sees the patient. Also 204 when there was none."""
    care.unassign(work.session, work.user, doctor_id, patient_id)
    refuse_stale(work.request, None)
    return Response(status_code=204)
