"""What is read as plain rows is written as the model would write it."""

from datetime import UTC, date, datetime
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as some
from sqlmodel import SQLModel

from clinic_api.models import (
    AssignmentPublic,
    AuditEventPublic,
    DoctorPublic,
    EmergencyAccessPublic,
    PatientPublic,
    UserPublic,
)
from clinic_api.models.fields import Action, Entity, Gender, Role
from clinic_api.reading import dump
from tests.factories import assign, make_doctor, make_patient, register
from tests.models.test_fields import quick

PUBLIC = [PatientPublic, DoctorPublic, UserPublic, AssignmentPublic, AuditEventPublic, EmergencyAccessPublic]
ODD = [
    {"given_name": '"\\/\u2028', "family_name": "</script>", "address": "a\nb", "gender": "other"},
    {"given_name": "👩‍⚕️", "family_name": "", "birth_date": "2000-02-29", "deceased_date": "2020-02-29"},
    {"given_name": "ａ", "phone": "٣٣٣", "email": "josé@exämple.org", "medical_record_number": "Ÿ", "active": False},
]
NUMBERS = some.integers(-(2**53), 2**53)
ANYTHING = some.recursive(some.none() | some.booleans() | NUMBERS | some.text(), lambda inner: some.lists(inner))
KINDS: dict[Any, some.SearchStrategy[Any]] = {
    type(None): some.none(),
    int: NUMBERS,
    str: some.text(),
    bool: some.booleans(),
    date: some.dates(),
    datetime: some.datetimes(timezones=some.just(UTC)),
    list: some.lists(NUMBERS),
    dict: some.dictionaries(some.text(), some.tuples(ANYTHING, ANYTHING).map(list)),
    **{words: some.sampled_from(words) for words in (Gender, Role, Action, Entity)},
}


def values_of(annotation: Any) -> some.SearchStrategy[Any]:
    """Whatever such a field may hold."""
    kind = get_origin(annotation)
    if kind is Annotated:
        return values_of(get_args(annotation)[0])
    if kind in (Union, UnionType):
        return some.one_of([values_of(part) for part in get_args(annotation)])
    return KINDS[kind or annotation]


@pytest.mark.parametrize("public", PUBLIC)
def test_any_values_are_written_as_the_model_writes_them(public: type[SQLModel]) -> None:
    records = some.fixed_dictionaries(
        {name: values_of(field.annotation) for name, field in public.model_fields.items()}
    )

    @quick
    @given(values=records)
    def hold(values: dict[str, Any]) -> None:
        record = public.model_construct(**values)
        assert dump(public, record) == record.model_dump_json().encode()

    hold()


@pytest.mark.parametrize("values", ODD)
def test_a_patient_is_written_as_the_model_writes_it(values: dict[str, object], admin: TestClient) -> None:
    patient = make_patient(admin, **values)
    one = admin.get(f"/patients/{patient['id']}").content
    assert one == PatientPublic(**patient).model_dump_json().encode()
    assert admin.get("/patients").content == b"[" + one + b"]"


def test_each_list_is_written_as_its_model_writes_it(admin: TestClient, doctor: TestClient, doctor_id: int) -> None:
    patient = make_patient(admin)
    for other in (make_doctor(admin, phone="+49 30 123")["id"], doctor_id):
        assign(admin, other, patient["id"])
    register(admin, "x@example.org", full_name="X")
    urgent = make_patient(admin, medical_record_number="U-1", birth_date="1970-01-01")
    grant = {"medical_record_number": "U-1", "birth_date": urgent["birth_date"], "reason": "No time"}
    doctor.post("/emergency-access", json=grant).raise_for_status()
    lists: list[tuple[str, type[SQLModel]]] = [
        ("/patients", PatientPublic),
        ("/doctors", DoctorPublic),
        ("/users", UserPublic),
        ("/audit", AuditEventPublic),
        ("/emergency-access", EmergencyAccessPublic),
    ]
    for path, public in lists:
        answer = admin.get(path)
        written = [public.model_validate(record).model_dump_json().encode() for record in answer.json()]
        assert answer.content == b"[" + b",".join(written) + b"]", path
