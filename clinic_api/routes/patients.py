from typing import Annotated

from fastapi import APIRouter, File, Query, Response, UploadFile

from clinic_api.http import answers, imports
from clinic_api.http.auth import admin, staff
from clinic_api.http.conditions import find_fresh
from clinic_api.http.route import WorkRoute
from clinic_api.http.work import Work
from clinic_api.models import (
    DoctorPublic,
    Id,
    ImportQuery,
    ImportReport,
    ListQuery,
    Patient,
    PatientCreate,
    PatientPublic,
    PatientQuery,
    PatientUpdate,
)
from clinic_api.reading import refuse_unknown
from clinic_api.services.care import doctors_of, patients_matching, restore, retire, visible_patients

router = APIRouter(prefix="/patients", tags=["Patients"], route_class=WorkRoute)


@router.post("", status_code=201, dependencies=[admin], response_model=PatientPublic)
def create_patient(data: PatientCreate, work: Work) -> Response:
    """Add a patient to the clinic. Without `medical_record_number` the next free one is made."""
    return answers.created(work, PatientPublic, Patient(**data.model_dump()))


@router.get("", dependencies=[staff], response_model=list[PatientPublic])
def list_patients(query: Annotated[PatientQuery, Query()], work: Work) -> Response:
    """The clinic's patients; a doctor sees their own."""
    return answers.page(work, PatientPublic, patients_matching(work.connection, work.user, query), query)


@router.post("/import", dependencies=[admin], response_model=ImportReport)
async def import_patients(
    file: Annotated[UploadFile, File(description="CSV in UTF-8; the first row names the columns.")],
    query: Annotated[ImportQuery, Query()],
    work: Work,
) -> Response:
    """Add the patients of a CSV file, up to 200 MiB: all rows, or none if one is wrong.

    The columns are the fields of `POST /patients`, in any order; an exported file can be imported as it is. Rows are
    told by the numbers that a spreadsheet shows.
    """
    return await imports.imported(work, file.file, dry_run=query.dry_run)


@router.get("/{patient_id}", dependencies=[staff], response_model=PatientPublic)
def read_patient(patient_id: Id, work: Work) -> Response:
    """One patient; a doctor sees those assigned to them."""
    return answers.one(work, PatientPublic, visible_patients(work.user), patient_id)


@router.put("/{patient_id}", dependencies=[admin], response_model=PatientPublic)
def replace_patient(patient_id: Id, data: PatientCreate, work: Work) -> Response:
    """Replace all fields: what is left out gets its default; the record number alone is then kept."""
    return answers.replaced(work, PatientPublic, visible_patients(work.user), patient_id, data)


@router.patch("/{patient_id}", dependencies=[admin], response_model=PatientPublic)
def update_patient(patient_id: Id, data: PatientUpdate, work: Work) -> Response:
    """Change the fields that are sent; `null` empties one."""
    return answers.updated(work, PatientPublic, visible_patients(work.user), patient_id, data)


@router.delete("/{patient_id}", status_code=204, dependencies=[admin])
def delete_patient(patient_id: Id, work: Work) -> Response:
    """Retire a patient: gone from every answer, until restored."""
    retire(work.session, find_fresh(work, visible_patients(work.user), patient_id))
    return Response(status_code=204)


@router.post("/{patient_id}/restore", dependencies=[admin], response_model=PatientPublic)
def restore_patient(patient_id: Id, work: Work) -> Response:
    """Bring back a retired patient, with their assignments."""
    return answers.record(work, PatientPublic, restore(work.session, Patient, patient_id))


@router.get("/{patient_id}/doctors", dependencies=[staff], response_model=list[DoctorPublic])
def list_doctors_of_patient(patient_id: Id, query: Annotated[ListQuery, Query()], work: Work) -> Response:
    """The doctors to whom a patient is assigned."""
    refuse_unknown(work.connection, visible_patients(work.user), patient_id)
    work.saw(Patient, [patient_id])
    return answers.page(work, DoctorPublic, doctors_of(patient_id), query)
