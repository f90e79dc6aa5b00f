"""Every error is a problem that repeats nothing that was sent."""

import pytest
from fastapi.testclient import TestClient

from tests.factories import make_patient

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/patients/", 404),
        ("GET", "//patients", 404),
        ("GET", "/patients/1%2F2", 404),
        ("GET", "/patients%2F1", 404),
        ("GET", "/health%2flive", 404),
        ("GET", "/static/nothing.js", 404),
        ("PUT", "/patients", 405),
        ("FOO", "/patients", 405),
        ("POST", "/health/live", 405),
        ("POST", "/static/swagger-ui.css", 405),
    ],
)
def test_an_unknown_address_or_method_is_a_problem(method: str, path: str, status: int, client: TestClient) -> None:
    answer = client.request(method, "http://testserver" + path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_405_names_all_methods_of_the_path(client: TestClient) -> None:
    assert client.request("FOO", "/patients/1").headers["allow"] == "DELETE, GET, PATCH, PUT"


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"null", b"[]", b'"x"', b"5", b"\xff\xfe", b'{"given_name": "a\xff"}', b"[" * 100_000, b'{"a": NaN}',
     b'{"birth_date": 1e999}', b'{"given_name": "\\ud800"}', b'{"\\ud800": 1}', b'{"active": 1e400}'],
)  # fmt: skip
def test_a_broken_body_is_invalid(body: bytes, admin: TestClient) -> None:
    answer = admin.post("/patients", content=body, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_flood_of_errors_is_cut_and_counted(admin: TestClient) -> None:
    answer = admin.post("/patients", json={f"field{number}": 1 for number in range(5000)})
    assert len(answer.json()["errors"]) == 20
    assert answer.json()["detail"].startswith("5002 fields are invalid: ")


def test_the_instance_is_the_path_as_it_was_sent(client: TestClient) -> None:
    assert client.get("/a%3Fb%C3%A9").json()["instance"] == "/a%3Fb%C3%A9"


def test_several_wrong_fields_are_all_named(admin: TestClient) -> None:
    answer = admin.post("/patients", json={"birth_date": "2999-01-01", "gender": "x"})
    assert answer.json() | {"request_id": "", "errors": []} == {
        "type": "/problems/validation-error",
        "title": "Validation error",
        "status": 422,
        "detail": "3 fields are invalid: given_name, birth_date, gender.",
        "instance": "/patients",
        "request_id": "",
        "errors": [],
    }
    assert answer.json()["errors"][1] == {
        "field": "birth_date", "message": "must not be in the future", "code": "future_date",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "form", "fields"),
    [
        ("", '{"username": "a", "password": "secret"}', ["body", "password", "username"]),
        ("", "a\0b=1&username=a&password=b", ["body"]),
        ("?=1", "username=a&password=b", ["query"]),
        ("?%22secret%22:", "username=a&password=b", ["query"]),
        ("?no_such name=1", "username=a&password=b", ["no_such name"]),
    ],
)
def test_what_is_no_name_of_a_field_is_not_repeated(
    query: str, form: str, fields: list[str], client: TestClient
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(f"/auth/login{query}", content=form, headers=headers)
    assert sorted(error["field"] for error in answer.json()["errors"]) == fields
    assert "secret" not in answer.text


def test_what_postgresql_says_stays_inside(admin: TestClient) -> None:
    make_patient(admin, medical_record_number="SECRET-1")
    body = {"given_name": "x", "birth_date": "1990-01-01", "medical_record_number": "secret-1"}
    answer = admin.post("/patients", json=body)
    assert answer.status_code == 409
    for word in ("secret-1", "SECRET-1", "psycopg2", "uq_patients", "Key ("):
        assert word not in answer.text


def test_a_request_id_is_taken_if_plain_and_made_otherwise(client: TestClient) -> None:
    assert client.get("/nothing", headers={"X-Request-ID": "abc-1.2_3"}).json()["request_id"] == "abc-1.2_3"
    for odd in ("", "a b", "x" * 65, "<b>"):
        assert client.get("/nothing", headers={"X-Request-ID": odd}).json()["request_id"] not in (odd, "")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "Application/*;q=0.1", "text/html, */*;q=0.8", "", ",", " , ,"]
)
def test_who_takes_json_gets_json(accept: str, admin: TestClient) -> None:
    assert admin.get("/patients", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv, application/json", "application/json"),
        ("text/csv, application/json;q=0.9", "text/csv"),
        ("text/csv;q=0.8, application/json;q=0.9", "application/json"),
        ("text/csv, */*;q=0.1", "text/csv"),
        ("*/*, text/csv;q=0.5", "application/json"),
        ("*/*, application/json;q=0", "text/csv"),
        ("text/*;q=0.5, text/csv;q=0, application/*;q=0.1", "application/json"),
        ("text/csv, text/csv;q=0", "text/csv"),
        ("text/csv;q=0, ,text/csv;q=0.5, application/json;q=0.1,", "text/csv"),
    ],
)
def test_who_takes_several_formats_gets_the_one_they_like_best(accept: str, media_type: str, admin: TestClient) -> None:
    answer = admin.get("/patients", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == media_type


@pytest.mark.parametrize("accept", ["text/html", "application/xml, application/json;q=0", "nonsense", "json"])
def test_who_does_not_take_json_is_told_so_after_the_right(
    accept: str, admin: TestClient, doctor: TestClient, client: TestClient
) -> None:
    headers = {"Accept": accept}
    assert client.post("/patients", json={}, headers=headers).status_code == 401
    assert doctor.post("/patients", json={}, headers=headers).status_code == 403
    answer = admin.post("/patients", json={}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
