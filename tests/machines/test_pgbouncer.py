"""A PgBouncer in between, which lends its three connections for a transaction each."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from fastapi.testclient import TestClient

from clinic_api.config import Settings
from clinic_api.main import create_app
from tests.examples import programs
from tests.factories import password_of, patient_body
from tests.faults.clients import Notes
from tests.faults.clinic import ADMIN, Clinic, opened
from tests.faults.figures import Figure, check
from tests.faults.ledger import audited, write_and_read
from tests.faults.postgres import Postgres, postgres
from tests.faults.waiting import until
from tests.machines.programs import Program, found, running
from tests.process import ROOT, free_port, run

CONNECTIONS = 3
CLIENTS = 8
PASSWORD = "clinic"
NOT_ROOT = "\nuser = nobody" if os.geteuid() == 0 else ""
ENDS_WITHIN = 30  # seconds


@pytest.fixture(scope="module")
def pgbouncer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Program]]:
    program, place = found("pgbouncer", "pgbouncer"), tmp_path_factory.mktemp("pgbouncer")
    with postgres(place / "postgres") as database:
        database.ask("ALTER DATABASE clinic SET TimeZone = 'Asia/Tokyo'")
        port, config = free_port(), place / "pgbouncer.ini"
        config.write_text(configured(port, database, place))
        with running(Program([program, str(config)], port, place / "pgbouncer.log")) as pooler:
            yield database, pooler


def configured(port: str, database: Postgres, folder: Path) -> str:
    """The configuration, but for places, the user, and fewer connections at PostgreSQL, so that they are fought for."""
    text = (ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini").read_text()
    users = folder / "users.txt"
    users.write_text(f'"postgres" "{PASSWORD}"\n')
    changes = {
        "host=db port=5432": f"host=127.0.0.1 port={database.port}",
        "listen_addr = *": "listen_addr = 127.0.0.1",
        "listen_port = 6432": f"listen_port = {port}",
        "/tmp/users.txt": str(users),
        "default_pool_size = 20": f"default_pool_size = {CONNECTIONS}" + NOT_ROOT,
    }
    for what, instead in changes.items():
        assert text.count(what) == 1, what
        text = text.replace(what, instead)
    return text


@pytest.fixture(scope="module")
def url(pgbouncer: tuple[Postgres, Program]) -> str:
    return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{pgbouncer[1].port}/clinic"


@pytest.fixture(scope="module")
def clinic(pgbouncer: tuple[Postgres, Program], url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with opened(tmp_path_factory.mktemp("clinic"), pgbouncer[0], url) as clinic:
        yield clinic


@pytest.fixture
def settings(clinic: Clinic, url: str) -> Settings:
    """Those of another server of the same clinic, whose requests may last."""
    return Settings(env="test", test_database_url=url, data_dir=clinic.api.folder, request_timeout=60)


def administrator(clinic: Clinic, settings: Settings) -> TestClient:
    token = {"Authorization": f"Bearer {clinic.tokens['access_token']}"}
    return TestClient(create_app(settings), headers=token)


def test_a_whole_day(clinic: Clinic) -> None:
    address, password = clinic.api.address, password_of(ADMIN)
    day = programs.run("a_day_at_the_clinic.py", address, ADMIN_EMAIL=ADMIN, ADMIN_PASSWORD=password)
    assert day.returncode == 0, day.stderr


def test_nobody_comes_in_by_a_wrong_password(pgbouncer: tuple[Postgres, Program], url: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        psycopg2.connect(url, password="another")


def test_what_many_write_at_once_is_stored_and_audited(clinic: Clinic) -> None:
    ledger, notes = write_and_read(clinic, CLIENTS, lambda: time.sleep(2))
    failed = Figure("answers of 5xx", sum(note.status >= 500 for note in notes), most=0)
    check([failed, *notes.figures(), *audited(clinic, ledger)])


@pytest.mark.parametrize("shorter", ["lock_timeout", "statement_timeout"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_timeouts_hold(method: str, shorter: str, clinic: Clinic, settings: Settings) -> None:
    timeouts = {"lock_timeout": 300, "statement_timeout": 300} | {shorter: 1}
    with administrator(clinic, settings.model_copy(update=timeouts)) as admin, locked(clinic.database):
        body: Any = patient_body() if method == "POST" else None
        assert admin.request(method, "/patients", json=body).status_code == 503


def test_nothing_is_left_behind_for_others(clinic: Clinic, url: str) -> None:
    write_and_read(clinic, CLIENTS, lambda: time.sleep(0.5))
    names = ("statement_timeout", "lock_timeout", "TimeZone", "search_path")
    ask = "SELECT {}".format(", ".join(f"current_setting('{name}')" for name in names))
    connections = [psycopg2.connect(url) for _ in range(CONNECTIONS)]
    try:
        found = set()
        for connection in connections:  # each holds one of the pooler's, until its transaction ends
            with connection.cursor() as cursor:
                cursor.execute(ask)
                found.add(cursor.fetchone())
        assert found == set(clinic.database.ask(ask))
    finally:
        for connection in connections:
            connection.close()


def test_a_commit_that_no_standby_confirms_does_not_wait_for_ever(clinic: Clinic, settings: Settings) -> None:
    patience = {"request_timeout": 2, "statement_timeout": 300}
    waiting = """SELECT FROM pg_stat_activity JOIN pg_locks USING (pid)
        WHERE wait_event = 'SyncRep' AND relation = 'patients'::regclass"""  # not the audit of looks, which waits too
    with administrator(clinic, settings.model_copy(update=patience)) as admin:
        try:
            demand_standby(clinic.database, "nobody")
            until(lambda: admin.post("/patients", json=patient_body()).status_code == 503, ENDS_WITHIN)
            until(lambda: not clinic.database.ask(waiting), ENDS_WITHIN)
        finally:
            demand_standby(clinic.database, "")


def test_pgbouncer_may_be_killed_and_started_again(clinic: Clinic, pgbouncer: tuple[Postgres, Program]) -> None:
    _, pooler = pgbouncer
    notes = Notes()
    with clinic.admin(notes) as admin:
        pooler.kill()
        for method, path in [("GET", "/patients"), ("POST", "/patients"), ("GET", "/health/ready")]:
            admin.ask(method, path, json=patient_body() if method == "POST" else None)
        pooler.start()
        for method, path in [("GET", "/patients"), ("POST", "/patients"), ("GET", "/health/ready")]:
            admin.ask(method, path, json=patient_body() if method == "POST" else None)
    assert [note.status for note in notes] == [503, 503, 503, 200, 201, 200]


def test_postgresql_may_be_killed_and_started_again(clinic: Clinic) -> None:
    clinic.database.kill()
    notes = Notes()
    with clinic.admin(notes) as admin:  # its other processes see that it is gone, each in its own time
        until(lambda: not admin.succeeds("GET", "/patients"), ENDS_WITHIN)
    assert notes[-1].status == 503
    clinic.database.heal()
    assert clinic.seconds_until_it_works() < ENDS_WITHIN


def test_a_backup_wants_postgresql_itself(clinic: Clinic, url: str, tmp_path: Path) -> None:
    done = run("clinic_api", "backup", "clinic.backup", cwd=tmp_path, **clinic.api.settings)
    assert done.returncode == 1
    assert "PgBouncer" in done.stderr
    assert not any(tmp_path.iterdir())


@contextmanager
def locked(database: Postgres) -> Iterator[None]:
    """Nobody gets at the patients."""
    connection = psycopg2.connect(database.url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE patients")
        yield
    finally:
        connection.close()


def demand_standby(database: Postgres, name: str) -> None:
    database.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    database.ask("SELECT pg_reload_conf()")
