from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import Engine, text

from tests.factories import assign, make_doctor, make_patient, patient_body

TAKEN = 20_000
TAKE_NUMBERS = """
    INSERT INTO patients (given_name, family_name, birth_date, gender, active, version, search_words,
        medical_record_number)
    SELECT 'A', 'B', '1984-02-29', 'other', true, 1, ' a b', 'P-' || lpad(value::text, 6, '0')
    FROM generate_series(1, :count) AS value
"""


def test_a_patient_is_created_with_defaults(admin: TestClient) -> None:
    answer = admin.post("/patients", json={"given_name": "Sukarno", "birth_date": "1961-06-06"})
    patient = answer.json()
    assert (answer.headers["location"], answer.headers["etag"]) == (f"/patients/{patient['id']}", '"1"')
    assert {name: patient[name] for name in ("family_name", "gender", "active", "phone", "version")} == {
        "family_name": "", "gender": "unknown", "active": True, "phone": None, "version": 1,
    }  # fmt: skip
    assert patient["created_at"].endswith("Z")
    assert admin.get(answer.headers["location"]).json() == patient


def test_record_numbers_are_made_in_order_and_skip_what_is_taken(admin: TestClient) -> None:
    make_patient(admin, medical_record_number="p-000002")
    numbers = [make_patient(admin)["medical_record_number"] for _ in range(2)]
    assert numbers == ["P-000001", "P-000003"]
    assert [patient["id"] for patient in admin.get("/patients", params={"q": "p-000003"}).json()] == [3]


def test_however_many_numbers_in_a_row_are_taken_the_next_is_made(admin: TestClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(TAKE_NUMBERS), {"count": TAKEN})
    assert make_patient(admin)["medical_record_number"] == f"P-{TAKEN + 1:06}"


def test_a_record_number_is_one_patients_own(admin: TestClient) -> None:
    make_patient(admin, medical_record_number="MRN-1")
    answer = admin.post("/patients", json=patient_body(medical_record_number=" mrn-1 "))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "medical_record_number")


def test_a_record_number_has_one_spelling(admin: TestClient) -> None:
    made = make_patient(admin, medical_record_number="ΐ1")
    again = patient_body(medical_record_number=made["medical_record_number"])
    assert admin.post("/patients", json=again).status_code == 409


def test_of_two_at_once_with_one_record_number_one_is_refused(admin: TestClient) -> None:
    body = patient_body(medical_record_number="MRN-1")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: admin.post("/patients", json=body).status_code, range(4)))
    assert sorted(answers) == [201, 409, 409, 409]


