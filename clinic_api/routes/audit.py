from typing import Annotated

from fastapi import APIRouter, Query, Response

from clinic_api.audit import access_log, events_matching
from clinic_api.http import answers
from clinic_api.http.auth import admin
from clinic_api.http.route import WorkRoute
from clinic_api.http.work import Work
from clinic_api.models import AuditEventPublic, AuditQuery, Id, ListQuery, Patient
from clinic_api.reading import refuse_unknown
from clinic_api.selecting import all_of

router = APIRouter(tags=["Audit"], route_class=WorkRoute)


@router.get("/audit", dependencies=[admin], response_model=list[AuditEventPublic])
def list_audit_events(query: Annotated[AuditQuery, Query()], work: Work) -> Response:
    """Who did what: logins, changes with each field's old and new value, and looks at patients.

    The oldest come first; `sort=-id` turns that around. Looks appear here within a second.
    """
    return answers.page(work, AuditEventPublic, events_matching(query), query)


@router.get("/patients/{patient_id}/access-log", dependencies=[admin], response_model=list[AuditEventPublic])
def read_access_log(patient_id: Id, query: Annotated[ListQuery, Query()], work: Work) -> Response:
    """Who saw or changed this patient, newest first; also for a patient who was retired."""
    refuse_unknown(work.connection, all_of(Patient), patient_id)
    return answers.page(work, AuditEventPublic, access_log(patient_id, query), query)
