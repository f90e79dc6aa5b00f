"""A day at the clinic over a real port. It runs last: what it leaves in the tables can be looked at with any client."""

from pathlib import Path

import httpx
from sqlalchemy import URL, Engine, text

from tests.examples.programs import told
from tests.process import server, text_of


def test_a_day_at_the_clinic(database_url: URL, engine: Engine, tmp_path: Path) -> None:
    with server(cwd=tmp_path, ENV="test", TEST_DATABASE_URL=text_of(database_url)) as (address, _):
        said = told("a_day_at_the_clinic.py", address)
        assert "P-000001  José Núñez\n" in said
        assert "P-000002  Łukasz O'Brien\n" in said
        assert "404. There is no such patient, or you may not see it. Check the id in the list of patients." in said
        refused = httpx.post(f"{address}/patients", json={})
        assert refused.status_code == 401
    with engine.connect() as connection:
        for table, rows in [("users", 2), ("doctors", 1), ("patients", 3), ("assignments", 2)]:
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == rows
