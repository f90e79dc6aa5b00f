import pytest
from fastapi.testclient import TestClient

from tests.factories import assign, doctor_body, make_doctor, make_patient, signed_in


@pytest.mark.parametrize(("field", "value"), [("email", "ADA@example.org"), ("license_number", "md-1")])
def test_email_and_licence_are_one_doctors_own(field: str, value: str, admin: TestClient) -> None:
    make_doctor(admin, email="ada@example.org", license_number="MD-1")
    answer = admin.post("/doctors", json=doctor_body(**{field: value}))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, field)
    other = make_doctor(admin)
    assert admin.patch(f"/doctors/{other['id']}", json={field: value}).status_code == 409


def test_doctors_without_a_licence_do_not_clash(admin: TestClient) -> None:
    for _ in range(2):
        assert make_doctor(admin, license_number=" ")["license_number"] is None


def test_put_replaces_and_patch_changes(admin: TestClient) -> None:
    doctor = make_doctor(admin, phone="+49 30 123", license_number="MD-1")
    path = f"/doctors/{doctor['id']}"
    patched = admin.patch(path, json={"specialty": "Surgery"}).json()
    assert (patched["specialty"], patched["phone"], patched["version"]) == ("Surgery", "+49 30 123", 2)
    replaced = admin.put(path, json=doctor_body()).json()
    assert (replaced["phone"], replaced["license_number"], replaced["version"]) == (None, None, 3)


def test_a_patch_that_changes_nothing_keeps_the_version(admin: TestClient) -> None:
    doctor = make_doctor(admin)
    assert admin.patch(f"/doctors/{doctor['id']}", json={}).json() == doctor


def test_retiring_a_doctor_says_who_is_left_alone(admin: TestClient) -> None:
    leaves, stays = make_doctor(admin)["id"], make_doctor(admin)["id"]
    alone, shared, gone = (make_patient(admin)["id"] for _ in range(3))
    for doctor_id, patient_id in [(leaves, alone), (leaves, shared), (stays, shared), (leaves, gone)]:
        assign(admin, doctor_id, patient_id)
    admin.delete(f"/patients/{gone}").raise_for_status()
    answer = admin.delete(f"/doctors/{leaves}")
    assert (answer.status_code, answer.headers["x-unassigned-patients"]) == (204, "1")


def test_a_retired_doctor_is_signed_out_and_restored_with_everything(
    admin: TestClient, doctor: TestClient, doctor_id: int
) -> None:
    assign(admin, doctor_id, make_patient(admin)["id"])
    admin.delete(f"/doctors/{doctor_id}").raise_for_status()
    assert doctor.get("/patients").status_code == 401
    assert admin.get(f"/doctors/{doctor_id}").status_code == 404
    assert [gone["id"] for gone in admin.get("/doctors", params={"retired": True}).json()] == [doctor_id]
    admin.post(f"/doctors/{doctor_id}/restore").raise_for_status()
    assert len(signed_in(admin, "ada@example.org").get("/patients").json()) == 1


def test_a_retired_doctors_email_is_free(admin: TestClient) -> None:
    doctor = make_doctor(admin, email="ada@example.org")
    admin.delete(f"/doctors/{doctor['id']}").raise_for_status()
    make_doctor(admin, email="ada@example.org")
    assert admin.post(f"/doctors/{doctor['id']}/restore").status_code == 409


@pytest.mark.parametrize(
    ("query", "count"), [({}, 2), ({"specialty": "Surgery"}, 1), ({"active": False}, 1), ({"q": "surg"}, 0)]
)
def test_doctors_are_filtered(query: dict[str, object], count: int, admin: TestClient) -> None:
    make_doctor(admin, specialty="Surgery")
    make_doctor(admin, active=False)
    assert len(admin.get("/doctors", params=query).json()) == count
