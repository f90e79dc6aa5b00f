"""From statements to JSON: which columns, in which order, how many, found by which words."""

from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy import Select, false, func, inspect, literal
from sqlmodel import Session, SQLModel, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.database import entity, with_id
from clinic_api.errors import Invalid, NotFound
from clinic_api.models.base import Record
from clinic_api.models.page import ListQuery
from clinic_api.search import typed_words

Found = TypeVar("Found", bound=Record)
Listed = TypeVar("Listed", bound=SQLModel)
Public = type[SQLModel]


class Page(NamedTuple):
    """A part of a list as JSON, how long the whole list is if that was asked for, and whom it shows."""

    body: bytes
    length: int | None
    ids: list[int]


def dump(public: Public, record: object) -> bytes:
    """This record as JSON: the fields that `public` names, as it would write them."""
    return to_json(fields(public, record))


def fields(public: Public, record: object) -> dict[str, Any]:
    return {name: getattr(record, name) for name in public.model_fields}


def read_one(session: Session, public: Public, among: SelectOfScalar[Any], id: int) -> Any:
    """The columns that `public` names of one record among these. Raises NotFound when it is not there."""
    row = session.connection().execute(columns(public, with_id(among, id))).one_or_none()
    if row is None:
        raise NotFound(entity(among))
    return row


def read_page(session: Session, public: Public, statement: SelectOfScalar[Any], query: ListQuery) -> Page:
    """The part of this list that the query asks for. Raises Invalid for an order by what is no field."""
    page = columns(public, ordered(statement, public, query.sort)).limit(query.limit).offset(query.offset)
    if not query.total:
        rows = [dict(row) for row in session.connection().execute(page).mappings()]
        return Page(to_json(rows), None, ids_of(rows))
    length = select(func.count()).select_from(statement.order_by(None).subquery()).scalar_subquery()
    rows = [dict(row) for row in session.connection().execute(page.add_columns(length.label("length"))).mappings()]
    lengths = [row.pop("length") for row in rows] or [session.exec(select(length)).one() if query.offset else 0]
    return Page(to_json(rows), lengths[0], ids_of(rows))


def ids_of(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows if "id" in row]


def columns(public: Public, statement: SelectOfScalar[Any]) -> Select[Any]:
    table = entity(statement)
    return statement.with_only_columns(*(getattr(table, name) for name in public.model_fields))


def ordered(statement: SelectOfScalar[Any], public: Public, sort: str | None) -> SelectOfScalar[Any]:
    """In the order of `sort` (`family_name,-birth_date`), and always by `id` in the end. Raises Invalid."""
    table = entity(statement)
    if sort is not None:
        names = [name.strip() for name in sort.split(",")]
        if not all(name.removeprefix("-") in public.model_fields for name in names):
            raise Invalid("sort", f"must name fields among {', '.join(public.model_fields)}", "unknown_field")
        keys = [(getattr(table, name.removeprefix("-")), name.startswith("-")) for name in names]
        statement = statement.order_by(None).order_by(*(key.desc() if down else key for key, down in keys))
    return statement.order_by(*inspect(table).primary_key)


def where_equal(statement: SelectOfScalar[Listed], query: BaseModel, *names: str) -> SelectOfScalar[Listed]:
    """Only the records that have in these fields what the query has in them, where it has something."""
    for name in names:
        if (value := getattr(query, name)) is not None:
            statement = statement.where(getattr(entity(statement), name) == value)
    return statement


def found_by(statement: SelectOfScalar[Found], typed: str | None) -> SelectOfScalar[Found]:
    """Only the records that have each typed word as the beginning of one of theirs, whole words first."""
    if typed is None:
        return statement
    text = col(entity(statement).search_words)
    words = typed_words(typed)
    if not words:
        return statement.where(false())
    for spellings in words:
        statement = statement.where(or_(*(text.like(f"% {word}%") for word in spellings)))
    first = func.substring(text, literal(f" ((?:{'|'.join(sorted(words[0]))})[^ ]*)"))
    return statement.order_by(first.collate("C"))
