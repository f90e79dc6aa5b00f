"""What must hold for every route at once, read from the OpenAPI page. A new route fails until the table lists it."""

import re
from collections import defaultdict
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from clinic_api.config import Settings
from clinic_api.main import create_app
from tests.factories import (
    assign,
    doctor_body,
    make_doctor,
    make_patient,
    numbers,
    password_of,
    patient_body,
    register,
    signed_in,
    with_token,
)

ADMIN, OWN, NOBODY = 0, 1, 5
PUBLIC = {"read_health", "read_liveness", "read_readiness", "read_metrics", "login", "refresh", "register_user"}

# Who gets what: administrator, the doctor in question, another doctor, a DOCTOR account without a doctor, a disabled
# account, nobody. Path ids are those of a doctor and of a patient assigned to them.
TABLE: dict[str, tuple[int, ...]] = {
    "register_user": (201, 201, 201, 201, 401, 201),
    "login": (200, 200, 200, 200, 200, 200),
    "refresh": (200, 200, 200, 200, 200, 200),
    "logout": (204, 204, 204, 204, 401, 401),
    "read_me": (200, 200, 200, 200, 401, 401),
    "change_password": (204, 204, 204, 204, 401, 401),
    "list_users": (200, 403, 403, 403, 401, 401),
    "read_user": (200, 403, 403, 403, 401, 401),
    "update_user": (200, 403, 403, 403, 401, 401),
    "set_password": (204, 403, 403, 403, 401, 401),
    "list_audit_events": (200, 403, 403, 403, 401, 401),
    "read_access_log": (200, 403, 403, 403, 401, 401),
    "open_emergency_access": (403, 200, 201, 403, 401, 401),
    "list_emergency_accesses": (200, 403, 403, 403, 401, 401),
    "create_doctor": (201, 403, 403, 403, 401, 401),
    "list_doctors": (200, 403, 403, 403, 401, 401),
    "read_doctor": (200, 200, 404, 404, 401, 401),
    "replace_doctor": (200, 403, 403, 403, 401, 401),
    "update_doctor": (200, 403, 403, 403, 401, 401),
    "delete_doctor": (204, 403, 403, 403, 401, 401),
    "restore_doctor": (200, 403, 403, 403, 401, 401),
    "list_patients_of_doctor": (200, 200, 404, 404, 401, 401),
    "assign_patient": (200, 403, 403, 403, 401, 401),
    "unassign_patient": (204, 403, 403, 403, 401, 401),
    "create_patient": (201, 403, 403, 403, 401, 401),
    "import_patients": (200, 403, 403, 403, 401, 401),
    "list_patients": (200, 200, 200, 200, 401, 401),
    "read_patient": (200, 200, 404, 404, 401, 401),
    "replace_patient": (200, 403, 403, 403, 401, 401),
    "update_patient": (200, 403, 403, 403, 401, 401),
    "delete_patient": (204, 403, 403, 403, 401, 401),
    "restore_patient": (200, 403, 403, 403, 401, 401),
    "list_doctors_of_patient": (200, 200, 404, 404, 401, 401),
    "read_health": (200, 200, 200, 200, 200, 200),
    "read_liveness": (200, 200, 200, 200, 200, 200),
    "read_readiness": (200, 200, 200, 200, 200, 200),
    "read_metrics": (200, 200, 200, 200, 200, 200),
}
LOGIN = {"username": "admin@example.org", "password": password_of("admin@example.org")}
FILE = {"file": ("patients.csv", "given_name,birth_date\nJosé,1984-02-29\n")}
# What is sent, where it is not the first example of the OpenAPI page.
BODIES: dict[str, dict[str, Any]] = {
    "create_doctor": doctor_body(email="new@example.org"),
    "replace_doctor": doctor_body(email="own@example.org"),
    "create_patient": patient_body(),
    "replace_patient": patient_body(),
    "update_user": {"full_name": "Dr. Ada Lovelace"},
    "set_password": {"new_password": "quite another password"},
    "open_emergency_access": {
        "medical_record_number": "P-000001",
        "birth_date": patient_body()["birth_date"],
        "reason": "Unconscious",
    },
    "register_user": {"email": "fresh@example.org", "password": "a password of some length", "role": "DOCTOR"},
}


