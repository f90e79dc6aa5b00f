import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jose import jwt
from pydantic import SecretStr
from sqlalchemy import Engine, text

from clinic_api.config import get_settings
from clinic_api.main import create_app
from tests.factories import log_in, make_doctor, password_of, register, signed_in, with_token

ANOTHER = "quite another password"


def refreshed(client: TestClient, token: str) -> Any:
    return client.post("/auth/refresh", json={"refresh_token": token})


def status_with(client: TestClient, access_token: str) -> int:
    return int(with_token(client, access_token).get("/auth/me").status_code)


def test_an_access_token_names_user_role_and_session(admin: TestClient) -> None:
    token = log_in(admin, "admin@example.org")["access_token"]
    assert set(jwt.get_unverified_claims(token)) == {"sub", "role", "typ", "sid", "jti", "iat", "exp", "iss", "aud"}
    assert set(jwt.get_unverified_header(token)) == {"alg", "typ", "kid"}


def test_a_refresh_token_gives_the_next_pair(admin: TestClient, client: TestClient) -> None:
    first = log_in(client, "admin@example.org")
    second = refreshed(client, first["refresh_token"])
    assert (second.status_code, second.headers["cache-control"]) == (200, "no-store")
    assert set(second.json()) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert [status_with(client, pair["access_token"]) for pair in (first, second.json())] == [200, 200]
    assert refreshed(client, second.json()["refresh_token"]).status_code == 200


def test_a_refresh_token_that_is_used_twice_ends_the_session(admin: TestClient, client: TestClient) -> None:
    first = log_in(client, "admin@example.org")
    second = refreshed(client, first["refresh_token"]).json()
    third = refreshed(client, second["refresh_token"]).json()
    assert refreshed(client, first["refresh_token"]).status_code == 401
    assert status_with(client, third["access_token"]) == 401
    assert refreshed(client, third["refresh_token"]).status_code == 401
    assert admin.get("/auth/me").status_code == 200  # another session of the same account


def test_of_two_refreshes_at_once_one_wins(admin: TestClient, client: TestClient) -> None:
    token = log_in(client, "admin@example.org")["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refreshed(client, token).status_code, range(8)))
    assert sorted(answers) == [200] + [401] * 7


@pytest.mark.parametrize("token", ["x", "", "é" * 40, "\ud800", "x" * 64, "x" * 1024])
def test_an_unknown_refresh_token_is_unauthorized(token: str, client: TestClient) -> None:
    body = json.dumps({"refresh_token": token})
    answer = client.post("/auth/refresh", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (401, 422)
    if answer.status_code == 401:
        assert (answer.headers["www-authenticate"], answer.json()["error"]) == ("Bearer", "invalid_grant")


def test_an_access_token_is_no_refresh_token_and_the_other_way_round(admin: TestClient, client: TestClient) -> None:
    pair = log_in(client, "admin@example.org")
    assert refreshed(client, pair["access_token"]).status_code == 401
    assert status_with(client, pair["refresh_token"]) == 401
    assert status_with(client, pair["access_token"]) == 200


def test_refresh_tokens_are_stored_hashed(admin: TestClient, client: TestClient, engine: Engine) -> None:
    token = log_in(client, "admin@example.org")["refresh_token"]
    with engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM sessions")).all())
    assert token not in rows
    assert token[:32] not in rows


def test_logout_ends_this_session_alone(admin: TestClient, client: TestClient) -> None:
    pair = log_in(client, "admin@example.org")
    assert with_token(client, pair["access_token"]).post("/auth/logout").status_code == 204
    assert status_with(client, pair["access_token"]) == 401
    assert refreshed(client, pair["refresh_token"]).status_code == 401
    assert admin.get("/auth/me").status_code == 200


def test_a_session_ends_after_twelve_hours(admin: TestClient, client: TestClient, engine: Engine) -> None:
    pair = log_in(client, "admin@example.org")
    with engine.begin() as connection:
        hours = text("SELECT extract(epoch FROM expires_at - created_at) / 3600 FROM sessions ORDER BY id DESC LIMIT 1")
        assert float(connection.scalar(hours) or 0) == pytest.approx(12, abs=0.01)
        connection.execute(text("UPDATE sessions SET expires_at = now() + interval '10 s'"))
    assert 0 < refreshed(client, pair["refresh_token"]).json()["expires_in"] <= 10
    with engine.begin() as connection:
        connection.execute(text("UPDATE sessions SET expires_at = now()"))
    assert status_with(client, pair["access_token"]) == 401
    assert refreshed(client, pair["refresh_token"]).status_code == 401


def test_the_session_of_another_user_is_worth_nothing(admin: TestClient, doctor: TestClient, app: FastAPI) -> None:
    claims = jwt.get_unverified_claims(doctor.headers["Authorization"].split()[1])
    stolen = app.state.tokens.sign(admin.get("/auth/me").json()["id"], "ADMIN", claims["sid"], 60)
    assert status_with(doctor, stolen) == 401


def test_a_new_password_ends_all_other_sessions(doctor: TestClient, client: TestClient) -> None:
    other = log_in(client, "ada@example.org")
    body = {"current_password": password_of("ada@example.org"), "new_password": ANOTHER}
    assert doctor.put("/auth/password", json=body).status_code == 204
    assert doctor.get("/auth/me").status_code == 200
    assert status_with(client, other["access_token"]) == 401
    assert refreshed(client, other["refresh_token"]).status_code == 401
    assert client.post("/auth/login", data={"username": "ada@example.org", "password": ANOTHER}).status_code == 200
    old = {"username": "ada@example.org", "password": password_of("ada@example.org")}
    assert client.post("/auth/login", data=old).status_code == 401


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong, I fear", ANOTHER, "current_password"),
        (password_of("ada@example.org"), "kx 7 qv", "new_password"),
        (password_of("ada@example.org"), "password1", "new_password"),
        (password_of("ada@example.org"), "ada@example.org", "new_password"),
    ],
)
def test_a_password_is_not_changed_without_the_current_or_to_a_poor_one(
    current: str, new: str, field: str, doctor: TestClient, client: TestClient
) -> None:
    answer = doctor.put("/auth/password", json={"current_password": current, "new_password": new})
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])
    assert current not in answer.text
    assert new not in answer.text
    assert log_in(client, "ada@example.org")


