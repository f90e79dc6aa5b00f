"""ETag, If-Match and If-None-Match: nobody overwrites what they have not seen, nothing is sent twice."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.factories import assign, doctor_body, make_doctor, make_patient, password_of, patient_body, register

STALE = {"If-Match": '"7"'}


@pytest.fixture
def addresses(admin: TestClient) -> dict[str, str]:
    """One record of each kind."""
    return {
        "patient": f"/patients/{make_patient(admin)['id']}",
        "doctor": f"/doctors/{make_doctor(admin)['id']}",
        "user": f"/users/{register(admin, 'x@example.org')['id']}",
        "me": "/auth/me",
    }


@pytest.mark.parametrize("kind", ["patient", "doctor", "user", "me"])
def test_what_the_caller_has_already_is_not_sent_again(kind: str, admin: TestClient, addresses: dict[str, str]) -> None:
    etag = admin.get(addresses[kind]).headers["etag"]
    for known in (etag, f"W/{etag}", f'"99", {etag}', "*"):
        answer = admin.get(addresses[kind], headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    for other in ('"99"', "99", "", 'W/"99"', "nonsense"):
        assert admin.get(addresses[kind], headers={"If-None-Match": other}).status_code == 200


def test_an_unchanged_record_that_was_asked_for_is_a_look_too(admin: TestClient, app: Any) -> None:
    address = f"/patients/{make_patient(admin)['id']}"
    admin.get(address, headers={"If-None-Match": "*"})
    app.state.looks.flush()
    assert [event["action"] for event in admin.get("/audit?action=read").json()] == ["read"]


@pytest.mark.parametrize(
    ("kind", "method"), [*product(("patient", "doctor"), ("PUT", "PATCH", "DELETE")), ("user", "PATCH")]
)
def test_a_stale_change_is_refused_and_changes_nothing(
    kind: str, method: str, admin: TestClient, addresses: dict[str, str]
) -> None:
    before = admin.get(addresses[kind])
    bodies = {"patient": patient_body(given_name="New"), "doctor": doctor_body(), "user": {"full_name": "New"}}
    sent = None if method == "DELETE" else bodies[kind]
    for stale in ('"7"', "7", f"W/{before.headers['etag']}", '"7", "8"', "nonsense", ""):
        answer = admin.request(method, addresses[kind], json=sent, headers={"If-Match": stale})
        assert (answer.status_code, answer.json()["type"]) == (412, "/problems/precondition-failed")
        assert "Read it again" in answer.json()["detail"]
    assert admin.get(addresses[kind]).content == before.content
    for fresh in (f'"7", {before.headers["etag"]}', "*"):
        answer = admin.request("PATCH", addresses[kind], json={}, headers={"If-Match": fresh})
        assert answer.status_code == 200


def test_a_fresh_etag_is_given_with_each_change(admin: TestClient, addresses: dict[str, str]) -> None:
    etag = admin.get(addresses["patient"]).headers["etag"]
    for phone in ("111", "222", "333"):
        answer = admin.patch(addresses["patient"], json={"phone": phone}, headers={"If-Match": etag})
        assert answer.status_code == 200
        assert answer.headers["etag"] != etag
        etag = answer.headers["etag"]
    assert admin.delete(addresses["patient"], headers={"If-Match": etag}).status_code == 204


def test_passwords_and_assignments_heed_if_match_too(admin: TestClient, addresses: dict[str, str]) -> None:
    old, new = password_of("admin@example.org"), "quite another password"
    doctor, patient = addresses["doctor"], addresses["patient"]
    assign(admin, 1, 1)
    for method, path, body in [
        ("PUT", "/auth/password", {"current_password": old, "new_password": new}),
        ("PUT", f"{addresses['user']}/password", {"new_password": new}),
        ("DELETE", doctor + patient, None),
    ]:
        assert admin.request(method, path, json=body, headers=STALE).status_code == 412
        assert admin.get(f"{patient}/doctors").json() != []
        assert admin.request(method, path, json=body, headers={"If-Match": "*"}).status_code == 204


def test_other_refusals_come_in_their_order(admin: TestClient, addresses: dict[str, str]) -> None:
    make_patient(admin, medical_record_number="TAKEN")
    patient = addresses["patient"]
    for path, body, status in [
        ("/patients/77", {}, 404),
        (patient, {"gender": "x"}, 422),
        (patient, {"deceased_date": "1900-01-01"}, 422),
        (patient, {"medical_record_number": None}, 422),
        (patient, {"medical_record_number": "TAKEN"}, 412),
        ("/users/1", {"is_active": False}, 412),
        ("/users/1", {"doctor_id": 1}, 422),
    ]:
        assert admin.patch(path, json=body, headers=STALE).status_code == status
    assert admin.patch(patient, json={"medical_record_number": "TAKEN"}).status_code == 409


def test_of_many_changes_at_once_with_the_same_etag_one_wins(admin: TestClient, addresses: dict[str, str]) -> None:
    etag = admin.get(addresses["patient"]).headers["etag"]

    def change(number: int) -> int:
        body = {"address": f"Number {number}"}
        return int(admin.patch(addresses["patient"], json=body, headers={"If-Match": etag}).status_code)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(change, range(8))) == [200] + [412] * 7
