"""Lists as CSV: all rows, safe in a spreadsheet, told in the audit first."""

import csv
import io
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from clinic_api.models import PatientPublic
from tests.factories import assign, make_doctor, make_patient

CSV = {"Accept": "text/csv"}


def table(client: TestClient, path: str = "/patients", **query: Any) -> list[dict[str, str]]:
    answer = client.get(path, params=query, headers=CSV)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_a_list_of_patients_is_a_file_to_save(admin: TestClient) -> None:
    make_patient(admin)
    answer = admin.get("/patients", headers=CSV)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="patients.csv"'
    assert answer.text.splitlines()[0] == ",".join(PatientPublic.model_fields)


def test_it_has_what_json_has_and_all_of_it(admin: TestClient, engine: Engine) -> None:
    patient = make_patient(admin, phone="030 123", active=False)
    with engine.begin() as connection:
        names = "version, search_words, given_name, family_name, birth_date, gender, active, medical_record_number"
        connection.execute(
            text(
                f"INSERT INTO patients ({names}) SELECT 1, '', 'a', 'b', '1990-01-01', 'other', true, 'N-' || i"
                " FROM generate_series(1, 2500) AS i"
            )
        )
    first, *rest = table(admin)
    assert first == {name: "" if value is None else str(value) for name, value in patient.items()} | {"active": "false"}
    assert len(rest) == 2_500


def test_cells_that_a_spreadsheet_would_run_are_defused(admin: TestClient) -> None:
    make_patient(admin, given_name="=HYPERLINK(1)", family_name="@x", phone="+49 30 123", address="'=1")
    (row,) = table(admin)
    assert [row[name] for name in ("given_name", "family_name", "phone", "address")] == [
        "'=HYPERLINK(1)", "'@x", "'+49 30 123", "''=1",
    ]  # fmt: skip


def test_filters_search_and_order_hold(admin: TestClient) -> None:
    for name in ("Ann", "Bea", "Anna"):
        make_patient(admin, given_name=name, gender="female" if name == "Bea" else "male")
    assert [row["given_name"] for row in table(admin, sort="-given_name")] == ["Bea", "Anna", "Ann"]
    assert [row["given_name"] for row in table(admin, q="anna")] == ["Anna"]
    assert [row["given_name"] for row in table(admin, gender="female")] == ["Bea"]
    assert table(admin, q="nobody") == []


def test_a_doctor_exports_their_own(admin: TestClient, doctor: TestClient, doctor_id: int) -> None:
    mine = make_patient(admin)["id"]
    make_patient(admin)
    assign(admin, doctor_id, mine)
    for path in ("/patients", f"/doctors/{doctor_id}/patients"):
        assert [row["id"] for row in table(doctor, path)] == [str(mine)]
    assert doctor.get("/doctors/77/patients", headers=CSV).status_code == 404
    assert doctor.get("/patients?retired=true", headers=CSV).status_code == 403
    assert doctor.get("/users", headers=CSV).status_code == 403


@pytest.mark.parametrize("query", ["limit=5", "offset=1", "total=true", "sort=nothing", "limitt=5", "gender=x"])
def test_pages_and_unknown_parameters_are_refused(query: str, admin: TestClient) -> None:
    answer = admin.get(f"/patients?{query}", headers=CSV)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, query.partition("=")[0])


def test_the_defaults_that_swagger_ui_sends_are_no_pages(admin: TestClient) -> None:
    make_patient(admin)
    assert len(table(admin, "/patients?limit=50&offset=0&total=false&retired=false")) == 1


def test_every_list_can_be_had_as_csv(admin: TestClient, app: FastAPI) -> None:
    doctor = make_doctor(admin)["id"]
    patient = make_patient(admin)["id"]
    assign(admin, doctor, patient)
    for path in ("/doctors", "/users", "/audit", f"/patients/{patient}/doctors", f"/patients/{patient}/access-log"):
        assert table(admin, path), path
    assert table(admin, "/emergency-access") == []
    assert [event["action"] for event in table(admin, f"/patients/{patient}/access-log")][-2:] == ["assign", "create"]


def test_one_record_is_no_list(admin: TestClient) -> None:
    make_patient(admin)
    assert admin.get("/patients/1", headers=CSV).status_code == 406


def test_the_audit_tells_of_it_and_so_does_the_access_log(admin: TestClient) -> None:
    ids = [make_patient(admin, given_name=name)["id"] for name in ("Ann", "Anna", "Bea")]
    table(admin, q="ann", sort="-id")
    (event,) = admin.get("/audit?action=export").json()
    assert (event["entity"], event["entity_ids"], event["actor_email"]) == (
        "patient", [ids[1], ids[0]], "admin@example.org",
    )  # fmt: skip
    assert event["changes"] == {"filter": [None, {"q": "ann", "sort": "-id"}], "count": [None, 2]}
    seen = [[e["action"] for e in admin.get(f"/patients/{id}/access-log").json()] for id in ids]
    assert seen == [["export", "create"], ["export", "create"], ["create"]]


def test_the_audit_tells_of_whose_list_it_was(admin: TestClient, doctor_id: int) -> None:
    table(admin, f"/doctors/{doctor_id}/patients")
    table(admin, doctor_id=doctor_id)
    for event in admin.get("/audit?action=export").json():
        assert event["changes"]["filter"] == [None, {"doctor_id": doctor_id}]


def test_an_empty_export_is_told_too(admin: TestClient) -> None:
    assert admin.get("/patients", headers=CSV).text == ",".join(PatientPublic.model_fields) + "\r\n"
    (event,) = admin.get("/audit?action=export").json()
    assert (event["entity_ids"], event["changes"]) == (None, {"filter": [None, None], "count": [None, 0]})


def test_nothing_leaves_that_the_audit_does_not_take(admin: TestClient, engine: Engine) -> None:
    make_patient(admin)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_events ADD CONSTRAINT none CHECK (action <> 'export')"))
    try:
        answer = admin.get("/patients", headers=CSV)
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE audit_events DROP CONSTRAINT none"))
    assert (answer.status_code, "José" in answer.text) == (422, False)


def test_more_than_two_at_once_are_asked_to_wait(admin: TestClient, app: FastAPI) -> None:
    with app.state.transfers.place(), app.state.transfers.place():
        answer = admin.get("/patients", headers=CSV)
        assert (answer.status_code, answer.headers["retry-after"].isdigit()) == (503, True)
        assert admin.get("/patients").status_code == 200
    assert admin.get("/patients", headers=CSV).status_code == 200
