"""What the OpenAPI page says of each operation, and that its examples of errors are what is really answered."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, text

from clinic_api import models
from clinic_api.config import get_settings
from clinic_api.http.openapi.examples import RECORDS
from clinic_api.http.openapi.problem import Problem
from clinic_api.main import create_app
from clinic_api.services.repeats import HEADER
from tests.factories import doctor_body, make_doctor, make_patient, patient_body
from tests.process import free_port, text_of
from tests.test_contract import BODIES, FILE, LOGIN, OPERATIONS, call, entitled

UNKNOWN = {"doctor_id": 7, "patient_id": 7, "user_id": 7}
ERRORS = [
    (name, int(status)) for name, (*_, about) in OPERATIONS.items() for status in about["responses"] if status >= "400"
]
PERSON = {"email": "new@example.org", "password": "a password of some length", "role": "DOCTOR"}
ANOTHER_ADMIN = PERSON | {"role": "ADMIN"}
ROWS = ["1984-02-29"] * 15 + ["2999-01-01"] + ["1984-02-29"] * 234
EMERGENCY = BODIES["open_emergency_access"]

# What is an operation's own: who asks, of which ids, and what they send. `busy` has made what clashes.
OWN_ERRORS: dict[tuple[str, int], tuple[str, int, dict[str, Any]]] = {
    ("register_user", 401): ("client", 1, {"json": ANOTHER_ADMIN}),
    ("register_user", 403): ("doctor", 1, {"json": ANOTHER_ADMIN}),
    ("register_user", 409): ("admin", 1, {"json": PERSON | {"email": "admin@example.org"}}),
    ("register_user", 422): ("admin", 1, {"json": PERSON | {"password": PERSON["email"]}}),
    ("login", 401): ("client", 1, {"data": LOGIN | {"password": "another"}}),
    ("login", 422): ("client", 1, {"data": {"password": "another"}}),
    ("refresh", 401): ("client", 1, {"json": {"refresh_token": "made up"}}),
    ("refresh", 422): ("client", 1, {"json": {}}),
    ("change_password", 422): (
        "doctor",
        1,
        {"json": {"current_password": "another", "new_password": PERSON["password"]}},
    ),
    ("create_doctor", 409): ("admin", 1, {"json": doctor_body(email="ada@example.org")}),
    ("create_doctor", 422): ("admin", 1, {"json": doctor_body(email="ada")}),
    ("replace_doctor", 409): ("admin", 2, {"json": doctor_body(email="ada@example.org")}),
    ("replace_doctor", 422): ("admin", 2, {"json": doctor_body(email="ada")}),
    ("update_doctor", 409): ("admin", 1, {"json": {"license_number": "MD-2"}}),
    ("update_doctor", 422): ("admin", 1, {"json": {"email": "ada"}}),
    ("restore_doctor", 409): ("admin", 3, {}),
    ("assign_patient", 409): ("admin", 2, {}),
    ("unassign_patient", 412): ("admin", 1, {"headers": {"If-Match": '"1"'}}),
    ("create_patient", 409): ("admin", 1, {"json": patient_body(medical_record_number="MRN-1")}),
    ("create_patient", 422): ("admin", 1, {"json": patient_body(birth_date="2999-01-01")}),
    ("replace_patient", 409): ("admin", 2, {"json": patient_body(medical_record_number="MRN-1")}),
    ("replace_patient", 422): ("admin", 2, {"json": patient_body(birth_date="2999-01-01")}),
    ("update_patient", 409): ("admin", 2, {"json": {"medical_record_number": "MRN-1"}}),
    ("update_patient", 422): ("admin", 2, {"json": {"given_name": ""}}),
    ("restore_patient", 409): ("admin", 3, {}),
    ("list_patients", 403): ("doctor", 1, {"params": {"retired": True}}),
    ("import_patients", 413): ("admin", 1, {"headers": {"Content-Length": "1000000000"}, "files": FILE}),
    ("import_patients", 422): (
        "admin",
        1,
        {"files": {"file": "\n".join(["given_name,birth_date", *(f"José,{day}" for day in ROWS)])}},
    ),
    ("open_emergency_access", 403): ("admin", 1, {"json": EMERGENCY}),
    ("open_emergency_access", 404): ("doctor", 1, {"json": EMERGENCY}),
    ("open_emergency_access", 422): ("doctor", 1, {"json": EMERGENCY | {"reason": ""}}),
    ("update_user", 409): ("admin", 1, {"json": {"is_active": False}}),
    ("update_user", 422): ("admin", 2, {"json": {"doctor_id": 77}}),
    ("set_password", 422): ("admin", 1, {"json": {"new_password": "admin@example.org"}}),
}
TOO_OFTEN: dict[str, tuple[int, str, dict[str, Any]]] = {
    "register_user": (30, "client", {"json": PERSON | {"password": "short"}}),
    "login": (10, "client", {"data": LOGIN | {"password": "another"}}),
    "change_password": (10, *OWN_ERRORS["change_password", 422][::2]),
    "open_emergency_access": (10, *OWN_ERRORS["open_emergency_access", 404][::2]),
    "read_health": (30, "client", {}),
}


def example(name: str, status: int) -> dict[str, Any]:
    about: dict[str, Any] = OPERATIONS[name][2]["responses"][str(status)]["content"]["application/problem+json"]
    return dict(about["example"])


def same(answer: httpx.Response, name: str, *, but: tuple[str, ...] = ("request_id", "instance")) -> bool:
    said, shown = answer.json(), example(name, answer.status_code)
    return {**said, **dict.fromkeys(but)} == {**shown, **dict.fromkeys(but)}


def usual(*statuses: int) -> list[str]:
    """The operations with such an error that is not their own."""
    return [name for name, status in ERRORS if status in statuses and (name, status) not in OWN_ERRORS]


@pytest.fixture
def busy(admin: TestClient, doctor: TestClient) -> None:
    """A clinic in which much clashes: records 1 and 2 are in use, 3 is retired."""
    make_doctor(admin, license_number="MD-2")
    make_doctor(admin, email="taken@example.org")
    admin.delete("/doctors/3").raise_for_status()
    make_doctor(admin, email="taken@example.org")
    make_patient(admin, medical_record_number="MRN-1")
    make_patient(admin, medical_record_number="MRN-2", active=False)
    make_patient(admin, medical_record_number="MRN-3")
    admin.delete("/patients/3").raise_for_status()
    make_patient(admin, medical_record_number="MRN-3")


@pytest.fixture(scope="module")
def nowhere(database_url: URL) -> Iterator[TestClient]:
    """A clinic whose database does not answer."""
    lost = database_url.set(drivername="postgresql", host="127.0.0.1", port=int(free_port()), query={})
    with TestClient(create_app(get_settings().model_copy(update={"test_database_url": text_of(lost)}))) as client:
        yield client


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_does_and_what_it_takes(name: str) -> None:
    about = OPERATIONS[name][2]
    assert re.fullmatch(r"[A-Z][a-z ]+\??", about["summary"])
    assert re.match(r"[A-Z`].*[.?]$", about["description"], re.DOTALL)
    assert all(parameter["description"].endswith((".", "`")) for parameter in about["parameters"])
    assert "Successful Response" not in {answer["description"] for answer in about["responses"].values()}


@pytest.mark.parametrize(("name", "status"), ERRORS)
def test_each_error_is_shown_by_a_problem(name: str, status: int) -> None:
    shown = Problem.model_validate(example(name, status), extra="forbid")
    assert shown.status == status
    assert shown.instance == ("/" if status == 414 else OPERATIONS[name][1].format(**UNKNOWN))
    assert bool(shown.errors) == (status in (409, 422))


@pytest.mark.parametrize("name", RECORDS)
def test_an_example_of_a_record_has_all_its_fields(name: str) -> None:
    model = getattr(models, name)
    assert set(RECORDS[name]) == set(model.model_fields)
    assert model.model_validate(RECORDS[name])


@pytest.mark.parametrize("name", usual(401))
def test_401_is_said_so(name: str, client: TestClient) -> None:
    assert same(call(client, name, UNKNOWN), name, but=("request_id",))


@pytest.mark.parametrize("name", usual(403))
def test_403_is_said_so(name: str, doctor: TestClient) -> None:
    assert same(call(doctor, name, UNKNOWN), name, but=("request_id",))


@pytest.mark.parametrize("name", usual(404))
def test_404_is_said_so(name: str, admin: TestClient) -> None:
    assert same(call(admin, name, UNKNOWN), name, but=("request_id",))


@pytest.mark.parametrize("name", usual(406))
def test_406_is_said_so(name: str, admin: TestClient, doctor: TestClient) -> None:
    method, path, _ = OPERATIONS[name]
    who = entitled(name, admin, doctor)
    assert same(who.request(method, path.format(**UNKNOWN), headers={"Accept": "image/png"}), name)


@pytest.mark.parametrize("name", usual(412))
def test_412_is_said_so(name: str, busy: None, admin: TestClient) -> None:
    admin.headers["If-Match"] = '"77"'
    assert same(call(admin, name, {"doctor_id": 2, "patient_id": 2, "user_id": 2}), name)


@pytest.mark.parametrize("name", usual(413))
def test_413_is_said_so(name: str, admin: TestClient, doctor: TestClient) -> None:
    method, path, _ = OPERATIONS[name]
    kind = "application/x-www-form-urlencoded" if name == "login" else "application/json"
    sent: dict[str, Any] = {"content": b"x" * (2**20 + 1), "headers": {"Content-Type": kind}}
    assert same(entitled(name, admin, doctor).request(method, path.format(**UNKNOWN), **sent), name)


@pytest.mark.parametrize("name", usual(414))
def test_414_is_said_so(name: str, admin: TestClient) -> None:
    method, path, _ = OPERATIONS[name]
    answer = admin.request(method, path.format(**UNKNOWN), params={"cursor": "x" * 8192})
    assert same(answer, name, but=("request_id",))


@pytest.mark.parametrize("name", usual(415))
def test_415_is_said_so(name: str, admin: TestClient, doctor: TestClient) -> None:
    method, path, _ = OPERATIONS[name]
    kind = "application/json" if name in ("login", "import_patients") else "text/plain"
    sent: dict[str, Any] = {"content": b"{}", "headers": {"Content-Type": kind}}
    assert same(entitled(name, admin, doctor).request(method, path.format(**UNKNOWN), **sent), name)


@pytest.mark.parametrize("name", usual(422))
def test_422_is_said_so(name: str, busy: None, admin: TestClient) -> None:
    method, path, _ = OPERATIONS[name]
    params = {} if "{" in path else {"limit": 501}
    path = re.sub(r"\{.*?\}", "0", path, count=1).format(patient_id=2)
    assert same(admin.request(method, path, params=params), name)


@pytest.mark.parametrize(("name", "status"), OWN_ERRORS)
def test_an_error_of_its_own_is_said_so(name: str, status: int, busy: None, request: pytest.FixtureRequest) -> None:
    who, id, sent = OWN_ERRORS[name, status]
    method, path, _ = OPERATIONS[name]
    asker = request.getfixturevalue(who)
    answer = asker.request(method, path.format(**dict.fromkeys(UNKNOWN, id)), **sent)
    assert answer.status_code == status, answer.text
    assert same(answer, name)


@pytest.mark.parametrize("name", TOO_OFTEN)
def test_429_is_said_so(name: str, admin: TestClient, request: pytest.FixtureRequest) -> None:
    times, who, sent = TOO_OFTEN[name]
    asker: TestClient = request.getfixturevalue(who)
    answers = [asker.request(*OPERATIONS[name][:2], **sent) for _ in range(times + 1)]
    said, shown = answers[-1].json()["detail"], example(name, 429)["detail"]
    assert re.sub(r"\d+", "#", said) == re.sub(r"\d+", "#", shown)


@pytest.mark.parametrize("name", usual(409))
def test_that_the_first_request_is_still_running_is_said_so(
    name: str, admin: TestClient, doctor: TestClient, engine: Engine
) -> None:
    who = entitled(name, admin, doctor)
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 4))")
    who.headers[HEADER] = "once"
    with engine.begin() as first:
        first.execute(lock, {"key": f"{who.get('/auth/me').json()['id']} once"})
        assert same(call(who, name), name)


@pytest.mark.parametrize("name", usual(503) + [name for name, status in OWN_ERRORS if status == 503])
def test_503_is_said_so(name: str, admin: TestClient, nowhere: TestClient) -> None:
    nowhere.headers = admin.headers
    if name == "refresh":  # whose `call` would sign in first
        answer = nowhere.post("/auth/refresh", json={"refresh_token": "made up"})
    else:
        answer = call(nowhere, name, UNKNOWN)
    assert same(answer, name)


def test_each_error_is_provoked_by_one_of_these() -> None:
    by_status = {401, 403, 404, 406, 409, 412, 413, 414, 415, 422, 503}
    provoked = {(name, status) for status in by_status for name in usual(status)} | set(OWN_ERRORS)
    provoked |= {(name, 429) for name in TOO_OFTEN}
    assert provoked == set(ERRORS)