def test_made_numbers_and_given_ones_at_once_never_clash(admin: TestClient) -> None:
    def attempt(number: int) -> Response:
        given = {"medical_record_number": f"P-{number:06d}"} if number % 2 else {}
        answer: Response = admin.post("/patients", json=patient_body(**given))
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(40)))
    assert [answer.status_code for answer in answers[::2]] == [201] * 20


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("given_name", "", "string_too_short"),
        ("given_name", "  \u200b ", "string_too_short"),
        ("given_name", None, "string_type"),
        ("given_name", 5, "string_type"),
        ("given_name", ["x"], "string_type"),
        ("given_name", "x" * 101, "string_too_long"),
        ("given_name", "a\x00b", "control_character"),
        ("family_name", "a\nb", "control_character"),
        ("birth_date", "1984-02-30", "date"),
        ("birth_date", "1983-02-29", "date"),
        ("birth_date", 86400, "date"),
        ("birth_date", "2024-01- 1", "date"),
        ("family_name", "a" + "\u0301" * 9000, "far_too_long"),
        ("birth_date", "1984-02-28T00:00:00", "date"),
        ("birth_date", "0000-01-01", "date"),
        ("birth_date", "10000-01-01", "date"),
        ("birth_date", None, "date"),
        ("birth_date", "9999-12-31", "future_date"),
        ("birth_date", "1800-01-01", "past_date"),
        ("gender", "robot", "enum"),
        ("gender", None, "enum"),
        ("email", "nobody", "email"),
        ("email", "Name <a@b.co>", "email"),
        ("email", f"{'a' * 250}@example.org", "string_too_long"),
        ("phone", "12", "phone"),
        ("phone", "1" * 41, "string_too_long"),
        ("address", "x" * 301, "string_too_long"),
        ("address", "tab\there", "control_character"),
        ("medical_record_number", "x" * 41, "string_too_long"),
        ("active", "yes", "bool_type"),
        ("active", None, "bool_type"),
        ("deceased_date", "2999-01-01", "future_date"),
        ("deceased_date", "1984-02-28", "before_birth"),
    ],
)
def test_a_wrong_value_is_named_but_not_repeated(field: str, value: Any, code: str, admin: TestClient) -> None:
    patient = make_patient(admin)
    for answer in (
        admin.post("/patients", json=patient_body(**{field: value})),
        admin.put(f"/patients/{patient['id']}", json=patient_body(**{field: value})),
        admin.patch(f"/patients/{patient['id']}", json={field: value}),
    ):
        assert answer.status_code == 422
        assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
        assert not (isinstance(value, str) and len(value) > 4 and value in answer.text)
    assert admin.get(f"/patients/{patient['id']}").json() == patient


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        ("given_name", "  Jose\u0301 ", "José"),
        ("given_name", "الحسن", "الحسن"),
        ("given_name", "👩‍⚕️", "👩‍⚕️"),
        ("family_name", "", ""),
        ("email", "Family@EXAMPLE.org", "family@example.org"),
        ("email", "", None),
        ("phone", " ", None),
        ("phone", "+49 (30) 1234-567", "+49 (30) 1234-567"),
        ("address", " 1 Main St\r\nBerlin ", "1 Main St\nBerlin"),
        ("medical_record_number", "abc-1", "ABC-1"),
        ("birth_date", "2000-02-29", "2000-02-29"),
        ("deceased_date", "2020-01-31", "2020-01-31"),
    ],
)
def test_values_are_kept_in_one_spelling(field: str, sent: str, kept: str | None, admin: TestClient) -> None:
    patient = make_patient(admin, **{field: sent})
    assert patient[field] == kept
    assert admin.get(f"/patients/{patient['id']}").json()[field] == kept


def test_families_share_an_email(admin: TestClient) -> None:
    for _ in range(2):
        make_patient(admin, email="family@example.org")


def test_put_replaces_everything_but_the_record_number(admin: TestClient) -> None:
    patient = make_patient(admin, phone="+49 30 123", gender="male", active=False)
    answer = admin.put(f"/patients/{patient['id']}", json={"given_name": "Mary", "birth_date": "1970-01-01"})
    changed = answer.json()
    assert answer.headers["etag"] == '"2"'
    assert (changed["given_name"], changed["family_name"], changed["gender"]) == ("Mary", "", "unknown")
    assert (changed["phone"], changed["active"]) == (None, True)
    assert changed["medical_record_number"] == patient["medical_record_number"]
    assert admin.get(f"/patients/{patient['id']}").json() == changed


def test_patch_changes_what_is_sent_and_nothing_else(admin: TestClient) -> None:
    patient = make_patient(admin, phone="+49 30 123", address="Here")
    changed = admin.patch(f"/patients/{patient['id']}", json={"phone": None, "family_name": "Smith"}).json()
    unchanged = {"updated_at", "version", "phone", "family_name"}
    assert (changed["phone"], changed["family_name"], changed["version"]) == (None, "Smith", 2)
    assert {k: v for k, v in changed.items() if k not in unchanged} == {
        k: v for k, v in patient.items() if k not in unchanged
    }


def test_patch_reads_merge_patch_and_refuses_other_types(admin: TestClient) -> None:
    path = f"/patients/{make_patient(admin)['id']}"
    body = b'{"family_name": "Smith"}'
    for media_type, status in [("application/merge-patch+json", 200), ("text/plain", 415), ("text/json", 415)]:
        assert admin.patch(path, content=body, headers={"Content-Type": media_type}).status_code == status


