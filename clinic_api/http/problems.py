"""Every error as `application/problem+json` (RFC 9457), with a sentence that names the next step."""

from asyncio import CancelledError
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from slowapi.errors import RateLimitExceeded
from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic_api import errors
from clinic_api.database import constraint, sqlstate
from clinic_api.http.limits import seconds_to_wait
from clinic_api.http.logs import told
from clinic_api.http.threads import NO_ANSWER
from clinic_api.migrations import TOO_OLD, UNDEFINED_COLUMN, UNDEFINED_TABLE
from clinic_api.models import metadata
from clinic_api.sentences import counted, field_error

log = structlog.get_logger()

BEARER = {"WWW-Authenticate": "Bearer"}
SOON = {"Retry-After": "2"}  # seconds
MOST_ERRORS = 20

STATUS: dict[type[errors.ClinicError], int] = {
    errors.Unauthenticated: 401,
    errors.Refused: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.UnsupportedMediaType: 415,
    errors.TooMany: 429,
    errors.Unready: 503,
}
HEADERS = {401: BEARER, 503: SOON}
DETAILS = {
    404: "There is nothing at this address. See /docs for what there is.",
    408: "The body came too slowly. Send it again, faster.",
    414: "The address is too long. Send at most 8 KiB of path and query.",
    500: "Something went wrong on the server. Report the request_id to its operator.",
    503: "The server is being stopped. Send the request again in a moment.",
}
TITLES = {
    413: "Content too large",
    414: "URI too long",
    422: "Validation error",
    505: "HTTP version not supported",
}  # Python's own changed with 3.13
UNIQUE = {
    unique.name: (table.name.removesuffix("s"), unique.columns[0].name)
    for table in metadata.tables.values()
    for unique in [*table.indexes, *table.constraints]
    if isinstance(unique, UniqueConstraint) or (isinstance(unique, Index) and unique.unique)
}


def kind_of(status: int) -> dict[str, Any]:
    """The members of a problem that follow from its status alone."""
    title = TITLES.get(status, HTTPStatus(status).phrase.capitalize())
    return {"type": f"/problems/{title.lower().replace(' ', '-')}", "title": title, "status": status}


def problem(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """The answer; `more` are members of the problem beyond those of RFC 9457."""
    path = "/" if status == 414 else request.scope["path"]  # which may be what is too long
    content = {
        **kind_of(status),
        "detail": detail,
        "instance": quote(path, safe="/:@!$&'()*+,;=-._~"),
        "request_id": request.state.request_id,
        **more,
    }
    return JSONResponse(content, status, {**HEADERS.get(status, {}), **(headers or {})}, "application/problem+json")


def on_clinic_error(request: Request, error: errors.ClinicError) -> JSONResponse:
    more: dict[str, Any] = {}
    if isinstance(error, errors.LoginFailed):  # RFC 6749, 5.2; Swagger UI shows the description
        more = {"error": "invalid_grant", "error_description": error.detail}
    if isinstance(error, errors.UnsupportedMediaType):
        more = refused_login(request, error.detail)
    if isinstance(error, errors.Conflict):
        more = {"errors": [{"field": error.field, "message": error.detail, "code": "conflict"}]}
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, (errors.TooMany, errors.StillRunning)) else None
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return problem(request, status, error.detail, headers=headers, **more)


def on_invalid(request: Request, error: errors.Invalid) -> JSONResponse:
    return invalid(request, [{"field": error.field, "message": error.message, "code": error.code}])


def on_wrong_rows(request: Request, error: errors.WrongRows) -> JSONResponse:
    """Of a file that was not imported: what is wrong in it, row by row."""
    more: dict[str, Any] = {
        "rows": error.rows,
        "wrong_rows": error.wrong_rows,
        "error_count": error.errors,
        "errors": [cell._asdict() for cell in error.first],
    }
    found = f"{counted(error.errors, 'error')} in {counted(error.wrong_rows, 'row')}"
    are = "is" if error.errors == 1 else "are"
    detail = f"There {are} {found}, so nothing was imported. Mend what is wrong, and send the file again."
    return problem(request, 422, detail, **more)


def on_validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    parts = error.errors()
    return invalid(request, [field_error(part) for part in parts[:MOST_ERRORS]], len(parts))


def invalid(request: Request, fields: list[dict[str, str]], count: int = 1) -> JSONResponse:
    names = ", ".join(dict.fromkeys(field["field"] for field in fields)) + (" …" if count > len(fields) else "")
    detail = f"1 field is invalid: {told_whole(fields[0])}" if count == 1 else f"{count} fields are invalid: {names}."
    return problem(request, 422, detail, errors=fields, **refused_login(request, detail))


