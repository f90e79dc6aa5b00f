"""Idempotency-Key: what is sent twice is done once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from clinic_api.database import commit
from clinic_api.http import work
from tests.factories import assign, doctor_body, make_doctor, make_patient, patient_body, register, signed_in
from tests.test_database import wait_until_blocked

KEY = {"Idempotency-Key": "a key of my own"}
EMERGENCY = {"medical_record_number": "P-000001", "birth_date": patient_body()["birth_date"], "reason": "Unconscious"}


def rows(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def test_a_repeat_is_answered_as_the_first_time_and_done_once(admin: TestClient, engine: Engine) -> None:
    first = admin.post("/patients", json=patient_body(), headers=KEY)
    assert (first.status_code, "idempotent-replayed" in first.headers) == (201, False)
    admin.patch("/patients/1", json={"phone": "111"})
    again = admin.post("/patients", json=patient_body(), headers=KEY)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (201, first.content, "true")
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert rows(engine, "patients") == 1


def test_every_call_that_makes_something_takes_a_key(
    admin: TestClient, doctor: TestClient, doctor_id: int, engine: Engine
) -> None:
    patient = make_patient(admin)["id"]
    for who, path, body in [
        (admin, "/doctors", doctor_body()),
        (admin, f"/doctors/{doctor_id}/patients/{patient}", None),
        (admin, f"/patients/{patient}/restore", None),
        (admin, f"/doctors/{doctor_id}/restore", None),
        (doctor, "/emergency-access", EMERGENCY),
    ]:
        key = {"Idempotency-Key": path}
        first, again = (who.post(path, json=body, headers=key) for _ in range(2))
        assert first.is_success, first.text
        assert again.headers["idempotent-replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
    assert rows(engine, "assignments") == 1


def test_a_key_belongs_to_one_request(admin: TestClient, engine: Engine) -> None:
    json = KEY | {"Content-Type": "application/json"}
    admin.post("/patients", content=b'{"given_name": "A", "birth_date": "1990-01-01"}', headers=json)
    for path, body in [
        ("/patients", b'{"given_name": "B", "birth_date": "1990-01-01"}'),
        ("/patients", b'{"given_name":  "A", "birth_date": "1990-01-01"}'),
        ("/patients/1/restore", b""),
    ]:
        answer = admin.post(path, content=body, headers=json)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {
                "field": "Idempotency-Key",
                "message": "was used for another request; make a new one for each",
                "code": "key_reused",
            }
        ]
    assert rows(engine, "patients") == 1


def test_a_key_belongs_to_one_address(admin: TestClient) -> None:
    for id, status in [(1, 200), (2, 422)]:
        make_patient(admin)
        assert admin.post(f"/patients/{id}/restore", headers=KEY).status_code == status
    assert admin.post("/patients/1/restore?x=1", headers=KEY).status_code == 422
    assert admin.post("/patients/77/restore", headers=KEY).status_code == 404


def test_a_key_belongs_to_one_user(admin: TestClient, client: TestClient, engine: Engine) -> None:
    register(admin, "other@example.org", role="ADMIN")
    for who in (admin, signed_in(client, "other@example.org")):
        answer = who.post("/patients", json=patient_body(), headers=KEY)
        assert "idempotent-replayed" not in answer.headers
    assert rows(engine, "patients") == 2


def test_what_was_refused_may_be_tried_again_with_the_same_key(admin: TestClient) -> None:
    taken = make_patient(admin, medical_record_number="TAKEN")["id"]
    body = patient_body(medical_record_number="TAKEN")
    assert admin.post("/patients", json=body | {"gender": "x"}, headers=KEY).status_code == 422
    clash = admin.post("/patients", json=body, headers=KEY)
    assert (clash.status_code, "retry-after" in clash.headers) == (409, False)
    admin.delete(f"/patients/{taken}").raise_for_status()
    assert admin.post("/patients", json=body, headers=KEY).status_code == 201


def test_a_wrong_emergency_guess_may_be_tried_again_and_a_repeat_uses_up_none(
    admin: TestClient, doctor: TestClient, engine: Engine
) -> None:
    assert doctor.post("/emergency-access", json=EMERGENCY, headers=KEY).status_code == 404
    make_patient(admin)
    statuses = [doctor.post("/emergency-access", json=EMERGENCY, headers=KEY).status_code for _ in range(15)]
    assert statuses == [201] * 15
    assert rows(engine, "attempts") == 1


def test_the_right_is_checked_anew(admin: TestClient, doctor: TestClient, client: TestClient, doctor_id: int) -> None:
    make_patient(admin)
    doctor.post("/emergency-access", json=EMERGENCY, headers=KEY).raise_for_status()
    admin.delete(f"/doctors/{doctor_id}/patients/1").raise_for_status()
    assert doctor.post("/emergency-access", json=EMERGENCY, headers=KEY).status_code == 404

    id = register(admin, "other@example.org", role="ADMIN")["id"]
    other = signed_in(client, "other@example.org")
    other.post("/patients", json=patient_body(), headers=KEY).raise_for_status()
    admin.patch(f"/users/{id}", json={"role": "DOCTOR"}).raise_for_status()
    assert other.post("/patients", json=patient_body(), headers=KEY).status_code == 403
    admin.patch(f"/users/{id}", json={"is_active": False}).raise_for_status()
    assert other.post("/patients", json=patient_body(), headers=KEY).status_code == 401


def test_a_repeat_that_shows_a_patient_is_a_look(admin: TestClient, app: FastAPI) -> None:
    for _ in range(2):
        admin.post("/patients", json=patient_body(), headers=KEY)
        admin.post("/doctors", json=doctor_body(email="a@example.org"), headers={"Idempotency-Key": "another"})
    app.state.looks.flush()
    events = admin.get("/audit?entity=patient").json()
    assert [(event["action"], event["entity_id"]) for event in events] == [("create", 1), ("read", 1)]


def test_while_the_first_still_runs_a_repeat_is_a_conflict(admin: TestClient, engine: Engine) -> None:
    def create() -> Any:
        return admin.post("/patients", json=patient_body(), headers=KEY)

    with ThreadPoolExecutor(1) as pool, engine.connect() as other:
        other.execute(text("LOCK TABLE patients IN EXCLUSIVE MODE"))
        first = pool.submit(create)
        wait_until_blocked(engine)
        again = create()
        other.rollback()
        assert first.result().status_code == 201
    assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "Idempotency-Key")
    assert again.headers["retry-after"] == "1"
    assert create().headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(("headers", "status"), [({}, 503), (KEY, 201)])
def test_after_a_commit_of_unknown_end_only_a_key_allows_a_second_try(
    headers: dict[str, str], status: int, admin: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit_and_break(session: Session, backend: int | None) -> None:
        commit(session, backend)
        monkeypatch.undo()
        raise OperationalError("COMMIT", None, Exception(), connection_invalidated=True)

    monkeypatch.setattr(work, "commit", commit_and_break)
    assert admin.post("/patients", json=patient_body(), headers=headers).status_code == status
    assert rows(engine, "patients") == 1


def test_many_at_once_are_done_once(admin: TestClient, engine: Engine) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: admin.post("/patients", json=patient_body(), headers=KEY), range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201 and "idempotent-replayed" not in answer.headers]
    assert (len(made), rows(engine, "patients"), rows(engine, "idempotency_keys")) == (1, 1, 1)


def test_a_key_is_kept_for_a_day(admin: TestClient, engine: Engine) -> None:
    for hours, made in [(23, 1), (25, 2)]:
        admin.post("/patients", json=patient_body(), headers=KEY).raise_for_status()
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE idempotency_keys SET answered_at = now() - interval '{hours} hours'"))
        admin.post("/patients", json=patient_body(), headers=KEY).raise_for_status()
        assert rows(engine, "patients") == made


def test_old_answers_are_forgotten(admin: TestClient, engine: Engine) -> None:
    admin.post("/patients", json=patient_body(), headers=KEY).raise_for_status()
    with engine.begin() as connection:
        connection.execute(text("UPDATE idempotency_keys SET answered_at = now() - interval '25 hours'"))
    admin.post("/patients", json=patient_body(), headers={"Idempotency-Key": "another"}).raise_for_status()
    assert rows(engine, "idempotency_keys") == 1


@pytest.mark.parametrize(
    "headers", [[("Idempotency-Key", "")], [("Idempotency-Key", "x" * 256)], [("Idempotency-Key", "a")] * 2]
)
def test_a_key_has_1_to_255_characters_and_is_sent_once(headers: list[tuple[str, str]], admin: TestClient) -> None:
    answer = admin.post("/patients", json=patient_body(), headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert admin.post("/doctors/77/restore", headers=headers).status_code == 404


def test_any_text_is_a_key(admin: TestClient) -> None:
    for key in ("x" * 255, "' OR 1=1 --", b"M\xfcller"):
        for replayed in (False, True):
            answer = admin.post("/patients", json=patient_body(), headers={"Idempotency-Key": key})
            assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, replayed)


def test_signing_in_and_reading_take_no_key(admin: TestClient) -> None:
    for email in ("x@example.org", "y@example.org"):
        body = {"email": email, "password": "a password of some length", "role": "DOCTOR"}
        assert admin.post("/auth/register", json=body, headers=KEY).status_code == 201
    for _ in range(2):
        assert admin.get("/patients", headers=KEY).status_code == 200
    assert admin.post("/auth/logout", headers=KEY).status_code == 204


def test_an_assignment_that_is_repeated_is_not_assigned_again(admin: TestClient, engine: Engine) -> None:
    doctor, patient = make_doctor(admin)["id"], make_patient(admin)["id"]
    path = f"/doctors/{doctor}/patients/{patient}"
    assert admin.post(path, headers=KEY).status_code == 201
    admin.delete(path).raise_for_status()
    assert admin.post(path, headers=KEY).status_code == 201
    assert rows(engine, "assignments") == 0
    assign(admin, doctor, patient)
    assert rows(engine, "assignments") == 1
