from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from tests.factories import assign, make_doctor, make_patient


def test_assigning_twice_answers_alike(admin: TestClient) -> None:
    doctor_id, patient_id = make_doctor(admin)["id"], make_patient(admin)["id"]
    answers = [admin.post(f"/doctors/{doctor_id}/patients/{patient_id}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["assigned_by"] == admin.get("/auth/me").json()["id"]


def test_of_eight_at_once_one_assigns(admin: TestClient) -> None:
    doctor_id, patient_id = make_doctor(admin)["id"], make_patient(admin)["id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: admin.post(f"/doctors/{doctor_id}/patients/{patient_id}"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1


def test_unassigning_ends_what_the_doctor_sees(admin: TestClient, doctor: TestClient, doctor_id: int) -> None:
    patient_id = make_patient(admin)["id"]
    assign(admin, doctor_id, patient_id)
    for _ in range(2):
        assert admin.delete(f"/doctors/{doctor_id}/patients/{patient_id}").status_code == 204
    assert doctor.get(f"/patients/{patient_id}").status_code == 404


def test_assigning_and_unassigning_at_once_never_fails(admin: TestClient) -> None:
    path = f"/doctors/{make_doctor(admin)['id']}/patients/{make_patient(admin)['id']}"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: admin.request(["POST", "DELETE"][number % 2], path), range(200)))
    assert {answer.status_code for answer in answers} <= {200, 201, 204}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_unknown_or_retired_ones_are_not_found(method: str, admin: TestClient) -> None:
    doctor_id, patient_id = make_doctor(admin)["id"], make_patient(admin)["id"]
    retired_doctor, retired_patient = make_doctor(admin)["id"], make_patient(admin)["id"]
    admin.delete(f"/doctors/{retired_doctor}").raise_for_status()
    admin.delete(f"/patients/{retired_patient}").raise_for_status()
    for pair in [(77, patient_id), (doctor_id, 77), (retired_doctor, patient_id), (doctor_id, retired_patient)]:
        assert admin.request(method, f"/doctors/{pair[0]}/patients/{pair[1]}").status_code == 404


@pytest.mark.parametrize("inactive", ["doctor", "patient"])
def test_the_inactive_take_no_new_assignment_and_keep_the_old(inactive: str, admin: TestClient) -> None:
    doctor_id, old, new = make_doctor(admin)["id"], make_patient(admin)["id"], make_patient(admin)["id"]
    assign(admin, doctor_id, old)
    for path in [f"/doctors/{doctor_id}"] if inactive == "doctor" else [f"/patients/{old}", f"/patients/{new}"]:
        admin.patch(path, json={"active": False}).raise_for_status()
    answer = admin.post(f"/doctors/{doctor_id}/patients/{new}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "active")
    assert admin.post(f"/doctors/{doctor_id}/patients/{old}").status_code == 200
