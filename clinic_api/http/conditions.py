"""Conditional requests (RFC 9110, 13): nobody overwrites what they have not seen, and nothing is sent twice."""

import re
from typing import Any

from fastapi import Request

from clinic_api.errors import NoVersion, Stale
from clinic_api.http.work import UnitOfWork
from clinic_api.selecting import Selection, find

TAG = re.compile(r'(?:W/)?"([^"]*)"')


def etag(version: int) -> str:
    """The ETag of a record: its version. A strong one, for what a record looks like follows from its version."""
    return f'"{version}"'


def refuse_stale(request: Request, version: int | None) -> None:
    """Raises Stale if the request wants another version (`If-Match`) than this; none has what has no version."""
    sent = request.headers.getlist("if-match")
    if not sent or "*" in sent:
        return
    if version is None:
        raise NoVersion
    if etag(version) not in (found.group() for line in sent for found in TAG.finditer(line)):
        raise Stale


def find_fresh(work: UnitOfWork, among: Selection[Any], id: int) -> Any:
    """The record to change, which nobody else changes meanwhile. Raises NotFound, and Stale."""
    row = find(work.session, among, id, lock="UPDATE")
    refuse_stale(work.request, row.version)
    return row


def is_known(request: Request, version: int) -> bool:
    """Whether the caller has this version already (`If-None-Match`)."""
    sent = request.headers.getlist("if-none-match")
    return "*" in sent or any(found.group(1) == str(version) for line in sent for found in TAG.finditer(line))