def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Every operation of the OpenAPI page: method, path and what is said of it."""
    paths = create_app(Settings()).openapi()["paths"]
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


OPERATIONS = operations()
THE_DOCTORS = {"user_id": 2}
WITH_BODY = [name for name, (*_, about) in OPERATIONS.items() if "requestBody" in about]


def examples_of(name: str) -> list[Any]:
    (content,) = OPERATIONS[name][2]["requestBody"]["content"].values()
    return [example["value"] for example in content.get("examples", {}).values()]


def body_of(name: str) -> Any:
    return BODIES.get(name) or (next(iter(examples_of(name)), None) if name in WITH_BODY else None)


def address(path: str, ids: dict[str, int] = THE_DOCTORS) -> str:
    """Of the record with this id, or else of the first of its kind."""
    return path.format_map(defaultdict(lambda: 1, ids))


def make_records(admin: TestClient, but: str = "") -> None:
    """A patient of the doctor, and one of each other kind, but for what this operation is to make."""
    assign(admin, 1, make_patient(admin)["id"])
    for name in OPERATIONS.keys() - {"create_doctor", "create_patient", but}:
        if name.startswith("create_"):
            call(admin, name).raise_for_status()


@pytest.fixture
def people(admin: TestClient, doctor: TestClient, other_doctor: TestClient, client: TestClient) -> list[TestClient]:
    register(client, "tieless@example.org")
    leaver = make_doctor(admin, email="leaver@example.org")
    register(admin, "leaver@example.org")
    disabled = signed_in(client, "leaver@example.org")
    admin.delete(f"/doctors/{leaver['id']}").raise_for_status()
    return [admin, doctor, other_doctor, signed_in(client, "tieless@example.org"), disabled, client]


def call(who: TestClient, name: str, ids: dict[str, int] = THE_DOCTORS) -> Any:
    method, path, _ = OPERATIONS[name]
    if name == "login":
        return who.post(path, data=LOGIN)
    if name == "import_patients":
        return who.post(path, files=FILE)
    body = body_of(name)
    if name == "register_user":
        body = {**BODIES[name], "email": f"fresh{next(numbers)}@example.org"}
    if name == "refresh":
        body = {"refresh_token": who.post("/auth/login", data=LOGIN).json()["refresh_token"]}
    if name == "change_password":
        email = who.get("/auth/me").json().get("email", "")
        body = {"current_password": password_of(email), "new_password": "quite another password"}
    return who.request(method, address(path, ids), json=body)


def entitled(name: str, admin: TestClient, doctor: TestClient) -> TestClient:
    """Somebody who may do this."""
    return doctor if TABLE[name][ADMIN] == 403 else admin


def test_every_operation_stands_in_the_role_table() -> None:
    assert set(TABLE) == set(OPERATIONS)


@pytest.mark.parametrize("name", TABLE)
def test_each_role_gets_what_the_table_says(name: str, people: list[TestClient], admin: TestClient) -> None:
    make_records(admin, but=name)
    answers = [call(who, name) for who in reversed(people)][::-1]  # strangers first: an ADMIN may delete
    assert [answer.status_code for answer in answers] == list(TABLE[name])


@pytest.mark.parametrize("name", TABLE)
def test_every_operation_but_the_public_ones_shows_a_padlock(name: str) -> None:
    security = OPERATIONS[name][2].get("security", [])
    if name in PUBLIC - {"register_user"}:
        assert security == []
    elif name == "register_user":
        assert {} in security
    else:
        assert security
        assert {} not in security


@pytest.mark.parametrize("name", TABLE)
def test_operation_ids_are_function_names_and_every_operation_has_a_sentence(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+|login|logout|refresh", name)
    assert OPERATIONS[name][2]["description"].endswith(".")


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row[ADMIN] != row[NOBODY]])
def test_a_refusal_is_a_problem_that_says_what_to_do(name: str, client: TestClient) -> None:
    answer = call(client, name)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["detail"] == "Sign in first: POST /auth/login, or Authorize in /docs."


@pytest.mark.parametrize("name", [name for name, (_, path, _) in OPERATIONS.items() if "{" in path])
@pytest.mark.parametrize(
    "id", ["abc", "0", "-1", "2147483648", "9" * 4000, "1.0", "+1", "01", "1_0", "%201", "%00", "１"]
)
def test_a_malformed_id_is_invalid(name: str, id: str, admin: TestClient) -> None:
    method, path, _ = OPERATIONS[name]
    for query in ("", "?limitt=5"):
        answer = admin.request(method, re.sub(r"\{.*?\}", id, path) + query, json=body_of(name))
        assert answer.status_code == 422
        assert id not in answer.json()["detail"].replace("1 field", "")


@pytest.mark.parametrize("name", [name for name, (_, path, _) in OPERATIONS.items() if "{" in path])
def test_an_unknown_id_is_not_found_even_if_the_rest_is_wrong(name: str, admin: TestClient) -> None:
    method, path, _ = OPERATIONS[name]
    answer = admin.request(method, re.sub(r"\{.*?\}", "77", path) + "?sort=nothing", json={"birth_date": 5})
    assert answer.status_code == 404


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row[OWN] == 403])
def test_a_role_is_refused_before_anything_is_looked_up_or_read(name: str, doctor: TestClient) -> None:
    method, path, _ = OPERATIONS[name]
    for id in ("77", "abc"):
        answer = doctor.request(method, re.sub(r"\{.*?\}", id, path) + "?unknown=1", json={"birth_date": 5})
        assert answer.status_code == 403


@pytest.mark.parametrize("name", WITH_BODY)
def test_the_form_of_a_body_is_judged_after_the_right(
    name: str, admin: TestClient, doctor: TestClient, client: TestClient
) -> None:
    method, path, _ = OPERATIONS[name]
    path = address(path)
    bodies: list[tuple[int, dict[str, Any]]] = [
        (413, {"content": b"x" * (2**20 + 1), "headers": {"Content-Type": "application/json"}}),
        (415, {"content": b"x", "headers": {"Content-Type": "text/plain"}}),
        (415, {"content": b"x", "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"}}),
    ]
    for status, sent in bodies if name not in ("login", "import_patients") else bodies[1:]:
        expected = status if name in PUBLIC else 401
        assert client.request(method, path, **sent).status_code == expected
        answer = entitled(name, admin, doctor).request(method, path, **sent)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("name", [name for name in TABLE if name != "read_health"])
def test_an_unknown_query_parameter_is_invalid(name: str, admin: TestClient, doctor: TestClient) -> None:
    make_records(admin)
    method, path, _ = OPERATIONS[name]
    sent: dict[str, Any] = {"data": LOGIN} if name == "login" else {"json": body_of(name)}
    if name == "import_patients":
        sent = {"files": FILE}
    answer = entitled(name, admin, doctor).request(method, address(path) + "?limitt=5", **sent)
    assert (answer.status_code, "limitt" in {error["field"] for error in answer.json()["errors"]}) == (422, True)


@pytest.mark.parametrize("name", WITH_BODY)
def test_an_unknown_field_is_invalid(name: str, admin: TestClient, doctor: TestClient) -> None:
    make_records(admin)
    method, path, _ = OPERATIONS[name]
    body = {"id": 5, "x" * 60: 1}
    sent: dict[str, Any] = {"data": {"id": "5", "x" * 60: "1"}} if name == "login" else {"json": body}
    if name == "import_patients":
        sent = {"data": {"id": "5", "x" * 60: "1"}, "files": FILE}
    answer = entitled(name, admin, doctor).request(method, address(path), **sent)
    fields = {error["field"] for error in answer.json()["errors"]}
    assert {"id", "x" * 40} <= fields


def test_every_example_succeeds_as_it_is(client: TestClient) -> None:
    story = [
        "register_user", "login", "create_doctor", "create_patient", "create_patient", "register_user",
        "replace_doctor", "update_doctor", "replace_patient", "update_patient", "open_emergency_access",
        "update_user", "set_password", "change_password",
    ]  # fmt: skip
    not_told = {*WITH_BODY} - {*story, "refresh", "import_patients"}  # the server makes a token, and a file is chosen
    who, seen = client, set()
    for name in [*story, *sorted(not_told)]:
        method, path, _ = OPERATIONS[name]
        body = examples_of(name)[name in seen and name == "register_user"]
        sent = {"data": body} if name == "login" else {"json": body}
        asks = who
        if name == "open_emergency_access":
            form = {"username": "ada.lovelace@example.org", "password": "correct horse battery staple"}
            asks = with_token(client, client.post("/auth/login", data=form).json()["access_token"])
        answer = asks.request(method, address(path), **sent)
        assert answer.is_success, answer.text
        if name == "login":
            who = with_token(client, answer.json()["access_token"])
        seen.add(name)


def test_no_answer_has_a_secret(app: FastAPI) -> None:
    for name, schema in app.openapi()["components"]["schemas"].items():
        if name.endswith("Public"):
            assert not [field for field in schema["properties"] if "password" in field or "hash" in field]
