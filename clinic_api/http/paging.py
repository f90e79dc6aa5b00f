"""From one page of a list to the next: the `Link` header (RFC 8288), and the cursor in it."""

from typing import Any
from urllib.parse import urlencode

from pydantic_core import to_json

from clinic_api.errors import Invalid
from clinic_api.http.work import UnitOfWork
from clinic_api.models import ListQuery

NOT_OF_THE_LIST = {"limit", "offset", "total", "cursor"}


def open_cursor(work: UnitOfWork, query: ListQuery, cursor: str) -> list[Any]:
    """The place where the last page ended. Raises Invalid for another list's or person's cursor."""
    if query.offset:
        raise Invalid("offset", "must be left out with a cursor", "offset_with_cursor")
    place: list[Any] = work.tools.cursors.open(cursor, owner(work, query))
    return place


def next_page(work: UnitOfWork, query: ListQuery, end: list[Any]) -> str:
    """The address of the page that follows a record's place in the order, for the same person, filter and sort."""
    scope, asked = work.request.scope, dict(work.request.query_params)
    asked.pop("offset", None)
    asked["cursor"] = work.tools.cursors.seal(end, owner(work, query))
    return f"{base(work)}{scope['path'].removeprefix(scope['root_path'])}?{urlencode(asked)}"


def owner(work: UnitOfWork, query: ListQuery) -> bytes:
    """What a cursor is good for: this person in this role, this list, filter and sort."""
    who = (work.user.id, work.user.role, work.user.doctor_id)
    return to_json([who, work.request.scope["path"], query.model_dump(exclude=NOT_OF_THE_LIST)])


def base(work: UnitOfWork) -> str:
    """Where the caller finds this API: as configured, or else as the request came."""
    scope = work.request.scope
    configured: str = work.tools.settings.public_url
    return configured or f"{scope['scheme']}://{work.request.headers.get('host', 'localhost')}{scope['root_path']}"
