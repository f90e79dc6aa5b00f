"""What is read as plain rows is written as the model would write it."""

import pytest
from fastapi.testclient import TestClient

from clinic_api.models import DoctorPublic, PatientPublic, UserPublic
from tests.factories import make_doctor, make_patient, register

ODD = [
    {"given_name": '"\\/\u2028', "family_name": "</script>", "address": "a\nb", "gender": "other"},
    {"given_name": "👩‍⚕️", "family_name": "", "birth_date": "2000-02-29", "deceased_date": "2020-02-29"},
    {"given_name": "ａ", "phone": "٣٣٣", "email": "josé@exämple.org", "medical_record_number": "Ÿ", "active": False},
]


@pytest.mark.parametrize("values", ODD)
def test_a_patient_is_written_as_the_model_writes_it(values: dict[str, object], admin: TestClient) -> None:
    patient = make_patient(admin, **values)
    one = admin.get(f"/patients/{patient['id']}").content
    assert one == PatientPublic(**patient).model_dump_json().encode()
    assert admin.get("/patients").content == b"[" + one + b"]"


def test_a_doctor_and_an_account_are_written_as_the_model_writes_them(admin: TestClient) -> None:
    doctor = make_doctor(admin, phone="+49 30 123")
    assert admin.get(f"/doctors/{doctor['id']}").content == DoctorPublic(**doctor).model_dump_json().encode()
    account = register(admin, "x@example.org", full_name="X")
    assert account["full_name"] == "X"
    me = admin.get("/auth/me")
    assert me.content == UserPublic(**me.json()).model_dump_json().encode()