def test_of_two_password_changes_at_once_one_wins(doctor: TestClient) -> None:
    def change(number: int) -> int:
        new = f"{ANOTHER} number {number}"
        body = {"current_password": password_of("ada@example.org"), "new_password": new}
        return int(doctor.put("/auth/password", json=body).status_code)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(change, range(4))) == [204, 422, 422, 422]


def test_a_password_that_an_administrator_sets_ends_all_sessions(
    admin: TestClient, doctor: TestClient, client: TestClient
) -> None:
    user_id = doctor.get("/auth/me").json()["id"]
    assert admin.put(f"/users/{user_id}/password", json={"new_password": ANOTHER}).status_code == 204
    assert doctor.get("/auth/me").status_code == 401
    assert client.post("/auth/login", data={"username": "ada@example.org", "password": ANOTHER}).status_code == 200


def disable(admin: TestClient, user_id: int, doctor_id: int, engine: Engine) -> None:
    admin.patch(f"/users/{user_id}", json={"is_active": False}).raise_for_status()
    admin.patch(f"/users/{user_id}", json={"is_active": True}).raise_for_status()


def make_inactive(admin: TestClient, user_id: int, doctor_id: int, engine: Engine) -> None:
    admin.patch(f"/doctors/{doctor_id}", json={"active": False}).raise_for_status()
    admin.patch(f"/doctors/{doctor_id}", json={"active": True}).raise_for_status()


def retire(admin: TestClient, user_id: int, doctor_id: int, engine: Engine) -> None:
    admin.delete(f"/doctors/{doctor_id}").raise_for_status()
    admin.post(f"/doctors/{doctor_id}/restore").raise_for_status()


def tie_to_an_inactive_doctor(admin: TestClient, user_id: int, doctor_id: int, engine: Engine) -> None:
    other = make_doctor(admin, active=False)["id"]
    admin.patch(f"/users/{user_id}", json={"doctor_id": other}).raise_for_status()
    admin.patch(f"/doctors/{other}", json={"active": True}).raise_for_status()


@pytest.mark.parametrize("bar", [disable, make_inactive, retire, tie_to_an_inactive_doctor])
def test_what_ends_a_session_is_not_undone_by_giving_the_right_back(
    bar: Any, admin: TestClient, doctor: TestClient, doctor_id: int, client: TestClient, engine: Engine
) -> None:
    pair = log_in(client, "ada@example.org")
    user_id = doctor.get("/auth/me").json()["id"]
    bar(admin, user_id, doctor_id, engine)
    assert doctor.get("/auth/me").status_code == 401
    assert status_with(client, pair["access_token"]) == 401
    assert refreshed(client, pair["refresh_token"]).status_code == 401
    assert signed_in(client, "ada@example.org").get("/auth/me").status_code == 200


def test_a_change_of_role_holds_from_the_next_request_on(admin: TestClient, client: TestClient) -> None:
    second = register(admin, "second@example.org", role="ADMIN")
    demoted = signed_in(client, "second@example.org")
    assert demoted.get("/doctors").status_code == 200
    admin.patch(f"/users/{second['id']}", json={"role": "DOCTOR"}).raise_for_status()
    assert demoted.get("/doctors").status_code == 403


def test_a_key_that_is_replaced_is_still_read_while_it_is_listed_as_old(admin: TestClient, app: FastAPI) -> None:
    key = "a new key, which is quite long enough"
    settings = get_settings()
    rotated = settings.model_copy(update={"jwt_secret": SecretStr(key)})
    for old, status in [(settings.secret, 200), ("some other key", 401)]:
        with TestClient(create_app(rotated.model_copy(update={"jwt_old_secrets": SecretStr(old)}))) as client:
            assert client.get("/auth/me", headers=dict(admin.headers)).status_code == status
            fresh = log_in(client, "admin@example.org")["access_token"]
            assert status_with(client, fresh) == 200
            assert status_with(admin, fresh) == 401
