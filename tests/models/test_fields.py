"""Whatever is sent in a field is kept in one spelling, or refused without being repeated."""

import json
import re
import unicodedata
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import email_validator
import pytest
from fastapi.testclient import TestClient
from httpx import Response
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from pydantic_core import PydanticCustomError

from clinic_api.config import Settings
from clinic_api.main import create_app
from clinic_api.models.fields import PLAIN_EMAIL, canonical_email
from tests.factories import assign, make_doctor, make_patient
from tests.test_contract import OPERATIONS

LONG = 8  # characters; what is shorter may stand in a sentence by chance
INVISIBLE = "\0\t\n\r\x1f\x7f\x85\xad\u200b\u200d\u202e\u2028\u2066\u3000\ufeff\ud800\udfff"
ODD = INVISIBLE + "\U0001f469\u0301\u0345\u1100\u1161İßŉ'@.0٣é"
texts = some.one_of(
    some.text(some.characters(exclude_categories=())),
    some.text(ODD),
    some.text(some.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40),
    some.text("éÅञ가ﬁΐ日a1").map(lambda text: unicodedata.normalize("NFD", text)),
    some.builds(str.__mul__, some.text(ODD, min_size=1, max_size=3), some.integers(30, 2000)),
)
encodable = texts.map(lambda text: text.encode(errors="replace").decode())
others = some.one_of(some.none(), some.booleans(), some.integers(), some.floats())
dates = some.one_of(
    encodable,
    others,
    some.dates().map(str),
    some.dates(date(1870, 1, 1)).map(str),
    some.datetimes().map(str),
    some.from_regex(r"\d{4}-\d\d-\d\d", fullmatch=True),
)
emails = some.one_of(some.emails(), some.builds("{}@{}.рф".format, encodable, encodable))
quick = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

PATIENT = {"given_name": 100, "family_name": 100, "medical_record_number": 40, "phone": 40, "email": 254}
DOCTOR = {"given_name": 100, "family_name": 100, "specialty": 100, "license_number": 40, "phone": 40, "email": 254}
TEXTS = [
    *(("PatientUpdate", "/patients/1", name, most) for name, most in PATIENT.items()),
    ("PatientUpdate", "/patients/1", "address", 300),
    *(("DoctorUpdate", "/doctors/1", name, most) for name, most in DOCTOR.items()),
    ("UserUpdate", "/users/1", "full_name", 100),
]
MODELS = create_app(Settings()).openapi()["components"]["schemas"]
QUERIES = [
    (path, parameter["name"])
    for method, path, about in OPERATIONS.values()
    for parameter in about.get("parameters", [])
    if method == "GET" and parameter["in"] == "query"
]


@pytest.fixture
def clinic(admin: TestClient) -> TestClient:
    """An administrator, and one patient with one doctor."""
    make_doctor(admin, email="one@example.org")
    make_patient(admin)
    assign(admin, 1, 1)
    return admin


def send(client: TestClient, method: str, path: str, body: Any) -> Response:
    """As JSON of ASCII letters, in which lone surrogates can be written."""
    headers = {"Content-Type": "application/json"}
    answer: Response = client.request(method, path, content=json.dumps(body), headers=headers)
    return answer


def is_refusal(answer: Response, sent: object) -> bool:
    """Whether this is a problem with a sentence, in which nothing that was sent is repeated."""
    problem = answer.json()
    told = f"{problem['detail']} {problem.get('errors')}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"].endswith(".")
    assert all(error["message"] != "is not valid" for error in problem.get("errors", []))
    assert not (isinstance(sent, str) and len(sent.strip()) >= LONG and sent.strip() in told)
    return answer.status_code in (404, 422)


def page_allows(model: str, field: str, sent: str) -> bool:
    """Whether the OpenAPI page lets this be sent."""
    said = MODELS[model]["properties"][field]
    patterns = [kind["pattern"] for kind in said.get("anyOf", [said]) if "pattern" in kind]
    return "email" in field or any(re.search(pattern, sent) for pattern in patterns)


@pytest.mark.parametrize(("model", "path", "field", "most"), TEXTS)
@quick
@given(sent=texts)
@example(sent="\u200b \u200b")
@example(sent="José\x1f")
@example(sent="x" * 5000)
def test_a_text_is_kept_in_one_spelling_or_refused(
    model: str, path: str, field: str, most: int, sent: str, clinic: TestClient
) -> None:
    if field == "email":
        sent = f"{sent}@clinic.example"
    answer = send(clinic, "PATCH", path, {field: sent})
    if answer.status_code != 200:
        assert is_refusal(answer, sent)
        return
    record = answer.json()
    kept = record[field]
    assert clinic.get(path).json() == record
    assert send(clinic, "PATCH", path, {field: kept}).json() == record  # and its version is the same
    if kept:
        assert page_allows(model, field, unicodedata.normalize("NFC", sent))
        assert kept == unicodedata.normalize("NFC", kept).strip()
        assert len(kept) <= most
        allowed = "\n" if field == "address" else ""
        assert not [c for c in kept if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in allowed]
        assert any(unicodedata.category(c) not in ("Cf", "Zs") for c in kept)


