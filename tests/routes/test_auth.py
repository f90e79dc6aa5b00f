import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from jose import jwt
from sqlalchemy import Engine, text

from tests.factories import assign, make_doctor, make_patient, password_of, register, signed_in


def test_the_first_administrator_needs_no_token(client: TestClient) -> None:
    answer = client.post("/auth/register", json={"email": "a@example.org", "password": "long enough", "role": "ADMIN"})
    assert answer.status_code == 201
    assert answer.json()["role"] == "ADMIN"


def test_of_two_first_administrators_at_once_one_wins(client: TestClient) -> None:
    def attempt(number: int) -> Response:
        body = {"email": f"admin{number}@example.org", "password": "long enough", "role": "ADMIN"}
        answer: Response = client.post("/auth/register", json=body)
        return answer

    with ThreadPoolExecutor(8) as pool:
        assert sorted(answer.status_code for answer in pool.map(attempt, range(8))) == [201] + [401] * 7


def test_a_stranger_cannot_register_a_second_administrator(admin: TestClient, client: TestClient) -> None:
    answer = client.post("/auth/register", json={"email": "b@example.org", "password": "long enough", "role": "ADMIN"})
    assert answer.status_code == 401
    assert "sign in as one" in answer.json()["detail"]


def test_a_doctor_cannot_register_an_administrator(doctor: TestClient) -> None:
    answer = doctor.post("/auth/register", json={"email": "b@example.org", "password": "long enough", "role": "ADMIN"})
    assert answer.status_code == 403


def test_an_administrator_registers_another(admin: TestClient) -> None:
    assert register(admin, "second@example.org", role="ADMIN")["role"] == "ADMIN"


def test_anybody_registers_a_doctor_account_that_sees_no_patient(admin: TestClient, client: TestClient) -> None:
    make_doctor(admin, email="ada@example.org")
    make_patient(admin)
    account = register(client, "ada@example.org")
    assert account["doctor_id"] is None
    assert signed_in(client, "ada@example.org").get("/patients").json() == []


@pytest.mark.parametrize(("who", "status"), [("client", 401), ("doctor", 403)])
def test_only_an_administrator_ties_an_account_to_a_doctor(
    who: str, status: int, admin: TestClient, request: pytest.FixtureRequest
) -> None:
    doctor = make_doctor(admin)
    body = {"email": "x@example.org", "password": "long enough", "role": "DOCTOR", "doctor_id": doctor["id"]}
    assert request.getfixturevalue(who).post("/auth/register", json=body).status_code == status


def test_an_account_is_tied_to_the_doctor_with_the_same_email(admin: TestClient) -> None:
    doctor = make_doctor(admin, email="Grace@Example.org")
    assert register(admin, "grace@example.ORG")["doctor_id"] == doctor["id"]


def test_an_account_is_not_tied_to_a_retired_doctor(admin: TestClient) -> None:
    doctor = make_doctor(admin, email="grace@example.org")
    admin.delete(f"/doctors/{doctor['id']}").raise_for_status()
    assert register(admin, "grace@example.org")["doctor_id"] is None


def test_an_account_is_not_tied_to_a_doctor_who_has_one(admin: TestClient) -> None:
    doctor = make_doctor(admin, email="grace@example.org")
    register(admin, "other@example.org", doctor_id=doctor["id"])
    assert register(admin, "grace@example.org")["doctor_id"] is None


def test_a_doctor_has_one_account(admin: TestClient, doctor: TestClient, doctor_id: int) -> None:
    body = {"email": "x@example.org", "password": "long enough", "role": "DOCTOR", "doctor_id": doctor_id}
    answer = admin.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "doctor_id")


def test_an_unknown_or_retired_doctor_has_no_account(admin: TestClient) -> None:
    retired = make_doctor(admin)["id"]
    admin.delete(f"/doctors/{retired}").raise_for_status()
    for doctor_id in (retired, 77):
        body = {"email": "x@example.org", "password": "long enough", "role": "DOCTOR", "doctor_id": doctor_id}
        answer = admin.post("/auth/register", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "doctor_id")


def test_an_administrator_is_no_doctor(admin: TestClient, doctor_id: int) -> None:
    body = {"email": "x@example.org", "password": "long enough", "role": "ADMIN", "doctor_id": doctor_id}
    answer = admin.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "doctor_id")


def test_an_email_has_one_account_however_it_is_written(admin: TestClient) -> None:
    answer = admin.post(
        "/auth/register", json={"email": " ADMIN@Example.ORG ", "password": "long enough", "role": "DOCTOR"}
    )
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Another user has this email already. Choose another, or change theirs."


