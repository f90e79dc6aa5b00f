"""In which order a list comes, and what of it lies after a place: pages go on by the values of a record's keys."""

from functools import lru_cache
from typing import Any, get_args, get_origin

from sqlalchemy import ColumnElement, and_, bindparam, false, inspect, or_, tuple_
from sqlmodel import SQLModel
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.errors import Invalid
from clinic_api.selecting import KEPT, Key, entity


@lru_cache(KEPT)
def order(
    public: type[SQLModel], statement: SelectOfScalar[Any], sort: str | None, natural: tuple[Key, ...]
) -> tuple[Key, ...]:
    """In the order of `sort` (`family_name,-birth_date`), and always by `id` in the end. Raises Invalid."""
    table = entity(statement)
    last = tuple(Key(getattr(table, column.key)) for column in inspect(table).primary_key)
    if sort is None:
        return natural or last
    names, known = [name.strip() for name in sort.split(",")], sortable(public)
    if not all(name.removeprefix("-") in known for name in names):
        raise Invalid("sort", f"must name fields among {', '.join(known)}", "unknown_field")
    asked = {name.removeprefix("-"): name.startswith("-") for name in reversed(names)}  # the first of each counts
    keys = [Key(getattr(table, name), descending) for name, descending in reversed(asked.items())]
    return (*keys, *(key for key in last if key.column.key not in asked))


def sortable(public: type[SQLModel]) -> list[str]:
    """The fields that have an order: not those that hold several values."""
    return [name for name, field in public.model_fields.items() if not holds_several(field.annotation)]


def holds_several(annotation: Any) -> bool:
    return any(get_origin(kind) in (list, dict) for kind in (annotation, *get_args(annotation)))


def after(number: int, kind: Any = None) -> Any:
    """The value that the key of this number has where the last page ended."""
    return bindparam(f"after_{number}", type_=kind)


def directed(keys: tuple[Key, ...]) -> list[Any]:
    return [key.column.desc() if key.descending else key.column for key in keys]


def lies_after(keys: tuple[Key, ...], place: tuple[bool, ...]) -> ColumnElement[bool]:
    """Whether a record comes after the values `after_0`, `after_1` … of these keys; `place` says which are null.

    What PostgreSQL can find in an index comes first: a comparison of rows, or else the least or greatest first value.
    """
    values = [after(number, key.column.type) for number, key in enumerate(keys)]
    if not any(key.descending or is_nullable(key) for key in keys):
        return tuple_(*(key.column for key in keys)) > tuple_(*values)
    alternatives: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for key, value, is_null in zip(keys, values, place, strict=True):
        alternatives.append(and_(*same, follows(key, value, is_null)))
        same.append(key.column.is_(None) if is_null else key.column == value)
    first, value = keys[0], values[0]
    if is_nullable(first):
        return or_(*alternatives)
    return and_(first.column <= value if first.descending else first.column >= value, or_(*alternatives))


def follows(key: Key, value: Any, is_null: bool) -> Any:
    """As PostgreSQL sorts: nulls last, or first where the order descends."""
    if key.descending:
        return key.column.is_not(None) if is_null else key.column < value
    if is_null:
        return false()
    return or_(key.column > value, key.column.is_(None)) if is_nullable(key) else key.column > value


def is_nullable(key: Key) -> bool:
    return bool(getattr(key.column, "nullable", False))
