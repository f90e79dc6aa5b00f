"""How many rows PostgreSQL expects, by the statistics that it keeps: told in a fraction of a millisecond."""

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, Select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.visitors import InternalTraversal

from clinic_api.database import KEPT


class Explain(Executable, ClauseElement):
    _traverse_internals = [("statement", InternalTraversal.dp_clauseelement)]  # noqa: RUF012
    """What tells one of these from another, where SQLAlchemy keeps what it has compiled."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement


@compiles(Explain)
def compile_explain(element: Explain, compiler: Any, **options: Any) -> str:
    alone = "SET LOCAL max_parallel_workers_per_gather = 0"  # several would take the parts in another order
    return f"{alone}; EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def estimated(connection: Connection, statements: tuple[Select[Any], ...], values: dict[str, Any]) -> list[int]:
    """How many rows PostgreSQL expects of each of these, two at least, without running them."""
    plan = connection.execute(explaining(statements), values).scalar_one()
    return [part["Plan Rows"] for part in plan[0]["Plan"]["Plans"]]


@lru_cache(KEPT)
def explaining(statements: tuple[Select[Any], ...]) -> Explain:
    return Explain(union_all(*statements))
