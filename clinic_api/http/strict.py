"""Nothing that is sent is ignored or guessed at: what would not be read, or not as it was meant, is an error."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import File, Form
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from clinic_api.errors import UnsupportedMediaType

CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^"';\s]*)""", re.IGNORECASE)
UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}

MOST_BESIDE_A_FILE = 20  # fields


class Repeated(Exception):
    """These names stand more than once in one JSON object."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names


class StrictRequest(Request):
    """Its body is UTF-8, its JSON has each name once per object, and its numbers are numbers."""

    repeated: Sequence[str] = ()
    """Told by `refuse_unread`, when it is known that the caller may."""
    takes_file = False
    """Whether the body may be large, and goes to the disk instead of the memory."""

    async def json(self) -> Any:
        text = await read(self)
        try:
            return JSON.decode(text.decode())
        except Repeated as error:
            self.repeated = error.names
            return {}
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError):  # not UTF-8, not a finite number, far too deep
            raise json.JSONDecodeError("", "", 0) from None

    async def _get_form(self, **limits: Any) -> FormData:
        """Starlette puts something else in the place of what it cannot decode."""
        if self.takes_file:
            return await super()._get_form(max_files=1, max_fields=MOST_BESIDE_A_FILE)
        sent = await read(self)
        if self.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
            sent = unquote_to_bytes(sent.decode("ascii"))
        sent.decode()
        return await super()._get_form(**limits)


async def read(request: Request) -> bytes:
    """The body. Raises HTTPException when the client leaves before its end."""
    try:
        return await request.body()
    except ClientDisconnect:
        raise HTTPException(400) from None


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Repeated(twice(name for name, _ in pairs))
    return fields


def finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else no_number(text)


def no_number(_: str) -> NoReturn:
    raise ValueError


JSON = json.JSONDecoder(object_pairs_hook=each_once, parse_float=finite, parse_constant=no_number)


async def refuse_unread(request: Request) -> None:
    """Raises RequestValidationError for what this route would not read, what is sent twice, and what is no text.

    A route with query parameters has them in one model, which forbids others by itself.
    """
    route = request.scope["route"]
    if request.query_params:
        refuse_garbled(request.scope["query_string"])
        refuse_repeated("query", twice(name for name, _ in request.query_params.multi_items()))
        if not route.dependant.query_params:
            raise RequestValidationError([wrong("query", name, "extra_forbidden") for name in request.query_params])
    if is_form(route):
        names = [name for name, _ in (await request.form()).multi_items()]
        refuse_repeated("body", twice(names))
        known = {field.alias for field in route.dependant.body_params}
        if is_upload(route) and (unknown := [name for name in names if name not in known]):
            raise RequestValidationError([wrong("body", name, "extra_forbidden") for name in unknown])
    elif isinstance(request, StrictRequest):
        refuse_repeated("body", request.repeated)
    if route.body_field is None and has_body(request) and (await read(request)).strip() not in (b"", b"{}"):
        raise RequestValidationError([wrong("body", "body", "not_empty", "must be empty: nothing in it would be read")])


def refuse_garbled(query: bytes) -> None:
    """Where bytes are no UTF-8, Starlette would put something else in their place."""
    if b"%" in query:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
        if garbled := [name for name, value in pairs if re.search("[\udc80-\udcff]", name + value)]:
            raise RequestValidationError([wrong("query", name, "string_unicode") for name in garbled])


def refuse_repeated(place: str, names: Sequence[str]) -> None:
    if names:
        raise RequestValidationError([wrong(place, name, "repeated", "must be sent once") for name in names])


def twice(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def refuse_media_type(request: Request, route: APIRoute) -> None:
    """Raises UnsupportedMediaType for a body that this route cannot read."""
    if route.body_field is None or not has_body(request):
        return
    sent = request.headers.getlist("content-type")
    media_type = sent[0].partition(";")[0].strip().lower() if sent else ""
    if len(sent) > 1:
        raise UnsupportedMediaType("Send the header Content-Type once.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without a Content-Encoding.")
    if is_upload(route) and media_type != "multipart/form-data":
        raise UnsupportedMediaType(
            "Send the file in a form (Content-Type: multipart/form-data), in the field `file`;"
            " with requests: files={'file': …}."
        )
    if is_form(route) and media_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise UnsupportedMediaType(
            "Send `username` (your e-mail address) and `password` as a form (Content-Type:"
            " application/x-www-form-urlencoded), not as JSON; with requests:"
            " requests.post(url, data={'username': …, 'password': …})."
        )
    patch = ["application/merge-patch+json"] if request.method == "PATCH" else []
    if not is_form(route) and media_type not in ["application/json", *patch]:
        raise UnsupportedMediaType(
            "Send the body as JSON (Content-Type: application/json); with requests: json={…} instead of data={…}."
        )
    if sent and not UTF_8.issuperset(name.lower() for name in CHARSET.findall(sent[0])):
        raise UnsupportedMediaType("Send the body in UTF-8.")


def is_form(route: APIRoute) -> bool:
    return route.body_field is not None and isinstance(route.body_field.field_info, Form)


def is_upload(route: APIRoute) -> bool:
    return route.body_field is not None and isinstance(route.body_field.field_info, File)


def has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def wrong(place: str, name: str, code: str, message: str = "") -> dict[str, Any]:
    return {"type": code, "loc": (place, name), "msg": message}
