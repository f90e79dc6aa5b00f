"""Files of patients: all rows or none, every error with its row, nothing repeated."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import URL, Engine, text
from starlette.types import Message, Receive

from clinic_api.http.bodies import MEBIBYTE
from clinic_api.models import PatientCreate, PatientPublic
from clinic_api.models.fields import BLANKS
from clinic_api.transfer import importing, record_numbers
from clinic_api.transfer.exporting import as_csv
from tests.factories import make_patient, password_of
from tests.faults.waiting import until
from tests.models.test_fields import quick
from tests.process import server, text_of
from tests.test_database import wait_until_blocked

texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=40)
KEY = {"Idempotency-Key": "a key of my own"}
BORN = "1984-02-29"
LEAVES_WITHIN = 20  # seconds


def send(client: TestClient, content: str | bytes, query: str = "", **options: Any) -> Any:
    return client.post(f"/patients/import{query}", files={"file": ("patients.csv", content)}, **options)


def sheet(*rows: dict[str, Any]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return as_csv([names, *([row.get(name) for name in names] for row in rows)]).decode()


def row(**values: Any) -> dict[str, Any]:
    return {"given_name": "José", "birth_date": BORN, **values}


def errors(answer: Any) -> list[tuple[int, str, str]]:
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    return [(error["row"], error["field"], error["code"]) for error in answer.json()["errors"]]


def count(engine: Engine, what: str = "patients") -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {what}")) or 0)


def test_a_file_becomes_patients_as_if_each_had_been_created(admin: TestClient) -> None:
    values = {
        "given_name": " José  ", "family_name": "Núñez", "birth_date": BORN, "gender": "female",
        "medical_record_number": "mrn-7", "phone": "+49 30 1234567", "email": "Nunez@Example.org",
        "address": "12 Harbour Street\nBerlin", "active": "FALSE", "deceased_date": "2020-01-31",
    }  # fmt: skip
    answer = send(admin, sheet(values))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "rows": 1, "imported": 1, "dry_run": False, "likely_duplicates": {"count": 0, "first": []},
    }  # fmt: skip
    imported = admin.get("/patients/1").json()
    created = make_patient(admin, **{**values, "active": False, "medical_record_number": "mrn-8"})
    apart = {"id", "created_at", "updated_at", "medical_record_number"}
    assert {name: imported[name] for name in imported.keys() - apart} == {
        name: created[name] for name in created.keys() - apart
    }
    for word in ("jose", "nunez", "mrn 7", "0301234567", "nunez@example"):
        assert 1 in [found["id"] for found in admin.get("/patients", params={"q": word}).json()], word


def test_what_is_left_out_or_empty_gets_its_default(admin: TestClient) -> None:
    send(admin, f"family_name;given_name;birth_date;gender;active\n;Ada;{BORN};;\n").raise_for_status()
    patient = admin.get("/patients/1").json()
    assert (patient["family_name"], patient["gender"], patient["active"]) == ("", "unknown", True)
    assert patient["medical_record_number"] == "P-000001"


def test_a_dry_run_stores_nothing(admin: TestClient, engine: Engine) -> None:
    for query in ("?dry_run", "?dry_run=true"):
        answer = send(admin, sheet(row(), row()), query)
        assert (answer.status_code, answer.json()["rows"], answer.json()["imported"]) == (200, 2, 0)
    assert (count(engine), count(engine, "audit_events WHERE action = 'import'")) == (0, 0)
    assert make_patient(admin)["medical_record_number"] == "P-000001"


def test_one_error_is_told_as_one(admin: TestClient) -> None:
    detail = send(admin, sheet(row(given_name=None))).json()["detail"]
    assert detail.startswith("There is 1 error in 1 row, so nothing was imported.")


def test_every_error_of_every_row_is_told_and_nothing_stored(admin: TestClient, engine: Engine) -> None:
    content = sheet(
        row(),
        row(birth_date="2999-01-01", phone="secret words"),
        row(given_name=None),
        row(deceased_date="1970-01-01"),
        row(gender="secret", active="perhaps"),
    )
    answer = send(admin, content)
    assert errors(answer) == [
        (3, "birth_date", "future_date"),
        (3, "phone", "phone"),
        (4, "given_name", "missing"),
        (5, "deceased_date", "before_birth"),
        (6, "gender", "enum"),
        (6, "active", "bool_type"),
    ]
    told = answer.json()
    assert (told["rows"], told["wrong_rows"], told["error_count"]) == (5, 4, 6)
    assert told["detail"].startswith("There are 6 errors in 4 rows, so nothing was imported.")
    assert "secret" not in answer.text
    assert count(engine) == 0


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [(1, "file", "empty")]),
        ("\n\n", [(1, "file", "empty")]),
        (b"\xff\xfe\0", [(1, "file", "not_utf_8")]),
        (b"given_name,birth_date\nJos\xe9,1984-02-29\n", [(2, "file", "not_utf_8")]),
        ("given_name\nJosé\n", [(1, "birth_date", "missing")]),
        (f"given_name,birth_date,{'x' * 60}\n", [(1, "x" * 40, "extra_forbidden")]),
        ("given_name,birth_date,given_name\n", [(1, "given_name", "repeated")]),
        (f"given_name,birth_date\nJosé\nJosé,{BORN},1\n", [(2, "row", "wrong_width"), (3, "row", "wrong_width")]),
        (f"given_name,birth_date,,\nJosé,{BORN},,\nJosé,{BORN},x,\n", [(3, "column", "extra_forbidden")]),
        (f"given_name,birth_date\nJo\0sé,{BORN}\n", [(2, "given_name", "control_character")]),
        (f'given_name,birth_date\nJosé,{BORN}\n"José,{BORN}\n', [(3, "file", "broken_quotes")]),
        (f"given_name,birth_date\n{'x' * 70_000},{BORN}\n", [(2, "file", "row_too_long")]),
        ("," * 1_000_000, [(1, "file", "row_too_long")]),
        (",".join("abcdefghij"), [(1, name, "extra_forbidden") for name in "abcdefghij"]),
    ],
)
def test_what_is_no_sheet_of_patients_is_refused(
    content: str | bytes, expected: list[tuple[int, str, str]], admin: TestClient, engine: Engine
) -> None:
    assert errors(send(admin, content))[: len(expected)] == expected
    assert count(engine) == 0


def test_the_first_thousand_errors_are_told_and_all_are_counted(admin: TestClient) -> None:
    answer = send(admin, sheet(*[row(phone="x", email="x", medical_record_number="a")] * 1_200))
    told = answer.json()
    assert (len(told["errors"]), told["error_count"], told["wrong_rows"]) == (1_000, 3_599, 1_200)
    assert [error["row"] for error in told["errors"][:6]] == [2, 2, 3, 3, 3, 4]


def test_a_record_number_is_borne_once(admin: TestClient, engine: Engine) -> None:
    make_patient(admin, medical_record_number="taken")
    retired = make_patient(admin, medical_record_number="free")["id"]
    admin.delete(f"/patients/{retired}").raise_for_status()
    numbers = ["new", "TAKEN", "free", "NEW", "taken"]
    answer = send(admin, sheet(*(row(medical_record_number=number) for number in numbers)))
    assert errors(answer) == [(number, "medical_record_number", "conflict") for number in (3, 5, 6)]
    assert [error["message"] for error in answer.json()["errors"]] == [
        "is another patient's already", "stands in row 2 too", "is another patient's already",
    ]  # fmt: skip
    assert count(engine) == 2


def test_a_number_that_a_wrong_row_brings_is_compared_too(admin: TestClient) -> None:
    content = sheet(row(medical_record_number="a", phone="x"), row(medical_record_number="A"))
    assert errors(send(admin, content)) == [(2, "phone", "phone"), (3, "medical_record_number", "conflict")]


def test_numbers_are_made_around_those_that_the_file_brings(admin: TestClient) -> None:
    make_patient(admin, medical_record_number="P-000002")
    given = [None, "P-000001", None, "P-000004", None, "P-999999999999"]
    send(admin, sheet(*(row(medical_record_number=number) for number in given))).raise_for_status()
    numbers = [patient["medical_record_number"] for patient in admin.get("/patients").json()][1:]
    assert [number for number in numbers if number not in given] == ["P-000005", "P-000006", "P-000007"]
    for patient in admin.get("/patients").json():
        found = admin.get("/patients", params={"q": patient["medical_record_number"]}).json()
        assert [one["id"] for one in found] == [patient["id"]]
    assert make_patient(admin)["medical_record_number"] == "P-000008"


def test_after_a_file_full_of_numbers_the_next_is_made_at_once(admin: TestClient, engine: Engine) -> None:
    content = sheet(*(row(medical_record_number=f"P-{number:06}") for number in range(1, 3_001)))
    send(admin, content).raise_for_status()
    assert make_patient(admin)["medical_record_number"] == "P-003001"


def test_who_is_likely_to_be_there_already_is_told_and_imported(admin: TestClient, engine: Engine) -> None:
    patient = make_patient(admin, given_name="José", family_name="Núñez")["id"]
    retired = make_patient(admin, given_name="Ada", family_name="Byron")["id"]
    admin.delete(f"/patients/{retired}").raise_for_status()
    rows = [
        row(given_name="JOSE", family_name="nunez"),
        row(given_name="José", family_name="Núñez", birth_date="1984-02-28"),
        row(given_name="José", family_name="Nuñezz"),
        row(given_name="Ada", family_name="Byron"),
        row(given_name="ada", family_name="byron"),
        row(given_name="'"),
        row(given_name="'"),
    ]
    answer = send(admin, sheet(*rows)).json()
    assert answer["likely_duplicates"] == {
        "count": 3,
        "first": [
            {"row": 2, "like_row": None, "patient_id": patient},
            {"row": 6, "like_row": 5, "patient_id": None},
            {"row": 8, "like_row": 7, "patient_id": None},
        ],
    }
    assert count(engine) == 9


def test_the_audit_says_who_brought_each_patient(admin: TestClient, app: FastAPI) -> None:
    send(admin, sheet(*[row()] * 1_001)).raise_for_status()
    first, second = admin.get("/audit?action=import").json()
    assert (first["entity"], first["actor_email"], first["changes"]) == (
        "patient", "admin@example.org", {"count": [None, 1_001]},
    )  # fmt: skip
    assert (len(first["entity_ids"]), second["entity_ids"], second["changes"]) == (1_000, [1_001], None)
    (event,) = admin.get("/patients/1001/access-log").json()
    assert (event["action"], event["id"]) == ("import", second["id"])


def test_a_repeat_with_a_key_imports_once_however_the_form_is_written(admin: TestClient, engine: Engine) -> None:
    content = sheet(row())
    first, again = (send(admin, content, headers=KEY) for _ in range(2))  # each form has a boundary of its own
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert count(engine) == 1
    assert errors_of_key(send(admin, sheet(row(), row()), headers=KEY)) == ["key_reused"]


def errors_of_key(answer: Any) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


def test_two_files_at_once_make_different_numbers(admin: TestClient, engine: Engine) -> None:
    content = sheet(*[row()] * 300)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: send(admin, content), range(2)))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert count(engine, "(SELECT DISTINCT medical_record_number FROM patients) AS numbers") == 600


def test_who_is_created_meanwhile_gets_none_of_the_numbers(
    admin: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    created: list[dict[str, Any]] = []
    locked = record_numbers.lock_numbers

    def lock_and_create(connection: Any) -> None:
        locked(connection)
        created.extend(make_patient(admin) for _ in range(3))

    monkeypatch.setattr("clinic_api.transfer.importing.lock_numbers", lock_and_create)
    content = sheet(row(), row(medical_record_number="P-000002"), row(medical_record_number="P-000009"), row())
    send(admin, content).raise_for_status()
    numbers = {patient["medical_record_number"] for patient in admin.get("/patients").json()}
    assert (len(created), len(numbers)) == (3, 7)
    for patient in admin.get("/patients").json():
        assert admin.get("/patients", params={"q": patient["medical_record_number"]}).json() == [patient]


def test_a_number_that_somebody_types_meanwhile_is_not_made(
    admin: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = importing.number_the_others

    def number_and_create(connection: Any) -> None:
        stored(connection)
        monkeypatch.undo()
        make_patient(admin, medical_record_number="P-000001")

    monkeypatch.setattr(importing, "number_the_others", number_and_create)
    assert send(admin, sheet(row(), row())).json()["imported"] == 2
    assert count(engine, "(SELECT DISTINCT medical_record_number FROM patients) AS numbers") == 3


def test_more_than_two_at_once_are_asked_to_wait(admin: TestClient, app: FastAPI) -> None:
    with app.state.transfers.place(), app.state.transfers.place():
        answer = send(admin, sheet(row()))
        assert (answer.status_code, answer.headers["retry-after"].isdigit()) == (503, True)
        assert admin.get("/patients").status_code == 200
    assert send(admin, sheet(row())).status_code == 200


def call(app: FastAPI, receive: Receive, *headers: tuple[bytes, bytes]) -> int:
    """The status of what a server would answer to this."""
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/patients/import", "raw_path": b"/patients/import", "root_path": "",
        "query_string": b"", "headers": [(b"host", b"clinic"), *headers], "client": ("127.0.0.1", 1), "scheme": "http",
        "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


def token(client: TestClient) -> tuple[bytes, bytes]:
    return b"authorization", client.headers["Authorization"].encode()


def test_who_leaves_imports_nothing(admin: TestClient, app: FastAPI, engine: Engine) -> None:
    form = admin.build_request("POST", "/patients/import", files={"file": ("a.csv", sheet(row()))})
    parts = [{"type": "http.request", "body": form.read()}]
    blocked, statuses = threading.Event(), []

    async def receive() -> Message:
        if parts:
            return parts.pop()
        await asyncio.to_thread(blocked.wait)
        return {"type": "http.disconnect"}

    form_type = (b"content-type", form.headers["Content-Type"].encode())
    length = (b"content-length", form.headers["Content-Length"].encode())
    calling = threading.Thread(target=lambda: statuses.append(call(app, receive, token(admin), form_type, length)))
    with engine.connect() as other:
        other.execute(text("LOCK TABLE patients"))
        calling.start()
        wait_until_blocked(engine)
        blocked.set()
        calling.join()
        other.rollback()
    assert statuses == [422]
    assert count(engine) == 0


def test_only_who_may_import_makes_the_server_read(admin: TestClient, doctor: TestClient, app: FastAPI) -> None:
    read = []

    async def receive() -> Message:
        read.append(True)
        return {"type": "http.disconnect"}

    form = [(b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"100000000")]
    assert call(app, receive, *form) == 401
    assert call(app, receive, token(doctor), *form) == 403
    assert not read
    assert call(app, receive, token(admin), *form) == 422
    assert read


def test_a_file_may_be_larger_than_other_bodies(admin: TestClient) -> None:
    content = sheet(row()) + "\n" * (2 * MEBIBYTE)
    assert send(admin, content, "?dry_run").json()["rows"] == 1
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(200 * MEBIBYTE + 1)}
    answer = admin.post("/patients/import", content=b"--x\r\n", headers=headers)
    assert (answer.status_code, "at most 200 MiB" in answer.json()["detail"]) == (413, True)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {}}, 415),
        ({"data": {"file": "given_name,birth_date"}}, 415),
        ({"files": {"other": ("a.csv", "given_name")}}, 422),
        ({"files": [("file", ("a.csv", "a")), ("file", ("b.csv", "b"))]}, 422),
        ({"files": {"file": ("a.csv", sheet(row()))}, "data": {"note": "x"}}, 422),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}}, 422),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 422),
    ],
)
def test_a_form_that_brings_no_file_is_refused(sent: dict[str, Any], status: int, admin: TestClient) -> None:
    answer = admin.post("/patients/import", **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


@quick
@given(content=some.one_of(some.binary(), some.text(some.characters(), max_size=300).map(
    lambda cells: ("given_name,birth_date,phone\n" + cells).encode(errors="surrogatepass"))))  # fmt: skip
def test_any_file_is_imported_or_refused(content: bytes, admin: TestClient) -> None:
    answer = send(admin, content, "?dry_run")
    assert answer.status_code == 200 or errors(answer)


@quick
@given(
    values=some.fixed_dictionaries(
        {
            "given_name": some.text(min_size=1, max_size=40),
            "birth_date": some.dates(date(1900, 1, 1), date(2020, 1, 1)),
        },
        optional={
            name: some.text(max_size=40) for name in ("family_name", "phone", "address", "medical_record_number")
        },
    )
)
def test_a_row_is_taken_exactly_if_it_could_be_created(values: dict[str, Any], admin: TestClient) -> None:
    try:
        PatientCreate.model_validate({name: value for name, value in values.items() if str(value).strip(BLANKS)})
        valid = True
    except ValueError:
        valid = False
    assert (send(admin, as_csv([values, values.values()]), "?dry_run").status_code == 200) == valid


def test_an_exported_clinic_is_imported_as_it_was(admin: TestClient, engine: Engine) -> None:
    for values in (
        {"given_name": "=1+1", "family_name": "'@x", "address": "-a\n\\.\n+b", "phone": "+49 30 1234567"},
        {"given_name": '"a";b', "family_name": "", "email": "josé@exämple.org", "deceased_date": "2020-02-29"},
        {"given_name": "王小明", "active": False, "gender": "other", "medical_record_number": "=X,1"},
    ):
        make_patient(admin, **values)
    before = admin.get("/patients").json()
    exported = admin.get("/patients", headers={"Accept": "text/csv"}).content
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE patients, access_log, audit_events, assignments"))
    send(admin, exported).raise_for_status()
    after = admin.get("/patients").json()
    own = PatientPublic.model_fields.keys() - PatientCreate.model_fields.keys()
    for patient in (*before, *after):
        for name in own:
            del patient[name]
    assert after == before


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_import_is_no_id(method: str, admin: TestClient) -> None:
    answer = admin.request(method, "/patients/import")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_who_closes_the_connection_imports_nothing(
    admin: TestClient, engine: Engine, database_url: URL, tmp_path: Path
) -> None:
    with server(cwd=tmp_path, ENV="test", TEST_DATABASE_URL=text_of(database_url), JWT_SECRET="x") as (address, _):
        place = httpx.URL(address)
        person = {"username": "admin@example.org", "password": password_of("admin@example.org")}
        pair = httpx.post(f"{address}/auth/login", data=person).json()
        form = admin.build_request("POST", f"{address}/patients/import", files={"file": ("a.csv", sheet(row()))})
        head = {**form.headers, "authorization": f"Bearer {pair['access_token']}"}
        lines = "\r\n".join(f"{name}: {value}" for name, value in head.items())
        with engine.connect() as other:
            other.execute(text("LOCK TABLE patients"))
            with socket.create_connection((place.host, place.port or 0)) as connection:
                connection.sendall(f"POST /patients/import HTTP/1.1\r\n{lines}\r\n\r\n".encode() + form.read())
                wait_until_blocked(engine)
            until(lambda: not blocked(engine), LEAVES_WITHIN)
            other.rollback()
        assert count(engine) == 0


def blocked(engine: Engine) -> Any:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return connection.execute(text(waiting)).scalar_one()


def test_many_born_on_one_day_are_compared_at_once(admin: TestClient) -> None:
    same = [row(given_name="Unknown", family_name="Unknown", birth_date="1900-01-01") for _ in range(2_000)]
    for number in range(2):
        report = send(admin, sheet(*same)).json()
        assert report["likely_duplicates"]["count"] == 1_999 + number
        assert report["likely_duplicates"]["first"][-1]["patient_id"] == (1 if number else None)
