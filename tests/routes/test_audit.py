import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import DBAPIError

from clinic_api import looks
from clinic_api.config import get_settings
from clinic_api.main import create_app
from tests.factories import assign, make_doctor, make_patient, password_of, patient_body
from tests.process import server, text_of

SHOWN_WITHIN = 3  # seconds; the contract's figure is 1


def events(admin: TestClient, app: FastAPI, **query: Any) -> list[dict[str, Any]]:
    app.state.looks.flush()
    answer = admin.get("/audit", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def log_of(admin: TestClient, app: FastAPI, patient_id: int, **query: Any) -> list[dict[str, Any]]:
    app.state.looks.flush()
    found: list[dict[str, Any]] = admin.get(f"/patients/{patient_id}/access-log", params=query).json()
    return found


def test_an_event_says_who_what_when_and_from_where(admin: TestClient, app: FastAPI) -> None:
    answer = admin.post("/patients", json=patient_body(), headers={"X-Request-ID": "my-request"})
    (event,) = events(admin, app, entity="patient")
    assert event.pop("at") >= answer.json()["created_at"]
    assert event == {
        "id": event["id"],
        "actor_id": 1,
        "actor_email": "admin@example.org",
        "action": "create",
        "entity": "patient",
        "entity_id": answer.json()["id"],
        "entity_ids": None,
        "changes": {
            "given_name": [None, "José"],
            "family_name": [None, "Núñez"],
            "birth_date": [None, "1984-02-29"],
            "gender": [None, "unknown"],
            "medical_record_number": [None, "P-000001"],
            "active": [None, True],
        },
        "address": "testclient",
        "request_id": "my-request",
    }


def test_a_change_has_the_old_and_the_new_value_of_what_changed(admin: TestClient, app: FastAPI) -> None:
    id = make_patient(admin, phone="+49 30 1234567")["id"]
    admin.patch(f"/patients/{id}", json={"phone": None, "gender": "female", "given_name": "José"}).raise_for_status()
    admin.put(f"/patients/{id}", json=patient_body()).raise_for_status()
    first, second = events(admin, app, action="update")
    assert first["changes"] == {"phone": ["+49 30 1234567", None], "gender": ["unknown", "female"]}
    assert second["changes"] == {"gender": ["female", "unknown"]}


def test_retiring_and_restoring_are_told(admin: TestClient, app: FastAPI) -> None:
    id = make_doctor(admin)["id"]
    admin.delete(f"/doctors/{id}").raise_for_status()
    admin.post(f"/doctors/{id}/restore").raise_for_status()
    told = events(admin, app, entity="doctor", entity_id=id)
    assert [event["action"] for event in told] == ["create", "delete", "restore"]
    assert told[1]["changes"]["retired_at"][0] is None
    assert told[2]["changes"]["retired_at"] == [told[1]["changes"]["retired_at"][1], None]


def test_assigning_and_unassigning_are_events_of_the_patient_told_once(
    admin: TestClient, app: FastAPI, doctor_id: int
) -> None:
    patient_id = make_patient(admin)["id"]
    path = f"/doctors/{doctor_id}/patients/{patient_id}"
    for _ in range(2):
        assign(admin, doctor_id, patient_id)
    for _ in range(2):
        admin.delete(path).raise_for_status()
    told = events(admin, app, entity="patient", entity_id=patient_id)[1:]
    assert [(event["action"], event["changes"]) for event in told] == [
        ("assign", {"doctor_id": [None, doctor_id]}),
        ("unassign", {"doctor_id": [doctor_id, None]}),
    ]


def test_an_emergency_access_stands_out_with_its_reason(admin: TestClient, doctor: TestClient, app: FastAPI) -> None:
    patient = make_patient(admin)
    body = {"medical_record_number": "P-000001", "birth_date": patient["birth_date"], "reason": "Unconscious"}
    doctor.post("/emergency-access", json=body).raise_for_status()
    (event,) = events(admin, app, action="emergency_access")
    assert (event["entity"], event["entity_id"], event["actor_email"]) == ("patient", patient["id"], "ada@example.org")
    assert event["changes"]["doctor_id"] == [None, 1]
    assert event["changes"]["reason"] == [None, "Unconscious"]


def test_logins_failed_logins_and_logouts_are_told(admin: TestClient, app: FastAPI) -> None:
    for email in ("admin@example.org", "nobody@example.org"):
        admin.post("/auth/login", data={"username": email, "password": "wrong, I fear"})
    admin.post("/auth/login", data={"username": "admin@example.org", "password": password_of("admin@example.org")})
    told = events(admin, app, since="2000-01-01T00:00:00Z")[1:]
    assert [(event["action"], event["entity_id"], event["actor_email"]) for event in told] == [
        ("login", 1, "admin@example.org"),
        ("login_failed", 1, "admin@example.org"),
        ("login_failed", None, None),
        ("login", 1, "admin@example.org"),
    ]
    assert "nobody" not in str(told)


def test_secrets_are_never_told(admin: TestClient, doctor: TestClient, app: FastAPI) -> None:
    new = "quite another password"
    body = {"current_password": password_of("ada@example.org"), "new_password": new}
    doctor.put("/auth/password", json=body).raise_for_status()
    admin.put("/users/2/password", json={"new_password": f"{new} still"}).raise_for_status()
    told = events(admin, app)
    assert [event["changes"] for event in told if event["action"] == "password_change"] == [None, None]
    for secret in (new, "bcrypt", password_of("ada@example.org")):
        assert secret not in str(told)


def test_a_refused_change_is_not_told(admin: TestClient, doctor: TestClient, app: FastAPI) -> None:
    make_patient(admin, medical_record_number="MRN-1")
    before = len(events(admin, app))
    assert admin.post("/patients", json=patient_body(medical_record_number="MRN-1")).status_code == 409
    assert doctor.get("/patients/1").status_code == 404
    assert admin.patch("/users/1", json={"is_active": False}).status_code == 409
    assert len(events(admin, app)) == before


def look_at_one(doctor: TestClient, id: int) -> None:
    assert doctor.get(f"/patients/{id}").status_code == 200


def look_at_the_list(doctor: TestClient, id: int) -> None:
    assert len(doctor.get("/patients").json()) == 1


def look_at_the_doctors_list(doctor: TestClient, id: int) -> None:
    assert len(doctor.get("/doctors/1/patients").json()) == 1


def look_at_the_doctors(doctor: TestClient, id: int) -> None:
    assert len(doctor.get(f"/patients/{id}/doctors").json()) == 1


@pytest.mark.parametrize(
    ("look", "action"),
    [
        (look_at_one, "read"),
        (look_at_the_list, "list"),
        (look_at_the_doctors_list, "list"),
        (look_at_the_doctors, "read"),
    ],
)
def test_every_look_at_a_patient_is_told(
    look: Callable[[TestClient, int], None],
    action: str,
    admin: TestClient,
    doctor: TestClient,
    doctor_id: int,
    app: FastAPI,
) -> None:
    make_patient(admin)
    id = make_patient(admin)["id"]
    assign(admin, doctor_id, id)
    look(doctor, id)
    (event,) = events(admin, app, actor_id=2, entity="patient")
    one, several = (id, None) if action == "read" else (None, [id])
    assert (event["action"], event["entity_id"], event["entity_ids"]) == (action, one, several)
    assert (event["actor_email"], event["changes"]) == ("ada@example.org", None)
    newest = log_of(admin, app, id)[0]
    assert newest["id"] == event["id"]
    assert event["id"] not in [other["id"] for other in log_of(admin, app, 1)]


@pytest.mark.parametrize("change", ["patch", "restore"])
def test_a_change_that_changes_nothing_is_a_look(change: str, admin: TestClient, app: FastAPI) -> None:
    id = make_patient(admin)["id"]
    call = ("PATCH", f"/patients/{id}") if change == "patch" else ("POST", f"/patients/{id}/restore")
    assert admin.request(*call, json={"given_name": "José"} if change == "patch" else None).status_code == 200
    assert [event["action"] for event in log_of(admin, app, id)] == ["read", "create"]


def test_the_access_log_is_newest_first_in_pages_and_counted(
    admin: TestClient, doctor: TestClient, doctor_id: int, app: FastAPI
) -> None:
    id = make_patient(admin)["id"]
    assign(admin, doctor_id, id)
    for _ in range(3):
        doctor.get(f"/patients/{id}").raise_for_status()
        admin.patch(f"/patients/{id}", json={"phone": f"+49 30 12345{_}"}).raise_for_status()
    actions = ["update", "read"] * 3 + ["assign", "create"]
    assert [event["action"] for event in log_of(admin, app, id)] == actions
    paged = [log_of(admin, app, id, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [event["action"] for page in paged for event in page] == actions
    assert [event["action"] for event in log_of(admin, app, id, sort="at")] == actions[::-1]
    assert admin.get(f"/patients/{id}/access-log?total=true&limit=1").headers["x-total-count"] == "8"


def test_the_access_log_of_a_retired_patient_stays_readable(admin: TestClient, app: FastAPI) -> None:
    id = make_patient(admin)["id"]
    admin.delete(f"/patients/{id}").raise_for_status()
    assert [event["action"] for event in log_of(admin, app, id)] == ["delete", "create"]
    assert admin.get("/patients/77/access-log").status_code == 404


def test_events_are_filtered_and_paged(admin: TestClient, doctor: TestClient, app: FastAPI) -> None:
    for _ in range(3):
        make_patient(admin)
    every = events(admin, app)
    assert [event["id"] for event in every] == sorted(event["id"] for event in every)
    assert events(admin, app, action="create", entity="patient") == every[-3:]
    assert events(admin, app, actor_id=2) == [event for event in every if event["actor_id"] == 2]
    assert events(admin, app, entity="patient", entity_id=2) == [every[-2]]
    assert events(admin, app, since=every[-2]["at"]) == every[-2:]
    assert events(admin, app, until=every[-2]["at"]) == every[:-2]
    assert events(admin, app, sort="-at", limit=2) == [every[-1], every[-2]]
    assert events(admin, app, limit=2, offset=1) == every[1:3]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("action", "look"), ("entity", "assignment"), ("entity_id", "0"), ("actor_id", "x"), ("since", "yesterday"),
        ("since", "2026-01-01"), ("since", "2026-01-01T00:00:00"), ("until", "1767225600"), ("sort", "nothing"),
    ],
)  # fmt: skip
def test_a_wrong_filter_is_invalid(name: str, value: str, admin: TestClient) -> None:
    answer = admin.get("/audit", params={name: value})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, name)


