"""Whatever is asked and however it is found: the same patients in the same order as if each had been looked at."""

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from threading import Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from clinic_api.models import Assignment, Doctor, Patient, PatientPublic, PatientQuery, Role, User
from clinic_api.models.fields import Gender
from clinic_api.reading import read_page
from clinic_api.search import typed_words
from clinic_api.services.care import patients_matching
from clinic_api.services.sessions import Caller
from tests.factories import assign, make_doctor, make_patient
from tests.test_database import wait_until_blocked

ADMIN = Caller(1, Role.ADMIN, None, "admin@example.org", 1)
DOCTOR = Caller(2, Role.DOCTOR, 1, "doctor@example.org", 2)
TIED_TO_NONE = Caller(3, Role.DOCTOR, None, "nobody@example.org", 3)
NOW = datetime.now(UTC)
GIVEN = ["Anna", "Anna", "Annabel", "José", "王小明", "Ann", "Aoife", "محمد"]
FAMILY = ["Smith", "García", "Smithers", "O'Brien", "Anna", "", "Nguyễn"]


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        fill(session, random.Random(7))
        session.commit()
        session.connection().execute(text("ANALYZE patients, patient_words, assignments, unassigned_patients"))
        yield session


def fill(session: Session, dice: random.Random) -> None:
    account: dict[str, Any] = {"email": "admin@example.org", "role": Role.ADMIN, "hashed_password": ""}
    session.add(User(**account))
    for number in range(1, 5):
        doctor: dict[str, Any] = {
            "given_name": "A",
            "family_name": "B",
            "specialty": "C",
            "email": f"{number}@example.org",
        }
        session.add(Doctor(**doctor, retired_at=NOW if number == 4 else None))
    for number in range(400):
        patient: dict[str, Any] = {
            "given_name": dice.choice(GIVEN),
            "family_name": dice.choice(FAMILY),
            "birth_date": date(1900 if number in BORN_ALONE else 1950 + dice.randrange(60), 1, 1),
            "gender": dice.choice(list(Gender)),
            "active": dice.random() > 0.3,
            "phone": dice.choice([None, "030 123", "0049 30"]),
            "email": dice.choice([None, "anna.smith@example.org"]),
            "retired_at": NOW if dice.random() < 0.05 else None,
        }
        session.add(Patient(**patient))
    session.flush()
    for patient_id, doctor_id in product(range(1, 401), range(1, 5)):
        if dice.random() < 0.2:
            session.add(Assignment(doctor_id=doctor_id, patient_id=patient_id, assigned_by=1, **dice.choice(ENDS)))


BORN_ALONE = (17, 217)  # on a day that is rare enough to be looked up where an order is wanted
ENDS: list[dict[str, Any]] = [
    {},
    {},
    {"reason": "x", "expires_at": NOW + timedelta(hours=1)},
    {"reason": "x", "expires_at": NOW - timedelta(hours=1)},
]
TYPED = [
    None,
    "a",
    "ann",
    "anna",
    "smith",
    "smith anna",
    "anna smith",
    "zz",
    "p 7",
    "030",
    "000012",
    "王",
    "a e p",
    "ann anna a",
    "anna ann smithers smith",
    "-",
]
ASKED: list[dict[str, Any]] = [
    {},
    {"gender": "other"},
    {"active": False},
    {"birth_date": "1960-01-01"},
    {"birth_date": "1900-01-01"},
    {"doctor_id": 1},
    {"doctor_id": 2},
    {"doctor_id": 4},
    {"unassigned": True},
    {"unassigned": False},
    {"active": True, "gender": "female"},
    {"doctor_id": 3, "active": True},
    {"unassigned": True, "active": False},
    {"unassigned": True, "doctor_id": 1},
]
SORTS = [None, "-birth_date"]


@pytest.mark.parametrize(
    ("who", "retired"), [(ADMIN, False), (ADMIN, True), (DOCTOR, False), (TIED_TO_NONE, False)], ids=str
)
def test_each_way_of_finding_finds_the_same_as_looking_at_each_patient(
    who: Caller, retired: bool, session: Session
) -> None:
    connection = session.connection()
    patients = session.exec(select(Patient).order_by("id")).all()
    doctors = doctors_by_patient(session)
    for typed, asked, sort in product(TYPED, ASKED, SORTS):
        query = PatientQuery(q=typed, sort=sort, retired=retired, limit=500, total=True, **asked)
        page = read_page(connection, PatientPublic, patients_matching(connection, who, query), query)
        expected = [patient for patient in patients if is_wanted(patient, query, who, doctors[patient.id])]
        wanted = [patient.id for patient in sorted(expected, key=lambda patient: place(patient, query))]
        assert (page.ids, page.length) == (wanted, len(wanted)), query


def doctors_by_patient(session: Session) -> dict[int, set[int]]:
    doctors: dict[int, set[int]] = defaultdict(set)
    for link in session.exec(select(Assignment).where(Assignment.doctor_id != 4)):
        if link.expires_at is None or link.expires_at > NOW:
            doctors[link.patient_id].add(link.doctor_id)
    return doctors


def is_wanted(patient: Patient, query: PatientQuery, who: Caller, doctors: set[int]) -> bool:
    return all(
        [
            (patient.retired_at is not None) == query.retired,
            who.is_admin or who.doctor_id in doctors,
            query.gender in (None, patient.gender),
            query.active in (None, patient.active),
            query.birth_date in (None, patient.birth_date),
            query.doctor_id is None or query.doctor_id in doctors,
            query.unassigned in (None, not doctors),
            query.q is None or all(matches(patient, word) for word in cut_apart(query.q) or ["nothing"]),
        ]
    )


