from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import JSONResponse
from sqlmodel import select

from clinic_api.http.answers import one, record
from clinic_api.http.auth import anybody, public, staff
from clinic_api.http.work import Work, WorkRoute
from clinic_api.models import AccessToken, LoginForm, User, UserPublic, UserRegister
from clinic_api.services import accounts

router = APIRouter(prefix="/auth", tags=["Sign in"], route_class=WorkRoute)


@router.post(
    "/register",
    status_code=201,
    dependencies=[anybody],
    response_model=UserPublic,
    openapi_extra={"security": [{}]},  # a token is optional
)
def register_user(data: UserRegister, work: Work) -> Response:
    """Make an account.

    The first `ADMIN` needs no token, as long as there is none; later ones are registered by an ADMIN. An ADMIN ties a
    `DOCTOR` account to a doctor with `doctor_id`; left out, the doctor with the same e-mail is taken. An account that
    is tied to no doctor sees no patient.
    """
    tools = work.tools
    user = accounts.register(work.session, work.caller, data, tools.settings, tools.passwords)
    return record(UserPublic, user, 201)


@router.post("/login", dependencies=[public], response_model=AccessToken)
def login(data: Annotated[LoginForm, Form()], work: Work) -> Response:
    """Sign in: e-mail (as `username`) and password for an access token. Authorize above does this for you."""
    tokens = work.tools.tokens
    caller = accounts.sign_in(work.session, work.tools.passwords, data.username, data.password)
    token = AccessToken(access_token=tokens.sign(caller.id, caller.role), expires_in=tokens.lifetime)
    return JSONResponse(token.model_dump(), headers={"Cache-Control": "no-store"})


@router.get("/me", dependencies=[staff], response_model=UserPublic)
def read_me(work: Work) -> Response:
    """Your own account."""
    return one(work, UserPublic, select(User), work.user.id)