@pytest.mark.parametrize("table", ["audit_events", "access_log"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = now()", "DELETE FROM {}"])
def test_the_database_refuses_to_change_what_was_told(
    table: str, change: str, admin: TestClient, engine: Engine
) -> None:
    make_patient(admin)
    statement = change.format(table, "at" if table == "audit_events" else "newest_at")
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))


def test_a_look_is_told_shortly_after_the_answer(admin: TestClient) -> None:
    id = make_patient(admin)["id"]
    admin.get(f"/patients/{id}").raise_for_status()
    until = time.monotonic() + SHOWN_WITHIN
    while not admin.get("/audit?action=read").json():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_while_looks_cannot_be_written_readers_wait_and_are_refused_and_none_is_lost(
    admin: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = make_patient(admin)["id"]
    monkeypatch.setattr(looks, "MOST", 3)
    impatient = get_settings().model_copy(update={"lock_timeout": 1, "request_timeout": 2})
    with TestClient(create_app(impatient), headers=dict(admin.headers)) as client:
        with engine.connect() as other:
            other.execute(text("LOCK TABLE audit_events IN EXCLUSIVE MODE"))
            answers = [client.get(f"/patients/{id}") for _ in range(10)]
        shown = [answer.status_code for answer in answers].count(200)
        assert 3 <= shown < 10
        assert {answer.status_code for answer in answers} == {200, 503}
        assert answers[-1].headers["retry-after"]
    assert len(admin.get("/audit?action=read").json()) == shown


def test_a_server_that_is_stopped_writes_what_it_has_shown(database_url: URL, engine: Engine, tmp_path: Path) -> None:
    with server(cwd=tmp_path, ENV="test", TEST_DATABASE_URL=text_of(database_url)) as (address, process):
        look_over_http(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM audit_events WHERE action = 'read'")) == 5


def test_a_server_that_is_killed_has_told_every_change(database_url: URL, engine: Engine, tmp_path: Path) -> None:
    with server(cwd=tmp_path, ENV="test", TEST_DATABASE_URL=text_of(database_url)) as (address, process):
        look_over_http(address)
        process.kill()
    with engine.connect() as connection:
        assert (
            connection.scalar(text("SELECT count(*) FROM audit_events WHERE entity = 'patient' AND action = 'create'"))
            == 1
        )


def look_over_http(address: str) -> None:
    """Make a patient and look at it five times."""
    email = "admin@example.org"
    body = {"email": email, "password": password_of(email), "role": "ADMIN"}
    httpx.post(f"{address}/auth/register", json=body).raise_for_status()
    pair = httpx.post(f"{address}/auth/login", data={"username": email, "password": password_of(email)}).json()
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    httpx.post(f"{address}/patients", json=patient_body(), headers=headers).raise_for_status()
    for _ in range(5):
        httpx.get(f"{address}/patients/1", headers=headers).raise_for_status()
