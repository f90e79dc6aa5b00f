"""`make data-model`: the tables as pictures in docs/data-model.md, drawn from the models.

Written here because paracelsus 0.15 takes each half of a composite key for unique, eralchemy 1.7 nothing but primary
keys, so that both draw relations that are not so.
"""

import re
from collections.abc import Collection

from sqlalchemy import Column, ForeignKey, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql

from clinic_api.models import metadata
from tests.process import ROOT

PAGE = ROOT / "docs" / "data-model.md"
OF_USERS = {"sessions", "idempotency_keys"}
BY_THEMSELVES = {"attempts", "audit_events", "access_log", "patient_words", "unassigned_patients"}
PICTURE = re.compile(r"(```mermaid\nerDiagram\n(?: *direction LR\n)?).*?(?=```)", re.DOTALL)
MOMENT = "TIMESTAMP WITH TIME ZONE"


def draw(names: Collection[str]) -> str:
    tables = [table for name, table in sorted(metadata.tables.items()) if name in names]
    keys = [key for table in tables for key in sorted(table.foreign_keys, key=lambda key: str(key.parent.name))]
    lines = [line for table in tables for line in box(table)] + [arrow(key) for key in keys]
    return "".join(f"    {line}\n" for line in lines)


def box(table: Table) -> list[str]:
    return [f"{table.name} {{", *(f"    {row(column)}" for column in table.columns), "}"]


def row(column: Column[object]) -> str:
    marks = {"PK": column.primary_key, "FK": bool(column.foreign_keys), "UK": is_unique(column, in_use=True)}
    keys = ", ".join(mark for mark, is_so in marks.items() if is_so)
    return " ".join(filter(None, (kind(column), column.name, keys, '"or null"' if column.nullable else "")))


def kind(column: Column[object]) -> str:
    """As PostgreSQL calls it, in one word."""
    name = column.type.compile(postgresql.dialect()).replace(MOMENT, "timestamptz")  # type: ignore[no-untyped-call]
    return name.lower().split(" ")[0]


def arrow(key: ForeignKey) -> str:
    here, there = key.parent, key.column.table.name
    one, many = "|o" if here.nullable else "||", "o|" if is_unique(here) else "o{"
    return f"{there} {one}--{many} {here.table.name} : {here.name}"


def is_unique(column: Column[object], *, in_use: bool = False) -> bool:
    """By itself, and not as a part of a key; `in_use`: or at least among the records that are not retired."""
    keys = [list(each.columns) for each in column.table.constraints if isinstance(each, UniqueConstraint)]
    if in_use:
        keys += [list(index.columns) for index in column.table.indexes if index.unique]
    return [column] in keys


def drawn(page: str) -> str:
    """The page with its pictures as the models are now. What is no bookkeeping comes first."""
    groups = iter([metadata.tables.keys() - OF_USERS - BY_THEMSELVES, OF_USERS, BY_THEMSELVES])
    return PICTURE.sub(lambda picture: picture[1] + draw(next(groups)), page)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
