"""What programs get wrong most often is answered with the sentence that helps their author."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.factories import make_patient, patient_body

LOGIN = {"username": "admin@example.org", "password": "the long password of admin@example.org"}


@pytest.mark.parametrize(
    "sent",
    [
        {"json": LOGIN},
        {"content": "username=admin@example.org&password=x"},
        {"content": "username=admin@example.org&password=x", "headers": {"Content-Type": "text/plain"}},
    ],
)
def test_a_login_that_is_no_form_is_told_how_it_is_one(sent: dict[str, Any], client: TestClient) -> None:
    answer = client.post("/auth/login", **sent)
    problem = answer.json()
    assert answer.status_code == 415
    for words in ("application/x-www-form-urlencoded", "`username`", "`password`", "requests.post(url, data={"):
        assert words in problem["detail"]
    assert (problem["error"], problem["error_description"]) == ("invalid_request", problem["detail"])
    assert LOGIN["password"] not in answer.text


def test_a_login_in_a_multipart_form_is_one_too(admin: TestClient, client: TestClient) -> None:
    assert client.post("/auth/login", files={name: (None, text) for name, text in LOGIN.items()}).status_code == 200


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("{token}", "`Authorization: Bearer <token>`"),
        ("Token {token}", "`Authorization: Bearer <token>`"),
        ("Bearer", "no access token"),
        ("Bearer Bearer {token}", "no access token"),
        ('Bearer "{token}"', "without quotes"),
        ("Bearer {token}\\n", "line breaks"),
        ("Bearer None", "`access_token` that POST /auth/login gives"),
        ("Bearer {token}x", "not valid or has expired"),
    ],
)
def test_a_token_that_is_sent_wrongly_is_told_how(
    header: str, words: str, admin: TestClient, client: TestClient
) -> None:
    token = admin.headers["Authorization"].removeprefix("Bearer ")
    answer = client.get("/auth/me", headers={"Authorization": header.format(token=token)})
    assert answer.status_code == 401
    assert words in answer.json()["detail"]
    assert token not in answer.text


@pytest.mark.parametrize("path", ["/patients/", "/auth/login/", "/patients/1/"])
def test_a_slash_at_the_end_is_named(path: str, client: TestClient) -> None:
    answer = client.get(path)
    assert (answer.status_code, "slash" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize("path", ["/", "/nothing/"])
def test_no_slash_is_named_where_it_is_not_the_reason(path: str, client: TestClient) -> None:
    assert "slash" not in client.post(path).text


def test_405_says_which_methods_there_are(client: TestClient) -> None:
    assert client.get("/auth/login").json()["detail"] == "This method is not for this address. It takes POST."


def test_a_form_where_json_is_wanted_is_told_how(admin: TestClient) -> None:
    answer = admin.post("/patients", data=patient_body())
    assert (answer.status_code, "json={…} instead of data={…}" in answer.json()["detail"]) == (415, True)


@pytest.mark.parametrize(
    ("method", "sent", "sentence"),
    [
        ("POST", patient_body(birth_date="29.02.1984"), "birth_date must be a date that exists, written YYYY-MM-DD"),
        ("POST", patient_body(active="true"), "active must be true or false, not in quotes"),
        ("POST", {"given_name": "José"}, "birth_date is required"),
        ("POST", [patient_body()], "body must be a JSON object"),
        ("PUT", {"given_name": "José"}, "birth_date is required"),
        ("PATCH", {"given_name": None}, "given_name must not be null"),
        ("PATCH", {"active": None}, "active must not be null"),
        ("PATCH", {"version": 1}, "version is made by the clinic: leave it out"),
        ("PATCH", {"givenName": "José"}, "givenName does not exist here"),
    ],
)
def test_one_wrong_field_is_told_in_the_detail(method: str, sent: Any, sentence: str, admin: TestClient) -> None:
    path = f"/patients/{make_patient(admin)['id']}" if method != "POST" else "/patients"
    answer = admin.request(method, path, json=sent)
    assert (answer.status_code, answer.json()["detail"]) == (422, f"1 field is invalid: {sentence}.")


def test_an_id_in_quotes_is_told_so(admin: TestClient) -> None:
    body = {"email": "a@example.org", "password": "long enough", "role": "DOCTOR", "doctor_id": "1"}
    detail = admin.post("/auth/register", json=body).json()["detail"]
    assert detail == "1 field is invalid: doctor_id must be a whole number, not in quotes."


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=1000", "limit must be at most 500"),
        ("page=2", "page is no parameter of this address"),
        ("birth_date=29.02.1984", "birth_date must be a date that exists, written YYYY-MM-DD"),
    ],
)
def test_a_wrong_parameter_is_told_in_the_detail(query: str, sentence: str, admin: TestClient) -> None:
    answer = admin.get(f"/patients?{query}")
    assert (answer.status_code, answer.json()["detail"]) == (422, f"1 field is invalid: {sentence}.")


def test_a_sentence_with_a_full_stop_gets_no_second_one(client: TestClient) -> None:
    body = {"email": "a@example.org", "password": "password1", "role": "DOCTOR"}
    detail = client.post("/auth/register", json=body).json()["detail"]
    assert detail.startswith("1 field is invalid: password is too easy to guess.")
    assert not detail.endswith("..")
