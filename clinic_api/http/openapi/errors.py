"""Which errors an operation can give. Each is shown as the handlers answer it, so that no example can say otherwise."""

import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from clinic_api.errors import (
    Inactive,
    Invalid,
    LastAdmin,
    LoginFailed,
    NoMatch,
    NotAcceptable,
    NotFound,
    NoVersion,
    PasswordIsEmail,
    RefreshFailed,
    Refused,
    RetiredRefused,
    Stale,
    StillRunning,
    TooManyAttempts,
    TooManyRequests,
    Unauthenticated,
    UnknownDoctor,
    Unready,
    UnsupportedMediaType,
    WrongCell,
    WrongPassword,
    WrongRole,
    WrongRows,
)
from clinic_api.http.auth import admin, doctor, staff
from clinic_api.http.bodies import Bounds, too_large
from clinic_api.http.idempotency import take_key
from clinic_api.http.problems import answer_to, kind_of, taken
from clinic_api.http.route import QUERY, WorkRoute
from clinic_api.http.strict import is_form, is_upload, refuse_media_type
from clinic_api.http.threads import NO_ANSWER
from clinic_api.http.work import KINDS
from clinic_api.models import Patient
from clinic_api.models.fields import IN_FUTURE, NO_EMAIL
from clinic_api.sentences import NO_PARAMETER, SENTENCES
from clinic_api.services.accounts import ONE_ADMIN_IS_THERE
from clinic_api.services.repeats import HEADER

ID = "7"
"""Whose path the examples tell of."""
EMAIL = Invalid("email", NO_EMAIL, "email")
FUTURE = Invalid("birth_date", IN_FUTURE, "future_date")
FIRST_WRONG = WrongCell(17, "birth_date", IN_FUTURE, "future_date")


def wrong(field: str, kind: str, **limits: int) -> Invalid:
    """What pydantic finds wrong."""
    return Invalid(field, SENTENCES[kind].format(**limits), kind)


OWN: dict[str, dict[int, Exception]] = {
    "register_user": {
        401: Unauthenticated(ONE_ADMIN_IS_THERE),
        403: Refused(ONE_ADMIN_IS_THERE),
        409: taken("user", "email"),
        422: PasswordIsEmail("password"),
        429: TooManyRequests(20),
    },
    "login": {
        401: LoginFailed(),
        422: wrong("username", "missing"),
        429: TooManyAttempts(600),
    },
    "refresh": {
        401: RefreshFailed(),
        422: wrong("refresh_token", "missing"),
    },
    "change_password": {
        422: WrongPassword("current_password"),
        429: TooManyAttempts(600),
    },
    "create_doctor": {409: taken("doctor", "email"), 422: EMAIL},
    "replace_doctor": {409: taken("doctor", "email"), 422: EMAIL},
    "update_doctor": {409: taken("doctor", "license_number"), 422: EMAIL},
    "restore_doctor": {409: taken("doctor", "email")},
    "assign_patient": {409: Inactive(Patient)},
    "unassign_patient": {412: NoVersion()},
    "create_patient": {409: taken("patient", "medical_record_number"), 422: FUTURE},
    "replace_patient": {409: taken("patient", "medical_record_number"), 422: FUTURE},
    "update_patient": {409: taken("patient", "medical_record_number"), 422: wrong("given_name", "string_too_short")},
    "restore_patient": {409: taken("patient", "medical_record_number")},
    "list_patients": {403: RetiredRefused()},
    "import_patients": {413: too_large(Bounds(200 * 2**20)), 422: WrongRows(250, 1, 1, [FIRST_WRONG])},
    "open_emergency_access": {
        404: NoMatch(Patient),
        422: wrong("reason", "string_too_short"),
        429: TooManyAttempts(600),
    },
    "update_user": {
        409: LastAdmin("is_active"),
        422: UnknownDoctor("doctor_id"),
    },
    "set_password": {422: PasswordIsEmail("new_password")},
    "read_health": {429: TooManyRequests(20), 503: Unready(NO_ANSWER)},
    "read_readiness": {503: Unready(NO_ANSWER)},
}
"""What is an operation's own, beyond what `usual` knows."""


def document_errors(route: APIRoute, prefix: str, operation: dict[str, Any]) -> None:
    operation["responses"].pop("422", None)
    for status, error in sorted({**dict(usual(route)), **OWN.get(route.name, {})}.items()):
        shape = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": shown(route, prefix, error)}
        content = {"application/problem+json": shape}
        operation["responses"][str(status)] = {"description": kind_of(status)["title"], "content": content}


def shown(route: APIRoute, prefix: str, error: Exception) -> Any:
    """What somebody who asks for the record with this ID is answered."""
    path = prefix + re.sub(r"\{\w+\}", ID, route.path)
    scope: dict[str, Any] = {"type": "http", "root_path": prefix, "path": path, "query_string": b"", "headers": []}
    scope |= {"server": ("localhost", 8000), "state": {"request_id": "5f2b8c1d9e3a4f60"}}
    return json.loads(bytes(answer_to(Request(scope), error).body))


def usual(route: APIRoute) -> Iterator[tuple[int, Exception]]:
    """What follows from who may call it, and from what it takes."""
    ids = re.findall(r"{(\w+)}", route.path)
    yield 422, usually_invalid(route, ids)
    if ids:
        yield 404, NotFound(KINDS[ids[0]])
    if isinstance(route, WorkRoute):
        yield from for_the_caller(route)
        yield 406, NotAcceptable(route.formats)
        yield 503, Unready(NO_ANSWER)
    if any(asked.call is take_key for asked in route.dependant.dependencies):
        yield 409, StillRunning(HEADER)
    if not {"PUT", "PATCH", "DELETE"}.isdisjoint(route.methods or ()):
        yield 412, Stale()
    if route.body_field is not None:
        yield 413, too_large(Bounds())
        yield 415, wrong_type(route)
    if takes_query(route):
        yield 414, HTTPException(414)


def takes_query(route: APIRoute) -> bool:
    return any(field.name == QUERY for field in route.dependant.query_params)


def for_the_caller(route: WorkRoute) -> Iterator[tuple[int, Exception]]:
    if route.guard in (admin, doctor, staff):
        yield 401, Unauthenticated()
    if route.guard.scopes:
        yield 403, WrongRole(route.guard.scopes)


def usually_invalid(route: APIRoute, ids: list[str]) -> Invalid:
    if ids:
        return wrong(ids[0], "greater_than_equal", ge=1)
    if takes_query(route):
        return wrong("limit", "less_than_equal", le=500)
    return Invalid("limit", NO_PARAMETER, "extra_forbidden")


def wrong_type(route: APIRoute) -> UnsupportedMediaType:
    """What is said to somebody who sends JSON where that is wrong, and else plain text."""
    sent = "application/json" if is_form(route) or is_upload(route) else "text/plain"
    headers = [(b"content-length", b"1"), (b"content-type", sent.encode())]
    try:
        refuse_media_type(Request({"type": "http", "method": "POST", "headers": headers}), route)
    except UnsupportedMediaType as error:
        return error
    raise AssertionError(f"{route.name} reads {sent}")