@quick
@given(sent=texts)
def test_any_reason_is_kept_or_refused(sent: str, clinic: TestClient, doctor: TestClient) -> None:
    number = clinic.get("/patients/1").json()["medical_record_number"]
    body = {"medical_record_number": number, "birth_date": "1984-02-29", "reason": sent}
    answer = send(doctor, "POST", "/emergency-access", body)
    if answer.status_code not in (200, 201):
        assert is_refusal(answer, sent)
        return
    reason = clinic.get("/emergency-access").json()[0]["reason"]
    assert reason == unicodedata.normalize("NFC", reason).strip()
    assert 0 < len(reason) <= 100


@quick
@given(password=texts)
def test_any_password_opens_the_account_or_is_refused(
    password: str, clinic: TestClient, doctor: TestClient, client: TestClient
) -> None:
    answer = send(clinic, "PUT", "/users/2/password", {"new_password": password})
    if answer.status_code != 204:
        assert is_refusal(answer, password)
        return
    form = {"username": "ada@example.org", "password": password}
    assert client.post("/auth/login", data=form).status_code == 200


@settings(quick, max_examples=200)
@given(address=emails)
@example(address="İ" * 60 + "@example.org")
def test_an_email_has_one_spelling(address: str) -> None:
    try:
        canonical = canonical_email(address)
    except PydanticCustomError:
        return
    assert canonical_email(canonical) == canonical
    assert len(canonical) <= 254


PLAIN = some.from_regex(r"[a-z0-9._+-]{1,70}@[a-z0-9.-]{1,70}\.[a-z0-9]{1,4}", fullmatch=True)


@settings(quick, max_examples=500)
@given(address=some.one_of(some.emails().map(str.lower), PLAIN, emails))
@example(address="a@b.co")
@example(address="a@b.c0")
@example(address="a@xn--b.co")
@example(address="a@b--c.co")
@example(address="a..b@c.de")
@example(address=f"{'a' * 64}@{'b' * 59}.co")
def test_a_plain_email_is_what_email_validator_makes_of_it(address: str) -> None:
    if PLAIN_EMAIL.fullmatch(address):
        assert email_validator.validate_email(address, check_deliverability=False).normalized == address


@pytest.mark.parametrize("field", ["birth_date", "deceased_date"])
@settings(quick, max_examples=60)
@given(sent=dates)
@example(sent="0000-01-01")
@example(sent="10000-01-01")
@example(sent="1900-02-29")
@example(sent="2000-02-29")
@example(sent=float("inf"))
def test_a_date_is_one_that_exists_or_is_refused(field: str, sent: Any, clinic: TestClient) -> None:
    body = {"given_name": "Ada", "birth_date": str(date.today() - timedelta(days=54_000)), field: sent}
    answer = send(clinic, "PUT", "/patients/1", body)
    if answer.status_code == 200:
        assert answer.json()[field] == sent
        assert sent is None or date.fromisoformat(sent) <= date.today() + timedelta(days=1)
    else:
        assert is_refusal(answer, sent)


@quick
@given(id=some.one_of(some.integers(), some.text(some.characters(exclude_categories=["Cs"]), min_size=1)))
@example(id=2**31)
@example(id="..")
def test_an_id_in_a_path_finds_something_or_is_refused(id: int | str, clinic: TestClient) -> None:
    for path in ("/patients/{}", "/doctors/{}", "/users/{}", "/patients/{}/access-log", "/doctors/1/patients/{}"):
        method = "POST" if path.endswith("patients/{}") and "doctors" in path else "GET"
        answer = clinic.request(method, path.format(quote(str(id), safe="")))
        assert answer.is_success or answer.status_code == 405 or is_refusal(answer, None)


@settings(quick, max_examples=60)
@given(sent=some.one_of(encodable, others, some.integers(0, 3).map(float)))
def test_an_id_in_a_body_is_that_of_a_record_or_refused(sent: Any, clinic: TestClient, doctor: TestClient) -> None:
    answer = send(clinic, "PATCH", "/users/2", {"doctor_id": sent})
    if answer.status_code == 200:
        assert answer.json()["doctor_id"] == sent
        assert not isinstance(sent, bool)
    else:
        assert answer.status_code == 409 or is_refusal(answer, sent)


@pytest.mark.parametrize(("path", "name"), QUERIES)
@settings(quick, max_examples=10)
@given(sent=encodable)
@example(sent="")
@example(sent="9" * 400)
@example(sent="2026-01-31T25:00:00Z")
@example(sent="2026-01-31T09:30:00+25:00")
def test_any_query_is_answered_or_refused(path: str, name: str, sent: str, clinic: TestClient) -> None:
    answer = clinic.get(path.format(doctor_id=1, patient_id=1), params={name: sent})
    assert answer.status_code in (200, 414) or is_refusal(answer, sent)  # 414: with what it is escaped to over 8 KiB
