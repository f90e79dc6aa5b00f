"""From statements to JSON bytes: which columns, in which order, from where on, how many.

A statement is put together once and kept, its values left out: that takes longer than asking it.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel
from sqlalchemy import Connection, Enum, Select, String, bindparam, func, type_coerce
from sqlmodel import SQLModel, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.errors import Invalid, NotFound
from clinic_api.models.page import ListQuery
from clinic_api.ordering import directed, lies_after, order
from clinic_api.selecting import KEPT, Found, Key, Selection, entity, with_id

Public = type[SQLModel]


class Page(NamedTuple):
    """A part of a list as JSON, how long the whole list is if that was asked for, whom it shows, and where it ends."""

    body: bytes
    length: int | None
    ids: list[int]
    end: list[Any] | None
    """The last record's place in the order; none when no record follows."""


def dump(public: Public, record: object) -> bytes:
    """This record as JSON: the fields that `public` names, as it would write them."""
    return orjson.dumps(fields(public, record), option=orjson.OPT_UTC_Z)


def fields(public: Public, record: object) -> dict[str, Any]:
    return {name: getattr(record, name) for name in public.model_fields}


def read_one(connection: Connection, public: Public, among: Selection[Any], id: int) -> Any:
    """The columns that `public` names of one record among these. Raises NotFound when it is not there."""
    statement = only_columns(public, with_id(among.statement))
    row = connection.execute(statement, among.values | {"id": id}).one_or_none()
    if row is None:
        raise NotFound(entity(among.statement))
    return row


def refuse_unknown(connection: Connection, among: Selection[Any], id: int) -> None:
    """Raises NotFound when this record is not among these."""
    if connection.scalar(only_id(with_id(among.statement)), among.values | {"id": id}) is None:
        raise NotFound(entity(among.statement))


@lru_cache(KEPT)
def only_id(statement: SelectOfScalar[Any]) -> Select[Any]:
    return statement.with_only_columns(entity(statement).id)


def whole_list(public: Public, among: Selection[Any], query: ListQuery) -> Select[Any]:
    """All of it, in the order that the query asks for. Raises Invalid for an order by what is no field."""
    return ordered(public, among.statement, order(public, among.statement, query.sort, among.order))


@lru_cache(KEPT)
def ordered(public: Public, statement: SelectOfScalar[Any], keys: tuple[Key, ...]) -> Select[Any]:
    return only_columns(public, statement).order_by(*directed(keys))


def read_page(
    connection: Connection, public: Public, among: Selection[Any], query: ListQuery, after: list[Any] | None = None
) -> Page:
    """The part of this list that the query asks for, from `offset` on or `after` a record's place in the order.

    Raises Invalid for an order by what cannot be sorted by, and for a place in another order.
    """
    keys = order(public, among.statement, query.sort, among.order)
    if after is not None and len(after) != len(keys):
        raise Invalid("cursor", "must come from a page of this list as it is now", "cursor")
    place = None if after is None else tuple(value is None for value in after)
    counted = (how_many(among.statement) if among.counted is None else among.counted) if query.total else None
    statement = page_statement(public, among.statement, keys, place, counted)
    values = among.values | {"limit": query.limit + 1, "offset": query.offset}
    values |= {f"after_{number}": value for number, value in enumerate(after or ())}
    # A row is the fields of `public`, the length of the list if that is asked for, and the keys of the order.
    found = connection.execute(statement, values).all()
    names = tuple(public.model_fields)
    rows = [dict(zip(names, row, strict=False)) for row in found[: query.limit]]
    end = list(found[query.limit - 1][-len(keys) :]) if len(found) > query.limit else None
    length = None
    if counted is not None:
        length = found[0][len(names)] if found else 0
        if not found and (query.offset or after):
            length = connection.scalar(counted, among.values)
    return Page(orjson.dumps(rows, option=orjson.OPT_UTC_Z), length, [row["id"] for row in rows if "id" in row], end)


@lru_cache(KEPT)
def only_columns(public: Public, statement: SelectOfScalar[Any]) -> Select[Any]:
    table = entity(statement)
    return statement.with_only_columns(*(as_stored(getattr(table, name)) for name in public.model_fields))


def as_stored(column: Any) -> Any:
    """What is written as it is need not become an object first."""
    return type_coerce(column, String) if isinstance(column.type, Enum) else column


@lru_cache(KEPT)
def page_statement(
    public: Public,
    statement: SelectOfScalar[Any],
    keys: tuple[Key, ...],
    place: tuple[bool, ...] | None,
    counted: Select[int] | None,
) -> Select[Any]:
    page = only_columns(public, statement)
    if counted is not None:
        page = page.add_columns(counted.scalar_subquery())
    page = page.add_columns(*(key.column.label(f"key_{number}") for number, key in enumerate(keys)))
    if place is not None:
        page = page.where(lies_after(keys, place))
    return page.order_by(*directed(keys)).limit(bindparam("limit")).offset(bindparam("offset"))


@lru_cache(KEPT)
def how_many(statement: Select[Any]) -> Select[Any]:
    return select(func.count()).select_from(statement.order_by(None).subquery())


def where_equal(among: Selection[Found], query: BaseModel, *names: str) -> Selection[Found]:
    """Only the records that have in these fields what the query has in them, where it has something."""
    values = {name: value for name in names if (value := getattr(query, name)) is not None}
    return among._replace(statement=with_equal(among.statement, *values), values=among.values | values)


@lru_cache(KEPT)
def with_equal(statement: SelectOfScalar[Any], *names: str) -> SelectOfScalar[Any]:
    table = entity(statement)
    return statement.where(*(getattr(table, name) == bindparam(name) for name in names))
