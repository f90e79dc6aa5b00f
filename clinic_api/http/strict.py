"""Nothing that is sent is ignored: an unknown query parameter and an unread body are errors."""

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form

from clinic_api.errors import UnsupportedMediaType


async def refuse_unread(request: Request) -> None:
    """Raises RequestValidationError or UnsupportedMediaType for what this route would not read.

    A route with query parameters has them in one model, which forbids others by itself.
    """
    route = request.scope["route"]
    if request.query_params and not route.dependant.query_params:
        names = dict.fromkeys(request.query_params)
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", name), "msg": ""} for name in names])
    if route.body_field is not None and has_body(request):
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if isinstance(route.body_field.field_info, Form):
            if media_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
                raise UnsupportedMediaType(
                    "Send this as a form (Content-Type: application/x-www-form-urlencoded), not as JSON;"
                    " with requests: data={…} instead of json={…}."
                )
        elif media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")


def has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
