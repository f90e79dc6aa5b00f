"""`check`: one line for each fact, also where others cannot be known; and the status that a monitor reads."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, NullPool, create_engine, text

from clinic_api.cli.check.machine import REDIS_WITHIN, answers
from tests.process import free_port, run, text_of

SECRET = "Vh8-3kq_Zr1xTnB5mWcQ7yLdPf0sGjKe"
NOWHERE = "postgresql://u:hunter2@127.0.0.1:1/x"
BEHIND_A_PROXY = {"TRUSTED_PROXIES": "10.0.0.5", "PUBLIC_URL": "https://clinic.example.org"}
OF_THE_DATABASE = {"schema", "administrator", "clock", "connections", "timeouts"}


@pytest.fixture
def production(database_url: URL) -> dict[str, str]:
    return {"ENV": "prod", "DATABASE_URL": text_of(database_url), "JWT_SECRET": SECRET, **BEHIND_A_PROXY}


def found(cwd: Path, **settings: str) -> dict[str, list[dict[str, Any]]]:
    """What it finds of each thing; whether it ends as it says is asserted here."""
    done = run("clinic_api", "check", "--json", cwd=cwd, **settings)
    assert "Traceback" not in done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] == all(finding["state"] != "wrong" for finding in told["findings"])
    assert done.returncode == (0 if told["ok"] else 1)
    by_name: dict[str, list[dict[str, Any]]] = {}
    for finding in told["findings"]:
        by_name.setdefault(finding["about"], []).append(finding)
    return by_name


def states(findings: dict[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
    return {about: {finding["state"] for finding in several} for about, several in findings.items()}


def sentence(findings: dict[str, list[dict[str, Any]]], about: str) -> str:
    return " ".join(finding["sentence"] for finding in findings[about])


def test_all_is_fine_in_a_clinic_that_is_set_up(admin: TestClient, production: dict[str, str], tmp_path: Path) -> None:
    findings = found(tmp_path, **production)
    assert {state for several in states(findings).values() for state in several} == {"fine"}
    assert findings.keys() == {"settings", "secrets", "disk", "limits", "database"} | OF_THE_DATABASE


def test_people_read_one_line_for_each(admin: TestClient, production: dict[str, str], tmp_path: Path) -> None:
    done = run("clinic_api", "check", cwd=tmp_path, **production)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.startswith("✓  ") and line.endswith(".") for line in done.stdout.splitlines())
    assert len(done.stdout.splitlines()) == 10


def test_a_database_that_does_not_answer_hides_nothing_else(tmp_path: Path) -> None:
    findings = found(tmp_path, ENV="dev", DATABASE_URL=NOWHERE)
    assert states(findings)["database"] == {"wrong"}
    assert {about for about, state in states(findings).items() if state == {"unknown"}} == OF_THE_DATABASE
    assert {"settings", "secrets", "disk", "limits"} <= findings.keys()
    assert "Check DATABASE_URL" in sentence(findings, "database")


def test_no_password_is_shown(tmp_path: Path) -> None:
    redis = f"redis://:hunter2@127.0.0.1:{free_port()}"
    for settings in ({"ENV": "dev"}, {"ENV": "prod", "JWT_SECRET": "hunter2"}):
        done = run("clinic_api", "check", cwd=tmp_path, DATABASE_URL=NOWHERE, RATE_LIMIT_STORAGE_URI=redis, **settings)
        assert "hunter2" not in done.stdout + done.stderr
        assert "127.0.0.1" in done.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"POOL_SIZE": "abc"}, ["POOL_SIZE must be a whole number."]),
        ({"JWT_SECRET": ""}, ["JWT_SECRET is missing; make one with"]),
        ({"POOL_SIZE": "abc", "JWT_SECRET": "short"}, ["POOL_SIZE must", "JWT_SECRET needs at least 32 bytes"]),
    ],
)
def test_wrong_settings_hide_nothing_else(
    changes: dict[str, str], said: list[str], admin: TestClient, production: dict[str, str], tmp_path: Path
) -> None:
    findings = found(tmp_path, **(production | changes))
    wrong = [finding["sentence"] for finding in findings["settings"]]
    assert all(told.startswith(start) for told, start in zip(wrong, said, strict=True))
    assert (states(findings)["settings"], states(findings)["administrator"]) == ({"wrong"}, {"fine"})


def test_production_without_an_address_starts_no_database(production: dict[str, str], tmp_path: Path) -> None:
    findings = found(tmp_path, **(production | {"DATABASE_URL": ""}))
    assert (states(findings)["settings"], states(findings)["database"]) == ({"wrong"}, {"unknown"})
    assert list(tmp_path.iterdir()) == []


def test_an_embedded_database_is_looked_at_and_not_made(tmp_path: Path) -> None:
    findings = found(tmp_path, ENV="dev")
    assert (states(findings)["database"], "none yet" in sentence(findings, "database")) == ({"hint"}, True)
    assert list(tmp_path.iterdir()) == []
    run("clinic_api", "migrate", cwd=tmp_path, ENV="dev")
    findings = found(tmp_path, ENV="dev")
    assert "the embedded one" in sentence(findings, "database")
    assert states(findings)["schema"] == {"fine"}


def test_an_administrator_is_demanded_in_production_alone(
    database_url: URL, production: dict[str, str], tmp_path: Path
) -> None:
    for env, state in [("prod", "wrong"), ("dev", "hint")]:
        findings = found(tmp_path, **(production | {"ENV": env}))
        assert states(findings)["administrator"] == {state}
        assert "create-admin" in sentence(findings, "administrator")


def test_an_administrator_who_may_not_sign_in_does_not_count(
    admin: TestClient, database_url: URL, production: dict[str, str], tmp_path: Path
) -> None:
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE users SET is_active = false"))
    assert states(found(tmp_path, **production))["administrator"] == {"wrong"}


def test_an_older_schema_is_wrong_and_a_newer_one_is_not(spare_database: URL, tmp_path: Path) -> None:
    settings = {"ENV": "dev", "DATABASE_URL": text_of(spare_database)}
    findings = found(tmp_path, **settings)
    assert states(findings)["schema"] == {"wrong"}
    assert sentence(findings, "schema").endswith("Run: python -m clinic_api migrate")
    assert (states(findings)["administrator"], states(findings)["clock"]) == ({"unknown"}, {"fine"})
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    with create_engine(spare_database, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    findings = found(tmp_path, **settings)
    assert (states(findings)["schema"], "which is fine" in sentence(findings, "schema")) == ({"fine"}, True)


@pytest.mark.parametrize("revisions", [["zzzz"], ["zzzz", "9"], ["9999", "9998"], ["0f5e3b7a9c21"]])
def test_the_schema_of_another_program_is_wrong(revisions: list[str], spare_database: URL, tmp_path: Path) -> None:
    with create_engine(spare_database, poolclass=NullPool).begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
        for revision in revisions:
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    settings = {"ENV": "dev", "DATABASE_URL": text_of(spare_database)}
    findings = found(tmp_path, **settings)
    assert (states(findings)["schema"], "no schema of this" in sentence(findings, "schema")) == ({"wrong"}, True)
    done = run("clinic_api", "migrate", cwd=tmp_path, **settings)
    assert (done.returncode, "no schema of this program's" in done.stderr) == (1, True)


def test_a_role_that_may_not_read_is_wrong(admin: TestClient, database_url: URL, tmp_path: Path) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE stranger LOGIN PASSWORD 'hunter2'"))
        connection.execute(text("GRANT USAGE ON SCHEMA public TO stranger"))
    try:
        stranger = database_url.set(username="stranger", password="hunter2")
        findings = found(tmp_path, ENV="dev", DATABASE_URL=text_of(stranger))
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP OWNED BY stranger"))
            connection.execute(text("DROP ROLE stranger"))
    for about in ("schema", "administrator"):
        assert (states(findings)[about], "permission denied" in sentence(findings, about)) == ({"wrong"}, True)


def test_a_clock_that_is_wrong_is_told_with_its_difference(spare_database: URL, tmp_path: Path) -> None:
    """The database's is set: one that stands in front of PostgreSQL's own."""
    with create_engine(spare_database, poolclass=NullPool).begin() as connection:
        connection.execute(text("CREATE SCHEMA wrong"))
        late = "SELECT pg_catalog.clock_timestamp() - interval '90 s'"
        connection.execute(
            text(f"CREATE FUNCTION wrong.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $${late}$$")
        )
        path = f"ALTER DATABASE {spare_database.database} SET search_path = wrong, pg_catalog, public"
        connection.execute(text(path))
    findings = found(tmp_path, ENV="dev", DATABASE_URL=text_of(spare_database))
    assert sentence(findings, "clock").startswith("PostgreSQL's is 90 s behind this machine's.")
    assert states(findings)["clock"] == {"wrong"}


def test_a_database_that_takes_no_writes_is_wrong(spare_database: URL, tmp_path: Path) -> None:
    with create_engine(spare_database, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"ALTER DATABASE {spare_database.database} SET default_transaction_read_only = on"))
    findings = found(tmp_path, ENV="dev", DATABASE_URL=text_of(spare_database))
    assert (states(findings)["database"], "takes no writes" in sentence(findings, "database")) == ({"wrong"}, True)


def test_more_connections_than_postgresql_allows_are_wrong(
    admin: TestClient, production: dict[str, str], tmp_path: Path
) -> None:
    findings = found(tmp_path, **production, POOL_SIZE="500")
    assert (states(findings)["connections"], "up to 504" in sentence(findings, "connections")) == ({"wrong"}, True)


@pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")
@pytest.mark.parametrize("name", [".env", ".clinic/jwt_secret"])
def test_a_secret_that_everybody_may_read_is_wrong(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    for mode, state in [(0o644, "wrong"), (0o640, "fine"), (0o600, "fine")]:
        file.chmod(mode)
        findings = found(tmp_path, ENV="dev", DATABASE_URL=NOWHERE)
        assert [one["state"] for one in findings["secrets"] if name in one["sentence"]] == [state]
    assert f"chmod 600 {name}" not in sentence(findings, "secrets")


def test_a_weak_key_is_no_more_than_a_hint_outside_production(tmp_path: Path) -> None:
    findings = found(tmp_path, ENV="dev", DATABASE_URL=NOWHERE, JWT_SECRET="short")
    assert (states(findings)["secrets"], "ENV=prod would refuse it" in sentence(findings, "secrets")) == (
        {"hint"},
        True,
    )


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has a folder that is always full")
def test_a_full_disk_is_wrong(tmp_path: Path) -> None:
    findings = found(tmp_path, ENV="dev", JWT_SECRET=SECRET, DATA_DIR="/proc/clinic")
    assert (states(findings)["disk"], "/proc" in sentence(findings, "disk")) == ({"wrong"}, True)


def test_a_data_dir_that_nothing_is_kept_in_may_be_anything(production: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for env in ("prod", "dev"):
        findings = found(tmp_path, **(production | {"ENV": env}), DATA_DIR="file")
        assert (states(findings)["disk"], "not used" in sentence(findings, "disk")) == ({"fine"}, True)


def test_a_data_dir_that_is_no_folder_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    findings = found(tmp_path, ENV="dev", DATABASE_URL=NOWHERE, DATA_DIR="file")
    assert (states(findings)["disk"], "no folder" in sentence(findings, "disk")) == ({"wrong"}, True)


def test_redis_that_does_not_answer_is_wrong_in_production(
    admin: TestClient, production: dict[str, str], tmp_path: Path
) -> None:
    redis = {"RATE_LIMIT_STORAGE_URI": f"redis://127.0.0.1:{free_port()}"}
    for env, state in [("prod", "wrong"), ("dev", "hint")]:
        assert states(found(tmp_path, **(production | redis | {"ENV": env})))["limits"] == {state}


def test_production_without_a_proxy_is_asked_whether_that_is_meant(
    admin: TestClient, production: dict[str, str], tmp_path: Path
) -> None:
    findings = found(tmp_path, **(production | {"TRUSTED_PROXIES": "", "PUBLIC_URL": ""}))
    assert states(findings)["settings"] == {"fine", "hint"}
    for name in ("TRUSTED_PROXIES", "PUBLIC_URL"):
        assert name in sentence(findings, "settings")


@pytest.mark.parametrize("kind", ["redis", "redis+sentinel", "redis+cluster"])
def test_a_redis_that_takes_the_call_and_says_nothing_is_not_waited_for(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert not answers(f"{kind}://127.0.0.1:{silent.getsockname()[1]}/clinic")
        assert time.monotonic() - began < 6 * REDIS_WITHIN
