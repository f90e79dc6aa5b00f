"""How many rows PostgreSQL expects, by the statistics that it keeps: told in a fraction of a millisecond."""

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Select, union_all

from clinic_api.selecting import KEPT

EXPLAIN = "EXPLAIN (FORMAT JSON) "
ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
"""Several workers would share the parts of a statement, in the order of their cost."""


def estimated(connection: Connection, statements: tuple[Select[Any], ...], values: dict[str, Any]) -> list[int]:
    """How many rows PostgreSQL expects of each of these, two at least, without running them.

    No value may be null: what cannot be true is no part of a plan. The rest of a transaction does without workers.
    """
    compiled = put_together(statements, connection.dialect)
    explain = f"{ALONE}; {EXPLAIN}{compiled}"
    plan = connection.exec_driver_sql(explain, compiled.construct_params(values)).scalar_one()
    return [part["Plan Rows"] for part in plan[0]["Plan"]["Plans"]]


@lru_cache(KEPT)
def put_together(statements: tuple[Select[Any], ...], dialect: Dialect) -> Any:
    return union_all(*statements).compile(dialect=dialect)
