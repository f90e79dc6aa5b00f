from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic_core import to_json

from clinic_api.errors import NoMatch
from clinic_api.http import answers
from clinic_api.http.auth import admin, doctor
from clinic_api.http.guesses import may_guess, undone_if_it_fails
from clinic_api.http.route import WorkRoute
from clinic_api.http.work import UnitOfWork, Work
from clinic_api.models import EmergencyAccessPublic, EmergencyGrant, EmergencyRequest, ListQuery, Patient, PatientPublic
from clinic_api.reading import fields
from clinic_api.services import emergency
from clinic_api.services.attempts import Place, Secret

router = APIRouter(prefix="/emergency-access", tags=["Emergency access"], route_class=WorkRoute)


@router.post(
    "",
    status_code=201,
    dependencies=[doctor],
    response_model=EmergencyGrant,
    responses={200: {"model": EmergencyGrant, "description": "You had access already; an emergency's is prolonged"}},
)
async def open_emergency_access(data: EmergencyRequest, work: Work) -> Response:
    """See a patient who cannot wait: for four hours, with a reason that administrators read.

    Number and birth date must both be right; ten wrong guesses in 15 minutes are the most.
    """
    place = await may_guess(work, Secret.patient, lambda: str(work.user.id))
    async with undone_if_it_fails(work, place):
        answer = await work.do(lambda: open_access(work, place, data))
    if answer is None:
        raise NoMatch(Patient)
    return answer


def open_access(work: UnitOfWork, place: Place, data: EmergencyRequest) -> Response | None:
    grant = emergency.open_access(work.session, work.user, place, data)
    if grant is None:
        return None
    work.about = grant.patient.id
    body = to_json({"patient": fields(PatientPublic, grant.patient), "expires_at": grant.expires_at})
    return Response(body, 201 if grant.is_new else 200, media_type="application/json")


@router.get("", dependencies=[admin], response_model=list[EmergencyAccessPublic])
def list_emergency_accesses(query: Annotated[ListQuery, Query()], work: Work) -> Response:
    """The emergency accesses that have not ended. To end one early, un-assign the patient; for past ones see /audit."""
    return answers.page(work, EmergencyAccessPublic, emergency.RUNNING, query)
