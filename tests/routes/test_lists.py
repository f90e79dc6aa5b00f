"""What holds for every list: pages, order, totals, filters and search."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from tests.factories import assign, make_doctor, make_patient

LETTERS = "abcdefghijklmnopqrstuvwxyzαβγδεζηθικλμνξοπρστυφχψω"


def names(client: TestClient, path: str = "/patients", **query: Any) -> list[str]:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [record["given_name"] for record in answer.json()]


def test_pages_follow_one_another(admin: TestClient) -> None:
    for name in "abcde":
        make_patient(admin, given_name=name)
    assert names(admin) == list("abcde")
    assert names(admin, limit=2) == ["a", "b"]
    assert names(admin, limit=2, offset=4) == ["e"]
    assert names(admin, offset=5) == []


@pytest.mark.parametrize(
    ("query", "total"),
    [({}, "3"), ({"limit": 1, "offset": 1}, "3"), ({"offset": 9}, "3"), ({"q": "b"}, "1"), ({"q": "x"}, "0")],
)
def test_the_total_is_counted_when_asked_for(query: dict[str, Any], total: str, admin: TestClient) -> None:
    for name in "abc":
        make_patient(admin, given_name=name, family_name="")
    assert admin.get("/patients", params=query | {"total": True}).headers["x-total-count"] == total
    assert "x-total-count" not in admin.get("/patients", params=query).headers


def test_lists_are_sorted_by_several_fields_and_then_by_id(admin: TestClient) -> None:
    for given, family in [("a", "Z"), ("b", "Y"), ("c", "Z"), ("d", "Y")]:
        make_patient(admin, given_name=given, family_name=family)
    assert names(admin, sort="family_name") == ["b", "d", "a", "c"]
    assert names(admin, sort="-family_name") == ["a", "c", "b", "d"]
    assert names(admin, sort="family_name, -given_name") == ["d", "b", "c", "a"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=",
        "limit=1e3",
        "offset=-1",
        "offset=10001",
        "sort=nothing",
        "sort=,",
        "sort=hashed_password",
        "sort=search_words",
        "sort=id;drop",
        "total=maybe",
        "active=2",
        "birth_date=1984",
        "gender=x",
        "doctor_id=0",
        "doctor_id=99999999999999999999",
        "unassigned=x",
        "q=%00",
        f"q={'x' * 101}",
        "page=2",
        "limit=1&limit=2",
        "limit=1_0",
        "offset=01",
    ],
)
def test_a_wrong_parameter_is_named(query: str, admin: TestClient) -> None:
    answer = admin.get(f"/patients?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


def test_patients_are_filtered(admin: TestClient) -> None:
    doctor_id = make_doctor(admin)["id"]
    cared_for = make_patient(admin, given_name="a", gender="female", birth_date="1970-01-01", active=True)["id"]
    make_patient(admin, given_name="b", gender="male", birth_date="1980-01-01", active=False)
    assign(admin, doctor_id, cared_for)
    assert names(admin, gender="female") == ["a"]
    assert names(admin, birth_date="1980-01-01") == ["b"]
    assert names(admin, active=False) == ["b"]
    assert names(admin, doctor_id=doctor_id) == ["a"]
    assert names(admin, doctor_id=77) == []
    assert names(admin, unassigned=True) == ["b"]
    assert names(admin, unassigned=False) == ["a"]
    admin.delete(f"/doctors/{doctor_id}").raise_for_status()
    assert names(admin, unassigned=True) == ["a", "b"]
    assert names(admin, doctor_id=doctor_id) == []


FINDS = [
    ({"given_name": "José", "family_name": "Núñez"}, ["nun jos", "JOSE", "núñez", "  jos  "], ["unez", "jose x"]),
    ({"family_name": "O'Brien"}, ["o'brien", "obrien", "brien", "O’Brien"], ["rien"]),
    ({"given_name": "Łukasz"}, ["lukasz", "ŁUK"], []),
    ({"family_name": "Straße"}, ["strasse", "straße"], []),
    ({"given_name": "Ελένη"}, ["ελενη"], []),
    ({"given_name": "王小明"}, ["王"], ["明"]),
    ({"given_name": "محمد"}, ["محمد", "مُحَمَّد"], []),
    ({"email": "jose.nunez@example.org"}, ["jose.nunez@example.org", "nunez exam"], ["ample"]),
    ({"medical_record_number": "P-000123"}, ["P-000123", "000123", "123", "p-0001"], ["23"]),
    ({"phone": "+49 30 1234567"}, ["+49 30 1234", "030 1234", "0301234", "1234567", "(030) 12-34"], ["234567"]),
    ({"family_name": "100%_x"}, ["100"], ["%", "_", "%%", "\\", "' OR 1=1 --"]),
]


@pytest.mark.parametrize(("who", "found_by", "not_found_by"), FINDS)
def test_search_finds_words_by_their_beginning(
    who: dict[str, str], found_by: list[str], not_found_by: list[str], admin: TestClient
) -> None:
    nobody = {"given_name": "Zz", "family_name": "Zz", "medical_record_number": "ZZ"}
    patient = make_patient(admin, **(nobody | who))
    make_patient(admin, **(nobody | {"medical_record_number": "ZY"}))
    for typed in found_by:
        assert [found["id"] for found in admin.get("/patients", params={"q": typed}).json()] == [patient["id"]], typed
    for typed in not_found_by:
        assert admin.get("/patients", params={"q": typed}).json() == [], typed


def test_search_puts_whole_words_first_and_then_the_older(admin: TestClient) -> None:
    for name in ["Annabel", "Anna", "Ann", "Anna"]:
        make_patient(admin, given_name=name, family_name="")
    answer = admin.get("/patients", params={"q": "ann"}).json()
    assert [(found["given_name"], found["id"]) for found in answer] == [
        ("Ann", 3),
        ("Anna", 2),
        ("Anna", 4),
        ("Annabel", 1),
    ]
    assert names(admin, q="ann", sort="-id") == ["Anna", "Ann", "Anna", "Annabel"]


def test_a_new_kind_of_search_may_be_asked_by_many_at_once(admin: TestClient) -> None:
    with ThreadPoolExecutor(8) as many:
        for count in range(2, 12):
            query = f"/patients?active=true&q={'+'.join('abcdefghijkl'[:count])}"
            assert {answer.status_code for answer in many.map(admin.get, [query] * 8)} == {200}


def test_more_kinds_of_search_than_are_kept_are_answered(admin: TestClient) -> None:
    kinds = [
        f"/patients?q={'+'.join(LETTERS[:count])}{more}" for count in range(1, 45) for more in ("", "&gender=other")
    ]
    assert {admin.get(kind).status_code for kind in kinds * 2} == {200}


def test_search_follows_a_change(admin: TestClient) -> None:
    patient = make_patient(admin, given_name="Before")
    admin.patch(f"/patients/{patient['id']}", json={"given_name": "After"}).raise_for_status()
    assert (names(admin, q="before"), names(admin, q="after")) == ([], ["After"])


def test_a_doctor_searches_among_their_own(admin: TestClient, doctor: TestClient, doctor_id: int) -> None:
    mine = make_patient(admin, given_name="Anna")["id"]
    make_patient(admin, given_name="Anna")
    assign(admin, doctor_id, mine)
    assert [found["id"] for found in doctor.get("/patients", params={"q": "ann"}).json()] == [mine]


@pytest.mark.parametrize(
    "path",
    [
        "/patients",
        "/patients?limit=500&q=jos&sort=family_name&total=true",
        "/patients/1",
        "/patients/1/doctors?total=true",
        "/doctors",
        "/doctors/1",
        "/doctors/1/patients?limit=500&total=true",
        "/doctors/2/patients?total=true",
        "/auth/me",
        "/patients/77",
    ],
)
def test_a_read_takes_three_statements_at_most(path: str, admin: TestClient, doctor: TestClient) -> None:
    make_doctor(admin)
    for _ in range(3):
        assign(admin, 1, make_patient(admin)["id"])
    statements: list[str] = []
    engine: Engine = admin.app.state.engine  # type: ignore[attr-defined]

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        admin.get(path)
        taken = len(statements)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert 1 <= taken <= 3
    assert "hashed_password" not in " ".join(statements)
