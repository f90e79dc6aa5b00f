from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.factories import make_doctor, register


@pytest.fixture
def user_id(doctor: TestClient) -> int:
    """The account of `doctor`."""
    return int(doctor.get("/auth/me").json()["id"])


def test_an_administrator_lists_and_reads_accounts(admin: TestClient, user_id: int) -> None:
    listed = admin.get("/users?sort=-email&total=true")
    assert [user["email"] for user in listed.json()] == ["admin@example.org", "ada@example.org"]
    assert listed.headers["x-total-count"] == "2"
    one = admin.get(f"/users/{user_id}")
    assert (one.json(), one.headers["etag"]) == (listed.json()[1], '"1"')
    assert not [field for field in one.json() if "password" in field]


def test_an_account_is_changed(admin: TestClient, user_id: int) -> None:
    answer = admin.patch(f"/users/{user_id}", json={"full_name": "Ada L."})
    assert (answer.status_code, answer.json()["full_name"], answer.headers["etag"]) == (200, "Ada L.", '"2"')
    assert admin.patch(f"/users/{user_id}", json={"full_name": None}).json()["full_name"] is None


def test_an_account_is_tied_to_a_doctor_and_untied(admin: TestClient, client: TestClient) -> None:
    account, doctor = register(client, "x@example.org"), make_doctor(admin)
    for doctor_id in (doctor["id"], None):
        answer = admin.patch(f"/users/{account['id']}", json={"doctor_id": doctor_id})
        assert answer.json()["doctor_id"] == doctor_id


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"role": None}, 422, "role"),
        ({"role": "NURSE"}, 422, "role"),
        ({"is_active": None}, 422, "is_active"),
        ({"is_active": "yes"}, 422, "is_active"),
        ({"doctor_id": 77}, 422, "doctor_id"),
        ({"doctor_id": "1"}, 422, "doctor_id"),
        ({"role": "ADMIN"}, 422, "doctor_id"),
        ({"email": "new@example.org"}, 422, "email"),
        ({"hashed_password": "x"}, 422, "hashed_password"),
    ],
)
def test_what_an_account_cannot_be(
    change: dict[str, Any], status: int, field: str, admin: TestClient, user_id: int
) -> None:
    before = admin.get(f"/users/{user_id}").json()
    answer = admin.patch(f"/users/{user_id}", json=change)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (status, [field])
    assert admin.get(f"/users/{user_id}").json() == before


def test_a_doctor_becomes_an_administrator_when_untied(admin: TestClient, user_id: int) -> None:
    answer = admin.patch(f"/users/{user_id}", json={"role": "ADMIN", "doctor_id": None})
    assert (answer.status_code, answer.json()["role"]) == (200, "ADMIN")


def test_a_doctor_has_one_account(admin: TestClient, doctor_id: int, user_id: int, client: TestClient) -> None:
    account = register(client, "x@example.org")
    answer = admin.patch(f"/users/{account['id']}", json={"doctor_id": doctor_id})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "doctor_id")


@pytest.mark.parametrize(("change", "field"), [({"role": "DOCTOR"}, "role"), ({"is_active": False}, "is_active")])
def test_the_last_active_administrator_stays_one(change: dict[str, Any], field: str, admin: TestClient) -> None:
    inactive = register(admin, "second@example.org", role="ADMIN")["id"]
    admin.patch(f"/users/{inactive}", json={"is_active": False}).raise_for_status()
    own_id = admin.get("/auth/me").json()["id"]
    answer = admin.patch(f"/users/{own_id}", json=change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, field)
    assert admin.get("/doctors").status_code == 200


def test_of_two_administrators_who_leave_at_once_one_stays(admin: TestClient) -> None:
    ids = [register(admin, f"admin{number}@example.org", role="ADMIN")["id"] for number in range(3)]
    own_id = admin.get("/auth/me").json()["id"]

    def leave(id: int) -> int:
        return int(admin.patch(f"/users/{id}", json={"role": "DOCTOR"}).status_code)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(leave, [*ids, own_id]))
    assert answers.count(200) <= 3
    assert set(answers) <= {200, 401, 403, 409}


def test_a_poor_password_is_not_set(admin: TestClient, user_id: int) -> None:
    answer = admin.put(f"/users/{user_id}/password", json={"new_password": "password1"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "new_password")
