"""Signing in: RFC 6749's password grant, and the tokens that it gives."""

from typing import Annotated, Literal

from pydantic import Field as Rule
from sqlmodel import SQLModel

from clinic_api.models.base import Input
from clinic_api.models.fields import Line, Password


class LoginForm(Input):
    username: Annotated[
        str,
        Rule(min_length=1, max_length=320, description="Your e-mail address.", examples=["admin@example.org"]),
        Line,
    ]
    password: Password
    grant_type: Annotated[Literal["password"] | None, Rule(description="`password`, or left out.")] = None
    scope: Annotated[str, Rule(description="Not used: the role is the account's.")] = ""
    client_id: Annotated[str | None, Rule(description="Not used.")] = None
    client_secret: Annotated[str | None, Rule(description="Not used.")] = None


class RefreshRequest(Input):
    refresh_token: Annotated[str, Rule(max_length=1024, description="The last one that you were given."), Line]


class TokenPair(SQLModel):
    access_token: Annotated[
        str, Rule(description="Send it as `Authorization: Bearer <token>`.", examples=["eyJhbGciOiJIUzI1NiIs…"])
    ]
    token_type: Annotated[str, Rule(examples=["bearer"])] = "bearer"
    expires_in: Annotated[int, Rule(description="Seconds that the access token is good for.", examples=[3600])]
    refresh_token: Annotated[
        str,
        Rule(
            description="Good once, for POST /auth/refresh, until the session ends.",
            examples=["pVnx2RkD0mQ7c1hYtS4bZ8uJ…"],
        ),
    ]