def cut_apart(typed: str) -> list[str]:
    """Each word by itself, so that none is left out for another's sake."""
    return [word for part in typed.split() for word in typed_words(part)]


def matches(patient: Patient, word: str) -> list[str]:
    return [stored for stored in patient.search_words.split() if stored.startswith(word)]


def place(patient: Patient, query: PatientQuery) -> tuple[Any, ...]:
    if query.sort is not None:
        return -patient.birth_date.toordinal(), patient.id
    return (matches(patient, typed_words(query.q)[0])[0] if query.q else "", patient.id)


def kept(engine: Engine) -> tuple[set[tuple[int, str]], set[int]]:
    """The words and the unassigned patients, as triggers keep them."""
    with engine.connect() as connection:
        words = connection.execute(text("SELECT patient_id, word FROM patient_words")).all()
        alone = connection.execute(text("SELECT patient_id FROM unassigned_patients")).scalars()
        return {(row[0], row[1]) for row in words}, set(alone)


def due(engine: Engine) -> tuple[set[tuple[int, str]], set[int]]:
    """The same, counted anew."""
    with Session(engine) as session:
        patients = session.exec(select(Patient)).all()
        lasting = select(Assignment.patient_id).join(Doctor).where(col(Assignment.expires_at).is_(None))
        assigned = session.exec(lasting.where(col(Doctor.retired_at).is_(None))).all()
        words = {(one.id, word) for one in patients if one.retired_at is None for word in one.search_words.split()}
        return words, {one.id for one in patients} - set(assigned)


def test_what_is_kept_for_finding_is_what_is_due(session: Session, engine: Engine) -> None:
    assert kept(engine) == due(engine)


def test_what_is_kept_for_finding_follows_each_change(admin: TestClient, engine: Engine) -> None:
    first, second = (make_doctor(admin)["id"] for _ in range(2))
    one, other = (make_patient(admin, phone="0049 30 12")["id"] for _ in range(2))
    for method, path, body in [
        ("PATCH", f"/patients/{one}", {"given_name": "Zoë", "phone": None}),
        ("POST", f"/doctors/{first}/patients/{one}", None),
        ("POST", f"/doctors/{second}/patients/{one}", None),
        ("POST", f"/doctors/{second}/patients/{other}", None),
        ("DELETE", f"/doctors/{first}/patients/{one}", None),
        ("DELETE", f"/doctors/{second}", None),
        ("DELETE", f"/patients/{one}", None),
        ("PATCH", f"/patients/{other}", {"family_name": "Of None"}),
        ("POST", f"/patients/{one}/restore", None),
        ("POST", f"/doctors/{second}/restore", None),
        ("DELETE", f"/doctors/{second}/patients/{other}", None),
    ]:
        assert admin.request(method, path, json=body).is_success
        assert kept(engine) == due(engine), (method, path)


def test_many_rows_in_one_statement_are_kept_too(session: Session, engine: Engine) -> None:
    for command in [
        "UPDATE patients SET search_words = ' x y' || id WHERE id < 100",
        "UPDATE patients SET retired_at = now() WHERE id < 50",
        "UPDATE doctors SET retired_at = CASE WHEN id = 1 THEN now() END",
        "UPDATE assignments SET reason = NULL, expires_at = NULL WHERE doctor_id = 2",
        "DELETE FROM assignments WHERE doctor_id = 3 OR patient_id < 10",
        "DELETE FROM patients WHERE id < 10",
        """UPDATE assignments SET patient_id = alone FROM (
            SELECT min(patient_id) AS alone FROM unassigned_patients
        ) AS free WHERE doctor_id = 2 AND patient_id = (SELECT min(patient_id) FROM assignments WHERE doctor_id = 2)""",
        "TRUNCATE assignments",
        "TRUNCATE patients CASCADE",
    ]:
        session.connection().execute(text(command))
        session.commit()
        assert kept(engine) == due(engine), command


def test_who_loses_the_last_two_doctors_at_once_is_unassigned(admin: TestClient, engine: Engine) -> None:
    first, second = (make_doctor(admin)["id"] for _ in range(2))
    patient_id = make_patient(admin)["id"]
    assign(admin, first, patient_id)
    assign(admin, second, patient_id)
    at_once(
        engine,
        f"DELETE FROM assignments WHERE doctor_id = {first}",
        f"UPDATE doctors SET retired_at = now() WHERE id = {second}",
    )
    assert kept(engine)[1] == {patient_id}


def test_who_gets_a_doctor_while_losing_another_is_assigned(admin: TestClient, engine: Engine) -> None:
    first, second = (make_doctor(admin)["id"] for _ in range(2))
    patient_id = make_patient(admin)["id"]
    assign(admin, first, patient_id)
    at_once(
        engine,
        f"DELETE FROM assignments WHERE doctor_id = {first}",
        f"INSERT INTO assignments (doctor_id, patient_id, assigned_by) VALUES ({second}, {patient_id}, 1)",
    )
    assert kept(engine)[1] == set()


def at_once(engine: Engine, sooner: str, later: str) -> None:
    """The second begins before the first is committed, and waits for it."""

    def do_later() -> None:
        with engine.begin() as connection:
            connection.execute(text(later))

    thread = Thread(target=do_later)
    with engine.begin() as connection:
        connection.execute(text(sooner))
        thread.start()
        wait_until_blocked(engine)
    thread.join()
