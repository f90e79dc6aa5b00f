"""Without DATABASE_URL: an embedded PostgreSQL that is made, shared, kept, and survives what happens to it."""

import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import NullPool, create_engine, text

from clinic_api.embedded import running
from tests.process import STARTS_WITHIN, run, server
from tests.test_migrations import HARMS, UNMIGRATED

SCRIPT = """
from fastapi.testclient import TestClient
from clinic_api.main import app
with TestClient(app) as client:
    print(client.get("/health/ready").status_code)
"""
DIES = """
import os, signal, time
from pathlib import Path
from clinic_api.embedded import running
with running(Path(), "clinic"):
    note = Path("postgres/postmaster.pid")
    first = note.read_text()
    os.kill(int(first.split()[0]), signal.SIGKILL)
    while not note.exists() or note.read_text().split()[:1] == first.split()[:1]:
        time.sleep(0.1)
"""
BODY = {"email": "a@example.org", "password": "a long night at the harbour", "role": "ADMIN"}


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def test_serve_makes_it_migrates_it_keeps_it_and_stops_it(tmp_path: Path) -> None:
    settings = {"ENV": "dev", "DATA_DIR": str(tmp_path / "a folder")}
    with server(cwd=tmp_path, **settings) as (address, process):
        assert httpx.post(f"{address}/auth/register", json=BODY).status_code == 201
        pid = postmaster(tmp_path / "a folder")
        process.terminate()
        assert process.wait(30) == 0
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    log = (tmp_path / "server.log").read_text()
    assert "there is no administrator yet" in log
    with server(cwd=tmp_path, **settings) as (address, _):
        form = {"username": BODY["email"], "password": BODY["password"]}
        assert httpx.post(f"{address}/auth/login", data=form).status_code == 200


def test_a_script_that_starts_the_application_just_so_finds_it_migrated(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run("script", cwd=tmp_path, ENV="dev", DATA_DIR=str(tmp_path))
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["200"]), done.stderr


def test_uvicorn_and_a_command_share_it_and_the_last_one_stops_it(tmp_path: Path) -> None:
    settings = {"ENV": "dev", "DATA_DIR": str(tmp_path), "ADMIN_PASSWORD": BODY["password"]}
    with server("uvicorn", "clinic_api.main:app", cwd=tmp_path, **settings) as (address, _):
        pid = postmaster(tmp_path)
        done = run("clinic_api", "create-admin", "--email", BODY["email"], cwd=tmp_path, **settings)
        assert done.returncode == 0, done.stderr
        assert postmaster(tmp_path) == pid
        form = {"username": BODY["email"], "password": BODY["password"]}
        assert httpx.post(f"{address}/auth/login", data=form).status_code == 200


def test_serve_makes_the_administrator_of_the_settings(tmp_path: Path) -> None:
    admin = {"ADMIN_EMAIL": BODY["email"], "ADMIN_PASSWORD": BODY["password"]}
    with server(cwd=tmp_path, ENV="dev", DATA_DIR=str(tmp_path), **admin) as (address, _):
        form = {"username": BODY["email"], "password": BODY["password"]}
        assert httpx.post(f"{address}/auth/login", data=form).status_code == 200


def test_its_log_does_not_quote_what_was_sent(tmp_path: Path) -> None:
    with server(cwd=tmp_path, ENV="dev", DATA_DIR=str(tmp_path)) as (address, _):
        httpx.post(f"{address}/auth/register", json=BODY).raise_for_status()
        again = BODY | {"role": "DOCTOR"}
        assert httpx.post(f"{address}/auth/register", json=again).status_code == 409
        log = (tmp_path / "postgres" / "log").read_text()
    assert "database system is ready" in log
    for quoted in (BODY["email"], "bcrypt", "INSERT"):
        assert quoted not in log


def test_it_is_started_again_when_it_has_died(tmp_path: Path) -> None:
    with server(cwd=tmp_path, ENV="dev", DATA_DIR=str(tmp_path)) as (address, _):
        assert httpx.post(f"{address}/auth/register", json=BODY).status_code == 201
        os.kill(postmaster(tmp_path), signal.SIGKILL)
        until = time.monotonic() + STARTS_WITHIN
        form = {"username": BODY["email"], "password": BODY["password"]}
        while httpx.post(f"{address}/auth/login", data=form).status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_that_it_has_died_is_not_told_among_the_results_of_a_command(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(DIES)
    done = run("script", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "The embedded PostgreSQL has ended, and is started again." in done.stderr


def test_what_was_written_survives_kill_9_of_everything(tmp_path: Path) -> None:
    settings = {"ENV": "dev", "DATA_DIR": str(tmp_path)}
    with server(cwd=tmp_path, **settings) as (address, process):
        assert httpx.post(f"{address}/auth/register", json=BODY).status_code == 201
        os.kill(postmaster(tmp_path), signal.SIGKILL)
        process.kill()
        process.wait()
    with server(cwd=tmp_path, **settings) as (address, _):
        form = {"username": BODY["email"], "password": BODY["password"]}
        assert httpx.post(f"{address}/auth/login", data=form).status_code == 200


def test_it_is_made_under_a_locale_that_is_not_installed(tmp_path: Path) -> None:
    done = run("clinic_api", "migrate", cwd=tmp_path, ENV="dev", DATA_DIR=str(tmp_path), LC_ALL="de_XX.UTF-8")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("harm", HARMS)
def test_one_that_cannot_be_migrated_is_told_in_a_sentence_alone(harm: str, tmp_path: Path) -> None:
    with running(tmp_path, "clinic") as url, create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text(harm))
    done = run("clinic_api", "export", "-", cwd=tmp_path, ENV="dev", DATA_DIR=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", UNMIGRATED.format(HARMS[harm]) + "\n")


def test_a_process_number_that_went_to_somebody_else_is_not_taken_for_postgresql(tmp_path: Path) -> None:
    with running(tmp_path, "clinic"):
        pass
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
    with running(tmp_path, "clinic") as url:
        assert url.database == "clinic"
