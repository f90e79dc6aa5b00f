"""schemathesis reads the OpenAPI page and tries to refute it, as each kind of caller."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, text

from tests.factories import assign, make_patient
from tests.process import ROOT, server, text_of

pytestmark = pytest.mark.contract
WITHIN = 300  # seconds


@contextmanager
def pinned(engine: Engine) -> Iterator[None]:
    """Keeps the two accounts and their sessions as they are, whatever the run makes of them: its token stays good."""
    keeps = {
        "users": "NEW.role := OLD.role; NEW.is_active := OLD.is_active; NEW.doctor_id := OLD.doctor_id",
        "sessions": "NEW.ended_at := NULL",
    }
    with engine.begin() as connection:
        for table, keep in keeps.items():
            body = f"$$ BEGIN {keep}; RETURN NEW; END $$"
            connection.execute(text(f"CREATE FUNCTION keep_{table}() RETURNS trigger LANGUAGE plpgsql AS {body}"))
            connection.execute(
                text(
                    f"CREATE TRIGGER keep BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.id <= 2)"
                    f" EXECUTE FUNCTION keep_{table}()"
                )
            )
    yield
    with engine.begin() as connection:
        for table in keeps:
            connection.execute(text(f"DROP FUNCTION keep_{table} CASCADE"))


@pytest.mark.parametrize("who", ["admin", "doctor", "client"])
def test_schemathesis_refutes_nothing(
    who: str, doctor: TestClient, database_url: URL, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    admin, person = request.getfixturevalue("admin"), request.getfixturevalue(who)
    for _ in range(3):
        assign(admin, 1, make_patient(admin)["id"])
    here = {"ENV": "test", "DATA_DIR": os.environ["DATA_DIR"], "TEST_DATABASE_URL": text_of(database_url)}
    token = person.headers.get("Authorization")
    with pinned(engine), server(cwd=tmp_path, **here) as (address, _):
        run = subprocess.run(
            [
                Path(sys.executable).with_name("st"), "--config-file", ROOT / "tests" / "schemathesis.toml",
                "run", f"{address}/openapi.json", "--checks", "all", "--no-color",
                *(["--header", f"Authorization: {token}"] if token else []),
            ],
            cwd=ROOT, capture_output=True, text=True, timeout=WITHIN,
        )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
