"""Who may: the one dependency by which a route says it, in its decorator."""

from typing import TYPE_CHECKING

from fastapi import Request, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from fastapi.security.utils import get_authorization_scheme_param

from clinic_api.errors import Unauthenticated
from clinic_api.models import Role

if TYPE_CHECKING:
    from clinic_api.http.work import UnitOfWork


class Authorize(OAuth2PasswordBearer):
    """Takes the access token of a request, and notes which roles may; the unit of work reads the rest.

    It does no I/O: who the token's user is today, and what they may do, is read on the connection that the
    route then uses, before anything else is looked up (`UnitOfWork.admit`).
    """

    def __init__(self, *, anonymous: bool = False) -> None:
        super().__init__(
            tokenUrl="auth/login",
            scheme_name="Login",
            description="Your e-mail address (as `username`) and your password.",
        )
        self.anonymous = anonymous

    async def __call__(self, request: Request, scopes: SecurityScopes) -> None:  # type: ignore[override]
        sent = request.headers.getlist("Authorization")
        if len(sent) > 1:
            raise Unauthenticated("Send the header Authorization once.")
        scheme, token = get_authorization_scheme_param(sent[0] if sent else None)
        work: UnitOfWork = request.state.work
        work.roles = frozenset(Role(scope) for scope in scopes.scopes)
        if scheme:
            if scheme.lower() != "bearer":
                raise Unauthenticated(
                    "Send the access token as `Authorization: Bearer <token>`; POST /auth/login gives one."
                )
            work.token = request.app.state.tokens.read(token)
        elif not self.anonymous:
            raise Unauthenticated


async def let_in(_request: Request, _scopes: SecurityScopes) -> None:
    """Ask for nothing."""


authorize = Authorize()
admin = Security(authorize, scopes=[Role.ADMIN])
doctor = Security(authorize, scopes=[Role.DOCTOR])
"""A doctor who is in the clinic's records; an account that is tied to none is refused."""
staff = Security(authorize)
"""Anyone signed in."""
anybody = Security(Authorize(anonymous=True))
"""Signed in or not; a token that is sent must be good."""
public = Security(let_in)
"""No token is read."""
GUARDS = (admin, doctor, staff, anybody, public)
