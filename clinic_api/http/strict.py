"""Nothing that is sent is ignored: an unknown query parameter and an unread body are errors."""

import re
from collections import Counter
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.datastructures import ImmutableMultiDict

from clinic_api.errors import UnsupportedMediaType


async def refuse_unread(request: Request) -> None:
    """Raises RequestValidationError for parameters that this route would not read, or that are sent twice.

    A route with query parameters has them in one model, which forbids others by itself.
    """
    route = request.scope["route"]
    refuse_repeated("query", request.query_params)
    if request.query_params and not route.dependant.query_params:
        raise RequestValidationError([wrong("query", name, "extra_forbidden") for name in request.query_params])
    if is_form(route):
        refuse_repeated("body", await request.form())


def refuse_repeated(place: str, fields: ImmutableMultiDict[str, Any]) -> None:
    times = Counter(name for name, _ in fields.multi_items())
    if repeated := [name for name, count in times.items() if count > 1]:
        raise RequestValidationError([wrong(place, name, "repeated", "must be sent once") for name in repeated])


def refuse_media_type(request: Request, route: APIRoute) -> None:
    """Raises UnsupportedMediaType for a body that this route cannot read."""
    if route.body_field is None or not has_body(request):
        return
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without a Content-Encoding.")
    if is_form(route) and media_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise UnsupportedMediaType(
            "Send this as a form (Content-Type: application/x-www-form-urlencoded), not as JSON;"
            " with requests: data={…} instead of json={…}."
        )
    if not is_form(route) and not re.fullmatch(r"application/(.+\+)?json", media_type):
        raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")


def is_form(route: APIRoute) -> bool:
    return route.body_field is not None and isinstance(route.body_field.field_info, Form)


def has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def wrong(place: str, name: str, code: str, message: str = "") -> dict[str, Any]:
    return {"type": code, "loc": (place, name), "msg": message}