def test_patch_refuses_null_where_there_must_be_something(admin: TestClient) -> None:
    answer = admin.patch(f"/patients/{make_patient(admin)['id']}", json={"medical_record_number": None})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "string_type")


def test_twenty_changes_at_once_are_all_kept(admin: TestClient) -> None:
    path = f"/patients/{make_patient(admin)['id']}"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: admin.patch(path, json={"phone": f"100{number}"}), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert admin.get(path).json()["version"] == 21


def test_a_retired_patient_is_gone_until_restored(admin: TestClient, doctor: TestClient, doctor_id: int) -> None:
    patient = make_patient(admin, medical_record_number="MRN-1")
    path = f"/patients/{patient['id']}"
    assign(admin, doctor_id, patient["id"])
    assert admin.delete(path).status_code == 204
    for who in (admin, doctor):
        assert who.get(path).status_code == 404
        assert who.get("/patients").json() == []
    assert doctor.get(f"/doctors/{doctor_id}/patients").json() == []
    assert admin.delete(path).status_code == 404
    assert [gone["id"] for gone in admin.get("/patients", params={"retired": True}).json()] == [patient["id"]]

    assert admin.post(f"{path}/restore").status_code == 200
    assert [back["id"] for back in doctor.get("/patients").json()] == [patient["id"]]


def test_a_doctor_cannot_list_the_retired(doctor: TestClient) -> None:
    assert doctor.get("/patients", params={"retired": True}).status_code == 403


def test_restoring_what_is_not_retired_changes_nothing(admin: TestClient) -> None:
    patient = make_patient(admin)
    answer = admin.post(f"/patients/{patient['id']}/restore")
    assert (answer.status_code, answer.json()) == (200, patient)


def test_a_retired_record_number_is_free_and_then_clashes_with_restoring(admin: TestClient) -> None:
    patient = make_patient(admin, medical_record_number="MRN-1")
    admin.delete(f"/patients/{patient['id']}").raise_for_status()
    make_patient(admin, medical_record_number="MRN-1")
    answer = admin.post(f"/patients/{patient['id']}/restore")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "medical_record_number")


def test_a_doctor_sees_their_own_patients_and_no_other(
    admin: TestClient, doctor: TestClient, doctor_id: int, other_doctor: TestClient
) -> None:
    mine, shared, foreign = (make_patient(admin)["id"] for _ in range(3))
    other_id = other_doctor.get("/auth/me").json()["doctor_id"]
    for doctor_, patient in [(doctor_id, mine), (doctor_id, shared), (other_id, shared), (other_id, foreign)]:
        assign(admin, doctor_, patient)
    assert [patient["id"] for patient in doctor.get("/patients").json()] == [mine, shared]
    assert [patient["id"] for patient in doctor.get(f"/doctors/{doctor_id}/patients").json()] == [mine, shared]
    assert len(doctor.get(f"/patients/{shared}/doctors").json()) == 2
    unknown = doctor.get("/patients/4711").json()
    hidden = doctor.get(f"/patients/{foreign}").json()
    for varying in ("instance", "request_id"):
        del unknown[varying], hidden[varying]
    assert hidden == unknown
    for path in (f"/patients/{foreign}/doctors", f"/doctors/{other_id}", f"/doctors/{other_id}/patients"):
        assert doctor.get(path).status_code == 404


def test_a_patients_doctors_are_those_in_use(admin: TestClient) -> None:
    patient_id, stays, leaves = make_patient(admin)["id"], make_doctor(admin)["id"], make_doctor(admin)["id"]
    for doctor_id in (stays, leaves):
        assign(admin, doctor_id, patient_id)
    admin.delete(f"/doctors/{leaves}").raise_for_status()
    assert [doctor["id"] for doctor in admin.get(f"/patients/{patient_id}/doctors").json()] == [stays]
