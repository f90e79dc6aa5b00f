"""What would not be read, or not as it was meant, is refused."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.factories import make_patient, password_of

JSON = {"Content-Type": "application/json"}
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=B"
PATIENT = b'{"given_name": "Ada", "birth_date": "1984-02-29", '


def part(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return b'--B\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name, more, value)


def refusal_of(answer: Any, status: int = 422) -> dict[str, Any]:
    """The only field that is named, of what must be a problem."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    (field,) = answer.json()["errors"]
    assert isinstance(field, dict)
    return field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'"phone": "123", "phone": null}', "phone"),
        (b'"phone": "123", "\\u0070hone": "123"}', "phone"),
        (b'"unknown": {"deep": [{"twice": 1, "twice": 1}]}}', "twice"),
        (b'"' + b"x" * 60 + b'": 1, "' + b"x" * 60 + b'": 1}', "x" * 40),
        (b'"\\ud800": 1, "\\ud800": 1}', "body"),
        (b'"": 1, "": 1}', "body"),
    ],
)
def test_a_name_that_stands_twice_in_an_object_is_invalid(body: bytes, field: str, admin: TestClient) -> None:
    answer = admin.post("/patients", content=PATIENT + body, headers=JSON)
    assert refusal_of(answer) == {"field": field, "message": "must be sent once", "code": "repeated"}
    assert admin.get("/patients").json() == []


def test_a_name_may_stand_in_several_objects(admin: TestClient) -> None:
    answer = admin.post("/patients", content=PATIENT + b'"unknown": [{"a": 1}, {"a": 1}]}', headers=JSON)
    assert refusal_of(answer)["field"] == "unknown"


