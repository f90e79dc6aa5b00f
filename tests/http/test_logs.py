"""Canaries in everything that a person can type: none of them may come out in the log, whatever happens."""

import json
import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, text

from tests.faults.waiting import until
from tests.process import ROOT, run, server, text_of

CANARY = "kanarek"
PASSWORD = f"{CANARY} sings at dawn"
PERSON = {"given_name": CANARY, "family_name": CANARY, "phone": "+49 30 5550199"}
PATIENT = PERSON | {
    "birth_date": "1961-07-13",
    "email": f"{CANARY}@example.org",
    "address": f"{CANARY} street",
    "medical_record_number": f"{CANARY}-1",
}
DOCTOR = PERSON | {"specialty": CANARY, "email": f"{CANARY}@example.org", "license_number": CANARY}


def live(address: str, engine: Engine) -> list[str]:
    """A session in which much goes wrong; what must not be in the log."""
    with httpx.Client(base_url=address) as client:
        return misuse(client, engine)


def misuse(client: httpx.Client, engine: Engine) -> list[str]:
    email = f"{CANARY}.admin@example.org"
    register = {"email": email, "password": PASSWORD, "role": "ADMIN", "full_name": CANARY}
    client.post("/auth/register", json=register).raise_for_status()
    pair = client.post("/auth/login", data={"username": email, "password": PASSWORD}).json()
    client.headers["Authorization"] = f"Bearer {pair['access_token']}"
    for path, body in [("/patients", PATIENT), ("/doctors", DOCTOR)] * 2:  # the second time it clashes
        assert client.post(path, json=body).status_code in (201, 409)
    client.post("/auth/register", json=register)
    client.get("/patients", params={"q": CANARY, CANARY: CANARY}, headers={"X-Request-ID": f"{CANARY} {CANARY}"})
    client.get(f"/patients/{CANARY}")
    client.get(f"/{CANARY}")
    client.post("/patients", content=f'{{"{CANARY}":')
    client.post("/auth/login", data={"username": email, "password": f"{PASSWORD}!"})
    client.post("/auth/refresh", json={"refresh_token": f"{CANARY}{pair['refresh_token']}"})
    client.get("/auth/me", headers={"Authorization": f"Bearer {CANARY}.{CANARY}.{CANARY}"})
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE patients RENAME COLUMN phone TO telephone"))
    try:
        assert client.patch("/patients/1", json={"phone": "+49 30 5550199"}).status_code == 503
        assert client.get("/patients", params={"q": CANARY}).status_code == 503
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE patients RENAME COLUMN telephone TO phone"))
    return [CANARY, "5550199", "1961-07-13", *pair["access_token"].split("."), pair["refresh_token"], "bcrypt"]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("command", [(), ("uvicorn", "clinic_api.main:app")])
def test_nothing_that_was_typed_is_logged(
    log_format: str, command: tuple[str, ...], database_url: URL, engine: Engine, tmp_path: Path
) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "LOG_FORMAT": log_format}
    with server(*command, cwd=tmp_path, **settings) as (address, _):
        canaries = live(address, engine)
    log = (tmp_path / "server.log").read_text()
    assert [canary for canary in canaries if canary.casefold() in log.casefold()] == []
    assert "UndefinedColumn" in log or "ProgrammingError" in log  # so that the failure can be found


def test_each_request_is_one_line_that_says_what_is_needed(database_url: URL, engine: Engine, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "LOG_FORMAT": "json"}
    with server(cwd=tmp_path, **settings) as (address, _):
        live(address, engine)
        httpx.get(f"{address}/patients/1", headers={"X-Request-ID": "look-for-me"})
    lines = [json.loads(line) for line in (tmp_path / "server.log").read_text().splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]
    expected = {"time", "level", "event", "request_id", "method", "route", "status", "ms", "user_id"}
    assert {frozenset(line) for line in requests} == {frozenset(expected)}
    (mine,) = [line for line in requests if line["request_id"] == "look-for-me"]
    assert (mine["method"], mine["route"], mine["status"]) == ("GET", "/patients/{patient_id}", 401)
    assert {line["level"] for line in requests if line["status"] == 503} == {"error"}
    assert {line["user_id"] for line in requests} == {None, 1}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_in_production_each_line_is_json_from_the_first_to_the_last(
    workers: str, admin: TestClient, database_url: URL, tmp_path: Path
) -> None:
    settings = {"ENV": "prod", "DATABASE_URL": text_of(database_url), "JWT_SECRET": os.urandom(32).hex()}
    log = tmp_path / "server.log"
    with server("clinic_api", "serve", "--workers", workers, cwd=tmp_path, **settings) as (address, process):
        httpx.get(f"{address}/health")
        if workers == "2":
            serving = [
                child for child in psutil.Process(process.pid).children() if "spawn_main" in str(child.cmdline())
            ]
            serving[0].send_signal(signal.SIGKILL)
            until(lambda: "A worker has ended" in log.read_text(), 20)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "event"} <= line.keys() for line in lines)
    first = lines[0]
    assert (first["event"], first["env"], first["docs"]) == (
        "start",
        "prod",
        address.replace("127.0.0.1", "localhost") + "/docs",
    )
    assert first["next"].startswith("sign in")
    assert ("note" in first) == (workers == "2")


def test_a_warning_of_a_library_is_told_without_its_words(tmp_path: Path) -> None:
    code = f"""
import warnings
from clinic_api.http.logs import configure_logs
from clinic_api.config import Settings
configure_logs(Settings(log_format="json"))
warnings.warn("{CANARY}")
"""
    (tmp_path / "warns.py").write_text(code)
    done = run("warns", cwd=tmp_path, PYTHONPATH=f"{ROOT}:{tmp_path}")
    line = json.loads(done.stdout)
    assert (line["event"], line["kind"], line["where"], done.stderr) == ("warning", "UserWarning", ["warns.py:6"], "")