def told_whole(field: dict[str, str]) -> str:
    return f"{field['field']} {field['message']}.".replace("..", ".")


def refused_login(request: Request, detail: str) -> dict[str, Any]:
    """What RFC 6749, 5.2 adds where it is a login that cannot be read."""
    is_login = request.url.path.endswith("/auth/login")
    return {"error": "invalid_request", "error_description": detail} if is_login else {}


def on_database_error(request: Request, error: DBAPIError) -> JSONResponse:
    """What PostgreSQL refused, or that it cannot be asked. Its own words stay here: they hold values."""
    if isinstance(error, IntegrityError) and (clash := UNIQUE.get(constraint(error))):
        return on_clinic_error(request, taken(*clash))
    if isinstance(error, (IntegrityError, DataError)):
        return on_invalid(request, errors.Invalid("body", "holds a value that cannot be stored", "not_storable"))
    code = sqlstate(error)
    log.error("database", request_id=request.state.request_id, sqlstate=code, **told(error))
    if code in (UNDEFINED_TABLE, UNDEFINED_COLUMN):
        return on_clinic_error(request, errors.Unready(TOO_OLD))
    return on_unready(request, error)


def taken(kind: str, field: str) -> errors.Conflict:
    return errors.Conflict(f"Another {kind} has this {field} already. Choose another, or change theirs.", field)


def on_unready(request: Request, error: Exception) -> JSONResponse:
    return on_clinic_error(request, errors.Unready(NO_ANSWER))


def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
    headers = dict(error.headers or {})
    detail = DETAILS.get(error.status_code, f"{error.detail}.")
    path = request.scope["path"].removeprefix(request.scope["root_path"])
    if error.status_code == 404 and methods_at(request, path.rstrip("/")):
        detail = "There is nothing at this address, for it ends in a slash. Leave that out."
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(methods_at(request, path) or {"GET", "HEAD"}))  # static files are no routes
        detail = f"This method is not for this address. It takes {headers['Allow']}."
    if error.status_code == 400:
        return on_invalid(
            request, errors.Invalid("body", "cannot be read: check its encoding and its form", "unreadable")
        )
    return problem(request, error.status_code, detail, headers=headers)


def methods_at(request: Request, path: str) -> set[str]:
    """All methods of this path; Starlette would name those of the first route alone."""
    found: dict[str, set[str]] = {}
    for route in iter_route_contexts(request.app.routes):
        if route.path and route.methods and compile_path(route.path)[0].match(path):
            found.setdefault(route.path, set()).update(route.methods)
    if path in found:  # a word that is no id
        return found[path]
    return {method for methods in found.values() for method in methods}


def on_limit(request: Request, error: RateLimitExceeded) -> JSONResponse:
    return on_clinic_error(request, errors.TooManyRequests(seconds_to_wait(request)))


def on_error(request: Request, error: BaseException) -> JSONResponse:
    log.error("failure", request_id=request.state.request_id, **told(error))
    return problem(request, 500, DETAILS[500])


def on_end(request: Request, _error: BaseException) -> JSONResponse:
    return problem(request, 503, DETAILS[503], headers=SOON | {"Connection": "close"})


HANDLERS: dict[type[Exception], Callable[[Request, Any], JSONResponse]] = {
    errors.ClinicError: on_clinic_error,
    errors.Invalid: on_invalid,
    errors.WrongRows: on_wrong_rows,
    RequestValidationError: on_validation_error,
    DBAPIError: on_database_error,
    PoolTimeout: on_unready,
    HTTPException: on_http_error,
    RateLimitExceeded: on_limit,
}


def answer_to(request: Request, error: Exception) -> JSONResponse:
    """What this request is answered when it ends with this error."""
    handle = next(HANDLERS[kind] for kind in type(error).__mro__ if kind in HANDLERS)
    return handle(request, error)


def add_problems(app: FastAPI) -> None:
    for kind, handle in HANDLERS.items():
        app.add_exception_handler(kind, handle)
    app.add_middleware(LastResort)


class LastResort:
    """Answers what nobody expected, and what the end of the server cuts off.

    Starlette's own would do so outside the other middleware, without their headers; uvicorn's in plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def send_and_note(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except (Exception, CancelledError) as error:
            if began or scope["type"] != "http":
                raise
            answer = on_end if isinstance(error, CancelledError) else on_error
            await answer(Request(scope), error)(scope, receive, send)
