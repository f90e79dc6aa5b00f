"""What a route answers with: one record, a page, a record made or changed. The body is bytes before the commit."""

from typing import Any

from fastapi import Response
from sqlalchemy import inspect
from sqlmodel import SQLModel

from clinic_api.audit import tell_look
from clinic_api.http.conditions import etag, is_known, refuse_stale
from clinic_api.http.exports import Export
from clinic_api.http.formats import CSV, JSON
from clinic_api.http.paging import next_page, open_cursor
from clinic_api.http.work import UnitOfWork
from clinic_api.models import PatientPublic
from clinic_api.models.base import Row
from clinic_api.models.page import ListQuery
from clinic_api.reading import Public, dump, read_one, read_page
from clinic_api.selecting import Selection, entity, find


def one(work: UnitOfWork, public: Public, among: Selection[Any], id: int) -> Response:
    row = read_one(work.connection, public, among, id)
    work.saw(entity(among.statement), [id])
    if is_known(work.request, row.version):
        return Response(status_code=304, headers={"ETag": etag(row.version)})
    return record(work, public, row)


def record(work: UnitOfWork, public: Public, row: Any, status: int = 200, **headers: str) -> Response:
    if public is PatientPublic:
        work.about = row.id
    return Response(dump(public, row), status, {"ETag": etag(row.version), **headers}, JSON)


def page(work: UnitOfWork, public: Public, among: Selection[Any], query: ListQuery) -> Response:
    if work.format == CSV:
        return Export(work, public, among, query)
    after = None if query.cursor is None else open_cursor(work, query, query.cursor)
    found = read_page(work.connection, public, among, query, after)
    if found.ids or found.length:  # a number tells something too
        work.saw(entity(among.statement), found.ids, in_a_list=True)
    headers = {} if found.length is None else {"X-Total-Count": str(found.length)}
    if found.end is not None:
        headers["Link"] = f'<{next_page(work, query, found.end)}>; rel="next"'
    return Response(found.body, 200, headers, JSON)


def created(work: UnitOfWork, public: Public, row: Row) -> Response:
    work.session.add(row)
    work.session.flush()
    return record(work, public, row, 201, Location=f"{work.request.scope['root_path']}/{row.__tablename__}/{row.id}")


def replaced(work: UnitOfWork, public: Public, among: Selection[Any], id: int, data: SQLModel) -> Response:
    """Each field as it was sent, or its default; what the database makes by itself (a record number) is kept."""
    row = find(work.session, among, id, lock="UPDATE")
    values = {name: value for name, value in data.model_dump().items() if value is not None or may_be_null(row, name)}
    return changed(work, public, row, values)


def updated(work: UnitOfWork, public: Public, among: Selection[Any], id: int, data: SQLModel) -> Response:
    """Only what was sent (RFC 7396)."""
    row = find(work.session, among, id, lock="UPDATE")
    return changed(work, public, row, data.model_dump(exclude_unset=True))


def changed(work: UnitOfWork, public: Public, row: Row, values: dict[str, Any]) -> Response:
    row.sqlmodel_update(values)
    row.refuse_contradictions()
    refuse_stale(work.request, row.version)
    if not work.session.is_modified(row):
        tell_look(work.session, row)
    work.session.flush()
    return record(work, public, row)


def may_be_null(row: Row, name: str) -> bool:
    return bool(inspect(type(row)).columns[name].nullable)
