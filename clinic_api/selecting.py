"""Which records: selections of them, and the one way to find a record."""

from functools import lru_cache
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from sqlalchemy import Select, bindparam
from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.errors import NotFound

Found = TypeVar("Found")
KEPT = 64  # statements of each kind that are put together once


class Key(NamedTuple):
    """By what a list is sorted."""

    column: Any
    descending: bool = False


class Selection(NamedTuple, Generic[Found]):
    """Which records: a statement that is put together once, the values left out of it, and the order of a list.

    Without an `order` it is that of the primary key; otherwise no two records are equal in it.
    """

    statement: SelectOfScalar[Found]
    values: dict[str, Any] = {}  # noqa: RUF012
    order: tuple[Key, ...] = ()
    counted: Select[Any] | None = None
    """A statement that tells how many they are, where there is a faster one than to count them."""


@lru_cache(KEPT)
def all_of(model: type[Found]) -> Selection[Found]:
    """Every record of this kind, also the retired ones."""
    return Selection(select(model))


def find(
    session: Session, among: Selection[Found], id: int, *, lock: Literal["UPDATE", "SHARE"] | None = None
) -> Found:
    """The record with this id among those selected. Raises NotFound when it is not there."""
    statement = with_id(among.statement, lock)
    record: Found | None = session.exec(statement, params=among.values | {"id": id}).one_or_none()
    if record is None:
        raise NotFound(entity(among.statement))
    return record


@lru_cache(KEPT)
def with_id(statement: SelectOfScalar[Found], lock: Literal["UPDATE", "SHARE"] | None = None) -> SelectOfScalar[Found]:
    statement = statement.where(entity(statement).id == bindparam("id"))
    return statement if lock is None else statement.with_for_update(read=lock == "SHARE", of=entity(statement))


@lru_cache(KEPT)
def entity(statement: SelectOfScalar[Any]) -> Any:
    """The table class that this statement selects."""
    return statement.column_descriptions[0]["entity"]