@pytest.mark.parametrize("password", ["1234567", "", "x" * 257, "B@example.org", "\ud800" * 8, None, 12345678])
def test_a_poor_password_is_refused_and_not_repeated(password: object, client: TestClient) -> None:
    body = json.dumps({"email": "b@example.org", "password": password, "role": "DOCTOR"})
    answer = client.post("/auth/register", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["password"]
    assert not password or str(password) not in answer.text


@pytest.mark.parametrize(
    "password",
    ["naïve café", "密码和平鸽子飞过海洋", "nul\x00 and more", "long as can be " * 17 + "!", " spaces count "],
)
def test_any_character_makes_a_password(password: str, client: TestClient) -> None:
    client.post(
        "/auth/register", json={"email": "b@example.org", "password": password, "role": "DOCTOR"}
    ).raise_for_status()
    assert client.post("/auth/login", data={"username": "b@example.org", "password": password}).status_code == 200
    wrong = password[:-1] + "?"
    assert client.post("/auth/login", data={"username": "b@example.org", "password": wrong}).status_code == 401


def test_a_password_may_be_typed_composed_or_decomposed(client: TestClient) -> None:
    client.post(
        "/auth/register", json={"email": "b@example.org", "password": "caf\u00e9 caf\u00e9", "role": "DOCTOR"}
    ).raise_for_status()
    form = {"username": "b@example.org", "password": "cafe\u0301 cafe\u0301"}
    assert client.post("/auth/login", data=form).status_code == 200


def test_the_stored_hash_is_bcrypt_over_sha256(admin: TestClient, engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT hashed_password FROM users")).startswith("$bcrypt-sha256$")


def test_login_gives_a_bearer_token(admin: TestClient) -> None:
    form = {"username": "admin@example.org", "password": password_of("admin@example.org"), "grant_type": "password"}
    answer = admin.post("/auth/login", data=form)
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"


def test_login_ignores_the_empty_client_that_swagger_ui_sends(admin: TestClient) -> None:
    form = {"username": "admin@example.org", "password": password_of("admin@example.org")}
    assert admin.post("/auth/login", data=form, headers={"Authorization": "Basic Og=="}).status_code == 200


def test_every_failed_login_is_answered_alike(admin: TestClient, doctor: TestClient, doctor_id: int) -> None:
    admin.patch(f"/doctors/{doctor_id}", json={"active": False}).raise_for_status()
    attempts = [
        {"username": "nobody@example.org", "password": "whatever it is"},
        {"username": "admin@example.org", "password": "whatever it is"},
        {"username": "ada@example.org", "password": password_of("ada@example.org")},
        {"username": "not an address", "password": "whatever it is"},
    ]
    answers = [admin.post("/auth/login", data=form) for form in attempts]
    assert {answer.status_code for answer in answers} == {401}
    assert len({str(answer.json() | {"request_id": ""}) for answer in answers}) == 1
    assert answers[0].json()["error"] == "invalid_grant"
    assert answers[0].json()["error_description"]


@pytest.mark.parametrize("form", [{}, {"username": "a@example.org"}, {"password": "long enough"}])
def test_an_incomplete_login_form_is_invalid(form: dict[str, str], client: TestClient) -> None:
    assert client.post("/auth/login", data=form).status_code == 422


def test_a_field_that_is_sent_twice_is_invalid(admin: TestClient) -> None:
    form = b"username=admin@example.org&username=b@example.org&password=x"
    answer = admin.post("/auth/login", content=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "repeated")


def test_a_very_long_password_is_invalid_at_once(client: TestClient) -> None:
    password = "a" + "\u0301" * 80_000 + "\u0316" * 80_000  # Python would compose this for a minute
    assert client.post("/auth/login", data={"username": "a@example.org", "password": password}).status_code == 422


def test_me_is_the_account_without_its_hash(admin: TestClient) -> None:
    me = admin.get("/auth/me").json()
    assert me["email"] == "admin@example.org"
    assert set(me) == {
        "id", "email", "role", "full_name", "doctor_id", "is_active", "created_at", "updated_at", "version",
    }  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer " + "x" * 60_000, "x", "Bearer é.é.é",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", f"Bearer {'W' * 3000}.e30.e30",
    ],
)  # fmt: skip
def test_a_bad_authorization_header_is_unauthorized(header: str, client: TestClient) -> None:
    answer = client.get("/auth/me", headers={"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_of_another_server_is_unauthorized(admin: TestClient, app: FastAPI) -> None:
    from clinic_api.tokens import Tokens

    token = Tokens("another secret").sign(1, "ADMIN", 1, 60)
    assert admin.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_an_expired_token_is_unauthorized(admin: TestClient, app: FastAPI) -> None:
    token = app.state.tokens.sign(1, "ADMIN", 1, -1)
    assert admin.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def signed(app: FastAPI, claims: dict[str, Any], **headers: Any) -> str:
    """A token of this server with any claims."""
    tokens = app.state.tokens
    return jwt.encode(claims, tokens.keys[tokens.key_id], "HS256", headers={"kid": tokens.key_id, **headers})


@pytest.mark.parametrize("claim", ["sub", "sid", "typ", "jti", "iat", "exp", "iss", "aud"])
@pytest.mark.parametrize("value", [None, "other", [], {}])
def test_a_token_with_a_missing_or_odd_claim_is_unauthorized(
    claim: str, value: object, admin: TestClient, app: FastAPI
) -> None:
    claims = jwt.get_unverified_claims(app.state.tokens.sign(1, "ADMIN", 1, 60))
    del claims[claim]
    for forged in (claims, claims | {claim: value}):
        if (claim, value) == ("jti", "other") and forged is not claims:
            continue
        token = signed(app, forged)
        assert admin.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_the_role_in_the_token_decides_nothing(admin: TestClient, doctor: TestClient, app: FastAPI) -> None:
    claims = jwt.get_unverified_claims(doctor.headers["Authorization"].removeprefix("Bearer "))
    forged = {"Authorization": f"Bearer {signed(app, claims | {'role': 'ADMIN'})}"}
    assert doctor.get("/auth/me", headers=forged).status_code == 200
    assert doctor.get("/doctors", headers=forged).status_code == 403


def test_a_disabled_account_is_out_at_once(doctor: TestClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET is_active = false WHERE role = 'DOCTOR'"))
    assert doctor.get("/patients").status_code == 401


def test_an_inactive_doctor_is_out_at_once_and_back_when_active(
    admin: TestClient, doctor: TestClient, doctor_id: int
) -> None:
    assign(admin, doctor_id, make_patient(admin)["id"])
    admin.patch(f"/doctors/{doctor_id}", json={"active": False}).raise_for_status()
    assert doctor.get("/patients").status_code == 401
    admin.patch(f"/doctors/{doctor_id}", json={"active": True}).raise_for_status()
    assert len(signed_in(admin, "ada@example.org").get("/patients").json()) == 1