@pytest.mark.parametrize(
    "value",
    [
        b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5000, b"[" * 900 + b"]" * 900,
        b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000, b'"\xff"', b'"\xed\xa0\x80"', b"01", b"'x'", b"True", b"",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", [b"phone", b"active", b"unknown"])
def test_what_is_no_json_is_invalid(name: bytes, value: bytes, admin: TestClient) -> None:
    answer = admin.post("/patients", content=PATIENT + b'"%b": %b}' % (name, value), headers=JSON)
    assert refusal_of(answer)["field"] in ("body", name.decode())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_a_body_in_another_encoding_is_invalid(encoding: str, admin: TestClient) -> None:
    body = '{"given_name": "José", "birth_date": "1984-02-29"}'.encode(encoding)
    assert refusal_of(admin.post("/patients", content=body, headers=JSON))["field"] == "body"


def test_a_body_that_is_said_to_be_in_another_encoding_is_not_read(admin: TestClient) -> None:
    for said, status in [("latin-1", 415), ('"UTF-16"', 415), ("UTF-8", 201), ('"utf-8"', 201)]:
        headers = {"Content-Type": f"application/json; charset={said}"}
        answer = admin.post("/patients", content=PATIENT + b'"active": true}', headers=headers)
        assert answer.status_code == status


WITHOUT_BODY = [
    ("GET", "/patients", 200),
    ("GET", "/patients/1", 200),
    ("GET", "/health/live", 200),
    ("GET", "/health/ready", 200),
    ("DELETE", "/patients/1", 204),
    ("POST", "/patients/1/restore", 200),
    ("POST", "/auth/logout", 204),
]


@pytest.mark.parametrize(("method", "path", "status"), WITHOUT_BODY)
def test_a_body_that_nobody_would_read_is_invalid(method: str, path: str, status: int, admin: TestClient) -> None:
    make_patient(admin)
    for body in (b'{"a": 1}', b"x", b"null", b"[]", b"\xff", b"{} {}"):
        assert refusal_of(admin.request(method, path, content=body))["field"] == "body"
    answer = admin.request(method, path, content=b"x" * (2**20 + 1))
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert admin.request(method, path, content=b" {}\n").status_code == status


def test_a_body_that_nobody_would_read_comes_after_the_other_refusals(
    client: TestClient, admin: TestClient, doctor: TestClient
) -> None:
    for who, status in [(client, 401), (doctor, 403), (admin, 404)]:
        assert who.request("DELETE", "/patients/77", content=b"x").status_code == status


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_repeated_name_comes_after_the_other_refusals(
    method: str, client: TestClient, admin: TestClient, doctor: TestClient
) -> None:
    for who, status in [(client, 401), (doctor, 403), (admin, 404)]:
        answer = who.request(method, "/patients/77", content=b'{"phone": null, "phone": null}', headers=JSON)
        assert answer.status_code == status


@pytest.mark.parametrize("query", ["q=%ff", "q=a%C3", "q=%ED%A0%80", "q=%C0%80", "q=a&q%ff=1"])
def test_a_query_that_is_no_text_is_invalid(query: str, admin: TestClient, client: TestClient) -> None:
    field = refusal_of(admin.get(f"/patients?{query}"))
    assert (field["field"][0], field["message"]) == ("q", "must be valid Unicode text")
    assert client.get(f"/patients?{query}").status_code == 401


def test_an_id_of_thousands_of_digits_is_invalid(admin: TestClient) -> None:
    assert refusal_of(admin.get(f"/patients/{'9' * 6000}"))["field"] == "patient_id"


def test_a_path_that_is_no_text_names_nothing(admin: TestClient) -> None:
    assert admin.get("/patients/%ff").status_code == 422
    assert admin.get("/nothing%ff").status_code == 404


def test_headers_that_have_one_value_are_sent_once(admin: TestClient) -> None:
    token = admin.headers["Authorization"]
    twice: list[tuple[str, str]] = [("Authorization", token)] * 2
    assert TestClient(admin.app).get("/auth/me", headers=twice).status_code == 401
    body = {"content": PATIENT + b'"active": true}'}
    assert admin.post("/patients", headers=[*JSON.items(), ("Content-Type", "text/plain")], **body).status_code == 415
    keys = [*JSON.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    assert refusal_of(admin.post("/patients", headers=keys, **body))["field"] == "Idempotency-Key"
    answer = admin.get("/patients", headers=[("X-Request-ID", "a"), ("X-Request-ID", "b")])
    assert answer.headers["x-request-id"] not in ("a", "b", "a,b", "a, b")


USERNAME = b"username=admin%40example.org&password="
GOOD = part(b"username", b"admin@example.org") + part(b"password", b"x")
END = b"--B--\r\n"
BROKEN_FORMS = [
    b"password=x%ff&username=a%40b.co", b"username=jos\xe9&password=x", b"username=jos\xc3\xa9&password=x",
    USERNAME + b"%ED%A0%80", USERNAME + b"x&_charset_=latin-1", USERNAME + b"x&password=x", USERNAME, b"",
    USERNAME + b"x" + b"&a=1" * 10_000, USERNAME + b"x" + b"".join(b"&a%d=1" % number for number in range(10_000)),
]  # fmt: skip
BROKEN_PARTS = [
    GOOD[:-5], GOOD[:70], part(b"username", b"a@b.co"), END, b"x", b"", GOOD + part(b"username", b"b") + END,
    part(b"username", b"jos\xe9") + part(b"password", b"x") + END, GOOD + part(b"\xff", b"1") + END,
    part(b"username", b"a@b.co", b'; filename="a.txt"') + part(b"password", b"x") + END,
    b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
    b"".join(part(b"a%d" % number, b"1") for number in range(10_000)) + END,
]  # fmt: skip


def refused(client: TestClient, media_type: str, body: bytes, status: int = 422) -> None:
    answer = client.post("/auth/login", content=body, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert "jos" not in answer.text


@pytest.mark.parametrize("body", BROKEN_FORMS)
def test_a_broken_form_is_invalid(body: bytes, client: TestClient) -> None:
    refused(client, FORM, body)


@pytest.mark.parametrize("body", BROKEN_PARTS)
def test_a_broken_form_in_parts_is_invalid(body: bytes, client: TestClient) -> None:
    refused(client, PARTS, body)


@pytest.mark.parametrize("boundary", ["", "; boundary", "; boundary=", f"; boundary={'x' * 5000}", "; boundary=C"])
def test_a_form_in_parts_without_their_boundary_is_invalid(boundary: str, client: TestClient) -> None:
    refused(client, f"multipart/form-data{boundary}", GOOD + END)


@pytest.mark.parametrize("media_type", [FORM, PARTS])
@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "rot13", "idna", "nothing"])
def test_a_form_in_another_encoding_is_not_read(media_type: str, charset: str, client: TestClient) -> None:
    refused(client, f"{media_type}; charset={charset}", USERNAME + b"x", 415)


def test_a_form_in_parts_signs_in_too(admin: TestClient) -> None:
    form = {"username": (None, "admin@example.org"), "password": (None, password_of("admin@example.org"))}
    assert admin.post("/auth/login", files=form).status_code == 200
