"""From page to page by the `Link` header: nothing twice, nothing left out, whatever the order."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as some

from clinic_api.config import get_settings
from clinic_api.main import create_app
from clinic_api.models import AuditEventPublic, PatientPublic
from tests.factories import assign, make_doctor, make_patient, with_token
from tests.models.test_fields import quick

SORTS = some.lists(
    some.tuples(some.sampled_from(["", "-"]), some.sampled_from(list(PatientPublic.model_fields))).map("".join),
    min_size=1,
    max_size=4,
).map(",".join)


def walk(client: TestClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """All records of a list, page after page."""
    answer = client.get(path, params=query)
    records = page_of(answer)
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"])
        assert page_of(answer), "a next page has records"
        records += page_of(answer)
    return records


def page_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    page: list[dict[str, Any]] = answer.json()
    return page


def next_url(client: TestClient, path: str = "/patients?limit=1") -> str:
    return str(client.get(path).links["next"]["url"])


@pytest.fixture
def patients(admin: TestClient) -> list[dict[str, Any]]:
    """Some of whom share a name, a day of birth, a gender, an e-mail or the lack of one."""
    for number in range(12):
        make_patient(
            admin,
            family_name=["Núñez", "", "nunez", "Ørsted", "王"][number % 5],
            birth_date=f"19{70 + number % 3}-02-03",
            gender=["male", "other"][number % 2],
            email=[None, "a@example.org", "b@example.org"][number % 3],
            phone=[None, "123"][number % 2],
            deceased_date=[None, None, "2001-01-01", "2002-01-01"][number % 4],
            active=number % 3 > 0,
        )
    return page_of(admin.get("/patients?limit=500"))


@quick
@given(sort=SORTS, limit=some.integers(1, 5))
def test_a_walk_gives_the_whole_list_in_its_order(
    sort: str, limit: int, admin: TestClient, patients: list[dict[str, Any]]
) -> None:
    whole = page_of(admin.get("/patients", params={"sort": sort, "limit": 500}))
    assert len(whole) == len(patients)
    assert walk(admin, "/patients", sort=sort, limit=limit) == whole


@pytest.mark.parametrize("query", [{}, {"q": "nun"}, {"q": "example", "sort": "-email"}, {"gender": "other"}])
def test_a_walk_keeps_search_and_filters(
    query: dict[str, Any], admin: TestClient, patients: list[dict[str, Any]]
) -> None:
    whole = page_of(admin.get("/patients", params=query))
    assert len(whole) > 2
    assert walk(admin, "/patients", limit=2, **query) == whole


@pytest.mark.parametrize("sort", [None, "-at", "at", "entity", "-entity_id", "action,-actor_email"])
def test_the_audit_and_an_access_log_are_walked(sort: str | None, admin: TestClient, doctor: TestClient) -> None:
    patient = make_patient(admin)["id"]
    for _ in range(3):
        admin.get(f"/patients/{patient}")
        admin.get("/patients")
    admin.app.state.looks.flush()  # type: ignore[attr-defined]
    query = {"sort": sort} if sort else {}
    for path, least in [("/audit", 10), (f"/patients/{patient}/access-log", 7)]:
        whole = page_of(admin.get(path, params=query))
        assert len(whole) >= least
        assert walk(admin, path, limit=2, **query) == whole


def test_every_list_is_walked(admin: TestClient, doctor: TestClient, other_doctor: TestClient) -> None:
    patients = [make_patient(admin)["id"] for _ in range(3)]
    for doctor_id in (1, 2):
        for patient in patients:
            assign(admin, doctor_id, patient)
    for client, path in [
        (admin, "/doctors"),
        (admin, "/users"),
        (admin, "/doctors/1/patients"),
        (admin, f"/patients/{patients[0]}/doctors"),
        (doctor, "/patients"),
    ]:
        whole = page_of(client.get(path))
        assert len(whole) > 1
        assert walk(client, path, limit=1) == whole


def test_a_page_goes_on_where_the_last_one_ended_whatever_was_added_meanwhile(admin: TestClient) -> None:
    for name in ["b", "d", "f"]:
        make_patient(admin, family_name=name)
    following = next_url(admin, "/patients?limit=2&sort=family_name")
    for name in ["a", "c", "e"]:
        make_patient(admin, family_name=name)
    assert [record["family_name"] for record in page_of(admin.get(following))] == ["e", "f"]


def test_the_last_page_has_no_link(admin: TestClient) -> None:
    make_patient(admin)
    make_patient(admin)
    assert "link" not in admin.get("/patients?limit=2").headers
    assert "link" not in admin.get("/patients?offset=1&limit=1").headers
    assert "link" not in admin.get("/patients?q=nobody").headers


def test_a_total_counts_the_whole_list_on_each_page(admin: TestClient) -> None:
    for _ in range(3):
        make_patient(admin)
    following = next_url(admin, "/patients?limit=2&total=true")
    assert admin.get(following).headers["x-total-count"] == "3"


def test_an_offset_is_where_a_walk_begins(admin: TestClient) -> None:
    ids = [make_patient(admin)["id"] for _ in range(4)]
    assert [record["id"] for record in walk(admin, "/patients", offset=1, limit=2)] == ids[1:]


def test_a_cursor_tells_nothing_of_a_record(admin: TestClient) -> None:
    make_patient(admin, family_name="Secretname")
    make_patient(admin, family_name="Zz")
    first, again = (next_url(admin, "/patients?limit=1&sort=family_name") for _ in range(2))
    assert "ecretname" not in first
    assert first != again, "nor that two are the same"


SPOILED = [
    ("sort=given_name", "sort=family_name"),
    ("sort=given_name", "sort=given_name&gender=female"),
    ("sort=given_name", ""),
    ("gender=female", "gender=male"),
    ("q=a", "q=ab"),
    ("", "active=true"),
]


@pytest.mark.parametrize(("made_for", "used_for"), SPOILED)
def test_a_cursor_is_good_for_its_filter_and_sort_alone(made_for: str, used_for: str, admin: TestClient) -> None:
    for name in ("ab", "ac"):
        make_patient(admin, given_name=name, gender="female")
    cursor = next_url(admin, f"/patients?limit=1&{made_for}").partition("cursor=")[2]
    refused(admin.get(f"/patients?{used_for}&cursor={cursor}"))
    assert admin.get(f"/patients?{made_for}&limit=7&cursor={cursor}").status_code == 200


def test_a_cursor_is_good_for_its_list_and_person_alone(
    admin: TestClient, doctor: TestClient, doctor_id: int, other_doctor: TestClient
) -> None:
    for _ in range(2):
        assign(admin, doctor_id, make_patient(admin)["id"])
    cursor = next_url(doctor).partition("cursor=")[2]
    refused(admin.get(f"/patients?cursor={cursor}"))
    refused(other_doctor.get(f"/patients?cursor={cursor}"))
    refused(doctor.get(f"/doctors/{doctor_id}/patients?cursor={cursor}"))
    assert len(page_of(doctor.get(f"/patients?cursor={cursor}"))) == 1


@pytest.mark.parametrize(
    "cursor", ["", "x", "AAAA", "ä", "%00", "A" * 100, "A" * 4001, "../", "eyJpZCI6MX0=", "-", "=="]
)
def test_what_is_no_cursor_is_refused(cursor: str, admin: TestClient) -> None:
    refused(admin.get(f"/patients?cursor={cursor}"))


def test_a_spoiled_cursor_is_refused(admin: TestClient) -> None:
    for _ in range(2):
        make_patient(admin)
    url = next_url(admin)
    refused(admin.get(url[:-8] + ("A" if url[-8] != "A" else "B") + url[-7:]))
    refused(admin.get(f"{url}&offset=1"), "offset")
    for spelling in (f"{url}=", f"{url}==", *(url[:-1] + last for last in "ABCDwxyz-_" if last != url[-1])):
        refused(admin.get(spelling))


def refused(answer: Any, field: str = "cursor") -> None:
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("settings", "headers", "begins"),
    [
        ({}, {"host": "clinic.example:8080"}, "http://clinic.example:8080/patients?"),
        ({"root_path": "/api"}, {"host": "h"}, "http://h/api/patients?"),
        ({"public_url": "https://x.example/y"}, {"host": "h"}, "https://x.example/y/patients?"),
        ({"public_url": "https://x.example/y", "root_path": "/z"}, {"host": "h"}, "https://x.example/y/patients?"),
    ],
)
def test_the_next_address_is_absolute(
    settings: dict[str, str], headers: dict[str, str], begins: str, admin: TestClient
) -> None:
    for _ in range(2):
        make_patient(admin)
    with TestClient(create_app(get_settings().model_copy(update=settings))) as client:
        reader = with_token(client, admin.headers["authorization"].removeprefix("Bearer "))
        answer = reader.get("/patients?limit=1", headers=headers)
        assert answer.links["next"]["url"].startswith(begins)


def test_the_next_address_keeps_what_was_asked_for(admin: TestClient) -> None:
    for _ in range(2):
        make_patient(admin, family_name="a b&c=d")
    url = next_url(admin, "/patients?limit=1&offset=0&total=true&sort=-id&q=a%20b%26c")
    assert "q=a+b%26c" in url
    assert "offset" not in url
    assert len(page_of(admin.get(url))) == 1


def test_all_fields_of_the_audit_but_those_of_several_values_can_be_sorted_by(admin: TestClient) -> None:
    for field in ("changes", "-entity_ids"):
        refused(admin.get(f"/audit?sort={field}"), "sort")
    for field in AuditEventPublic.model_fields.keys() - {"changes", "entity_ids"}:
        assert walk(admin, "/audit", sort=f"-{field}", limit=1) == page_of(admin.get(f"/audit?sort=-{field}"))


def test_the_cursor_of_the_longest_values_is_taken(admin: TestClient) -> None:
    longest = {"given_name": "王" * 100, "family_name": "王" * 100, "address": "王" * 300, "phone": "1" * 40}
    longest |= {"email": f"{'ö' * 50}@{'ü' * 30}.example", "medical_record_number": "王" * 40}
    make_patient(admin, **longest)
    make_patient(admin, **(longest | {"medical_record_number": "X"}))
    following = next_url(admin, "/patients?limit=1&sort=" + ",".join(PatientPublic.model_fields))
    assert len(page_of(admin.get(following))) == 1


def test_who_has_become_another_begins_anew(admin: TestClient, doctor: TestClient, doctor_id: int) -> None:
    for _ in range(2):
        assign(admin, doctor_id, make_patient(admin)["id"])
    other = make_doctor(admin)["id"]
    account = doctor.get("/auth/me").json()["id"]
    following = next_url(doctor)
    admin.patch(f"/users/{account}", json={"doctor_id": other}).raise_for_status()
    refused(doctor.get(following))
    admin.patch(f"/users/{account}", json={"doctor_id": None, "role": "ADMIN"}).raise_for_status()
    refused(doctor.get(following))
    following = next_url(doctor)
    admin.patch(f"/users/{account}", json={"doctor_id": doctor_id, "role": "DOCTOR"}).raise_for_status()
    refused(doctor.get(following))
