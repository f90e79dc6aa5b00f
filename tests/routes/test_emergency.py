from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from tests.factories import assign, make_patient, register, signed_in

REASON = "Unconscious in the emergency room"


def ask(doctor: TestClient, patient: dict[str, Any], **changes: Any) -> Any:
    body = {
        "medical_record_number": patient["medical_record_number"],
        "birth_date": patient["birth_date"],
        "reason": REASON,
    }
    return doctor.post("/emergency-access", json=body | changes)


def hours_left(answer: Any) -> float:
    until = datetime.fromisoformat(answer.json()["expires_at"])
    return (until - datetime.now(UTC)) / timedelta(hours=1)


@pytest.fixture
def patient(admin: TestClient) -> dict[str, Any]:
    return make_patient(admin, medical_record_number="MRN-7")


def expire(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE assignments SET expires_at = now() - interval '1 s'"))


def test_a_doctor_opens_one_patient_for_four_hours(doctor: TestClient, patient: dict[str, Any]) -> None:
    path = f"/patients/{patient['id']}"
    assert doctor.get(path).status_code == 404
    answer = ask(doctor, patient)
    assert (answer.status_code, answer.json()["patient"]) == (201, patient)
    assert hours_left(answer) == pytest.approx(4, abs=0.01)
    assert doctor.get(path).json() == patient
    assert doctor.get("/patients").json() == [patient]


def test_the_clock_ends_it_everywhere(
    doctor: TestClient, doctor_id: int, admin: TestClient, patient: dict[str, Any], engine: Engine
) -> None:
    ask(doctor, patient).raise_for_status()
    assert admin.get("/patients?unassigned=true").json() == []
    expire(engine)
    assert doctor.get(f"/patients/{patient['id']}").status_code == 404
    assert doctor.get(f"/patients/{patient['id']}/doctors").status_code == 404
    assert doctor.get("/patients").json() == []
    assert doctor.get(f"/doctors/{doctor_id}/patients").json() == []
    assert admin.get(f"/patients/{patient['id']}/doctors").json() == []
    assert admin.get(f"/patients?doctor_id={doctor_id}").json() == []
    assert admin.get("/patients?unassigned=true").json() == [patient]
    assert admin.get("/emergency-access").json() == []
    assert ask(doctor, patient).status_code == 201


def test_a_second_one_prolongs_it(doctor: TestClient, patient: dict[str, Any], engine: Engine) -> None:
    ask(doctor, patient).raise_for_status()
    with engine.begin() as connection:
        connection.execute(text("UPDATE assignments SET expires_at = now() + interval '1 hour'"))
    answer = ask(doctor, patient)
    assert answer.status_code == 200
    assert hours_left(answer) == pytest.approx(4, abs=0.01)


def test_an_assignment_makes_it_lasting_and_is_not_changed_by_another(
    admin: TestClient, doctor: TestClient, doctor_id: int, patient: dict[str, Any]
) -> None:
    ask(doctor, patient).raise_for_status()
    path = f"/doctors/{doctor_id}/patients/{patient['id']}"
    assert [admin.post(path).status_code, admin.post(path).status_code] == [201, 200]
    assert admin.get("/emergency-access").json() == []
    answer = ask(doctor, patient)
    assert (answer.status_code, answer.json()) == (200, {"patient": patient, "expires_at": None})


def test_an_administrator_lists_them_and_ends_one_early(
    admin: TestClient, doctor: TestClient, doctor_id: int, patient: dict[str, Any]
) -> None:
    ask(doctor, patient).raise_for_status()
    (listed,) = admin.get("/emergency-access").json()
    assert (listed["doctor_id"], listed["patient_id"], listed["reason"]) == (doctor_id, patient["id"], REASON)
    assert listed["assigned_by"] == doctor.get("/auth/me").json()["id"]
    admin.delete(f"/doctors/{doctor_id}/patients/{patient['id']}").raise_for_status()
    assert admin.get("/emergency-access").json() == []
    assert doctor.get(f"/patients/{patient['id']}").status_code == 404


def test_a_wrong_number_and_a_wrong_date_are_answered_alike(doctor: TestClient, patient: dict[str, Any]) -> None:
    answers = [ask(doctor, patient, birth_date="1984-03-01"), ask(doctor, patient, medical_record_number="MRN-8")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert len({str(answer.json() | {"request_id": ""}) for answer in answers}) == 1
    assert doctor.get("/patients").json() == []


def test_guessing_is_limited_and_a_right_guess_does_not_start_it_anew(
    doctor: TestClient, other_doctor: TestClient, patient: dict[str, Any]
) -> None:
    assert [ask(doctor, patient, birth_date=f"1990-01-{day:02}").status_code for day in range(1, 10)] == [404] * 9
    assert ask(doctor, patient).status_code == 201
    assert ask(doctor, patient, birth_date="1990-01-10").status_code == 404
    answer = ask(doctor, patient)
    assert (answer.status_code, int(answer.headers["retry-after"]) > 800) == (429, True)
    assert ask(other_doctor, patient).status_code == 201


def test_a_retired_patient_is_not_found_but_an_inactive_one_is(
    admin: TestClient, doctor: TestClient, patient: dict[str, Any]
) -> None:
    admin.patch(f"/patients/{patient['id']}", json={"active": False}).raise_for_status()
    assert ask(doctor, patient).status_code == 201
    admin.delete(f"/patients/{patient['id']}").raise_for_status()
    assert ask(doctor, patient).status_code == 404


def test_an_account_without_a_doctor_is_refused_whatever_it_sends(client: TestClient, admin: TestClient) -> None:
    register(client, "tieless@example.org")
    answer = signed_in(client, "tieless@example.org").post("/emergency-access", json={})
    assert answer.status_code == 403
    assert admin.post("/emergency-access", json={}).status_code == 403


@pytest.mark.parametrize(
    ("field", "value"), [("reason", ""), ("reason", "x" * 101), ("birth_date", 5), ("medical_record_number", None)]
)
def test_what_is_malformed_is_invalid(field: str, value: object, doctor: TestClient, patient: dict[str, Any]) -> None:
    answer = ask(doctor, patient, **{field: value})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_an_emergency_and_an_assignment_at_once_end_in_the_assignment(
    admin: TestClient, doctor: TestClient, doctor_id: int, patient: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, doctor, patient) for _ in range(2)]
        assigned = [pool.submit(assign, admin, doctor_id, patient["id"]) for _ in range(2)]
        assert {future.result().status_code for future in asked} <= {200, 201}
        assert [future.result() for future in assigned] == [None, None]
    assert admin.get("/emergency-access").json() == []
    assert doctor.get("/patients").json() == [patient]
