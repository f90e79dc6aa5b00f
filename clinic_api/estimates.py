"""How many rows PostgreSQL expects, by the statistics that it keeps: told in a fraction of a millisecond."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Executable, Select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement


class Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Executable) -> None:
        self.statement = statement


@compiles(Explain)
def compile_explain(element: Explain, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def estimated(connection: Connection, statements: Sequence[Select[Any]], values: dict[str, Any]) -> list[int]:
    """How many rows PostgreSQL expects of each of these, two at least, without running them."""
    plan = connection.execute(Explain(union_all(*statements)), values).scalar_one()
    return [part["Plan Rows"] for part in plan[0]["Plan"]["Plans"]]
