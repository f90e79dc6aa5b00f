from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse

from clinic_api.errors import LoginFailed, RefreshFailed, WrongPassword
from clinic_api.http.answers import one, record
from clinic_api.http.auth import anybody, public, staff
from clinic_api.http.conditions import refuse_stale
from clinic_api.http.guesses import may_guess, undone_if_it_fails
from clinic_api.http.limits import is_signed_in, limiter
from clinic_api.http.route import WorkRoute
from clinic_api.http.work import UnitOfWork, Work
from clinic_api.models import (
    LoginForm,
    PasswordChange,
    RefreshRequest,
    TokenPair,
    UserPublic,
    UserRegister,
)
from clinic_api.selecting import find
from clinic_api.services import accounts, sessions
from clinic_api.services.accounts import EVERYONE
from clinic_api.services.attempts import Place, Secret
from clinic_api.services.sessions import Started

router = APIRouter(prefix="/auth", tags=["Sign in"], route_class=WorkRoute)


@router.post(
    "/register",
    status_code=201,
    dependencies=[anybody],
    response_model=UserPublic,
    openapi_extra={"security": [{}]},  # a token is optional
)
async def register_user(request: Request, data: UserRegister, work: Work) -> Response:
    """Make an account.

    The first `ADMIN` needs no token, as long as there is none; later ones are registered by an ADMIN. An ADMIN ties a
    `DOCTOR` account to a doctor with `doctor_id`; left out, the doctor with the same e-mail is taken. An account that
    is tied to no doctor sees no patient.
    """
    settings = work.tools.settings
    await work.do(lambda: may_register(request=request, data=data, work=work))
    hashed = await work.tools.passwords.hashed(data.password, data.email, "password")
    user = await work.do(lambda: accounts.register(work.session, work.caller, data, hashed, settings))
    return record(work, UserPublic, user, 201)


@limiter.limit("30/minute", exempt_when=is_signed_in)
def may_register(request: Request, data: UserRegister, work: UnitOfWork) -> None:
    """Apart from the route, for the limiter may ask Redis, and that must not keep the event loop waiting."""
    accounts.may_register(work.session, work.caller, data, work.tools.settings)


@router.post("/login", summary="Sign in", dependencies=[public], response_model=TokenPair)
async def login(data: Annotated[LoginForm, Form()], work: Work) -> Response:
    """Sign in: e-mail (as `username`) and password for an access token. Authorize above does this for you.

    The access token is good for `expires_in` seconds; with the refresh token `POST /auth/refresh` gives the next ones,
    for 12 hours.
    """
    email, passwords = accounts.spelled(data.username), work.tools.passwords
    with passwords.line(work.network):
        place = await may_guess(work, Secret.password, lambda: email, work.network)
        async with undone_if_it_fails(work, place):
            verdict = await passwords.verdict(data.password, place.hashed_password)
            begun = await work.do(lambda: sessions.sign_in(work.session, place, verdict))
    if begun is None:
        raise LoginFailed
    return tokens(work, begun)


@router.post("/refresh", summary="Stay signed in", dependencies=[public], response_model=TokenPair)
async def refresh(data: RefreshRequest, work: Work) -> Response:
    """Go on without a password: the next access and refresh token.

    A refresh token works once. If it is used again, somebody else may have it: the whole session ends.
    """
    continued = await work.do(lambda: sessions.go_on(work.session, data.refresh_token))
    if continued is None:
        raise RefreshFailed
    return tokens(work, continued)


def tokens(work: UnitOfWork, started: Started) -> Response:
    seconds = min(work.tools.settings.access_token_minutes * 60, started.seconds_left)
    access_token = work.tools.tokens.sign(started.user_id, started.role, started.session_id, seconds)
    pair = TokenPair(access_token=access_token, expires_in=seconds, refresh_token=started.refresh_token)
    return JSONResponse(pair.model_dump(), headers={"Cache-Control": "no-store"})


@router.post("/logout", summary="Sign out", status_code=204, dependencies=[staff])
def logout(work: Work) -> Response:
    """End this session: its access and refresh tokens are worth nothing from now on."""
    sessions.sign_out(work.session, work.user)
    return Response(status_code=204)


@router.get("/me", summary="Your account", dependencies=[staff], response_model=UserPublic)
def read_me(work: Work) -> Response:
    """Your own account."""
    return one(work, UserPublic, EVERYONE, work.user.id)


@router.put("/password", status_code=204, dependencies=[staff])
async def change_password(data: PasswordChange, work: Work) -> Response:
    """Change your password. All your other sessions end; this one goes on."""
    email, passwords = await work.do(lambda: work.user.email), work.tools.passwords
    with passwords.line(work.network):
        place = await may_guess(work, Secret.password, lambda: email, work.network)
        async with undone_if_it_fails(work, place):
            verdict = await passwords.verdict(data.current_password, place.hashed_password)
            hashed = (
                await passwords.apart(passwords.hash, data.new_password, email, "new_password")
                if verdict.right
                else None
            )
            changed = await work.do(lambda: store_password(work, place, hashed))
    if not changed:
        raise WrongPassword("current_password")
    return Response(status_code=204)


def store_password(work: UnitOfWork, place: Place, hashed: str | None) -> bool:
    version = find(work.session, EVERYONE, work.user.id, lock="UPDATE").version
    changed = accounts.change_password(work.session, work.user, place, hashed)
    if changed:
        refuse_stale(work.request, version)
    return changed
