"""Invented people: plausible, in many scripts, and none of those who are there is harmed."""

import json
import unicodedata
from collections import Counter
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, text

from clinic_api.models import DoctorCreate, PatientCreate
from clinic_api.search import stored_words
from clinic_api.transfer.seeding import doctors, patients
from tests.factories import make_doctor, make_patient
from tests.process import run, text_of
from tests.terminal import on_terminal

PEOPLE = list(islice(patients(Random(1)), 20_000))
SCRIPTS = {"LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "HANGUL", "DEVANAGARI"}


def test_they_are_what_could_be_typed() -> None:
    for values in PEOPLE[:2_000]:
        assert values.items() <= PatientCreate(**values).model_dump().items()
    for values in islice(doctors(Random(1), 1), 200):
        assert values.items() <= DoctorCreate(**values).model_dump().items()


def test_one_in_twenty_bears_the_commonest_family_name() -> None:
    (_, times), *rest = Counter(values["family_name"] for values in PEOPLE).most_common()
    assert 0.04 < times / len(PEOPLE) < 0.06
    assert sum(times == 1 for _, times in rest) > 500


def test_they_write_their_names_in_many_scripts() -> None:
    letters = {letter for values in PEOPLE for letter in values["given_name"] + values["family_name"]}
    assert {unicodedata.name(letter).partition(" ")[0] for letter in letters} >= SCRIPTS


def test_a_seed_makes_the_same_people_and_another_one_others() -> None:
    assert list(islice(patients(Random(1)), 100)) == PEOPLE[:100]
    assert next(patients(Random(2))) != PEOPLE[0]


def test_they_die_after_they_are_born_and_before_the_last_day() -> None:
    for values in PEOPLE:
        days = [values["birth_date"], values["deceased_date"] or date(2025, 12, 31), date(2025, 12, 31)]
        assert days == sorted(days)


@pytest.fixture
def settings(database_url: URL) -> dict[str, str]:
    return {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}


def test_seed_adds_and_leaves_what_is_there(
    admin: TestClient, engine: Engine, tmp_path: Path, settings: dict[str, str]
) -> None:
    doctor = make_doctor(admin)
    patient = make_patient(admin, medical_record_number="P-000010")
    for _ in range(2):
        done = run("clinic_api", "seed", "--patients", "400", "--doctors", "5", cwd=tmp_path, **settings)
        assert (done.returncode, "Added 400 patients, 5 doctors and" in done.stdout) == (0, True), done.stderr
    assert admin.get(f"/patients/{patient['id']}").json() == patient
    assert admin.get(f"/doctors/{doctor['id']}").json() == doctor
    with engine.connect() as connection:
        count = "SELECT (SELECT count(*) FROM patients), (SELECT count(*) FROM doctors), count(*) FROM assignments"
        patient_count, doctor_count, links = connection.execute(text(count)).one()
    assert (patient_count, doctor_count) == (801, 11)
    assert 700 < links < 900


def test_who_was_invented_is_found_and_assigned(
    admin: TestClient, engine: Engine, tmp_path: Path, settings: dict[str, str]
) -> None:
    run("clinic_api", "seed", "--patients", "50", "--doctors", "1", cwd=tmp_path, **settings)
    assert len(admin.get("/doctors/1/patients").json()) > 30
    found = admin.get("/patients", params={"q": "garcia"}).json()
    assert found
    assert all("García" in patient["family_name"] for patient in found)
    with engine.connect() as connection:
        names = "given_name, family_name, medical_record_number, email, phone"
        for words, *values in connection.execute(text(f"SELECT search_words, {names} FROM patients")):
            assert words == stored_words(*values)


def test_without_an_administrator_nobody_is_assigned(
    database_url: URL, tmp_path: Path, settings: dict[str, str]
) -> None:
    done = run("clinic_api", "seed", "--patients", "5", cwd=tmp_path, **settings)
    assert "Added 5 patients, 1 doctor and 0 assignments" in done.stdout, done.stderr


def test_a_terminal_shows_the_share_that_is_done(database_url: URL, tmp_path: Path, settings: dict[str, str]) -> None:
    command = ("clinic_api", "seed", "--patients", "2000")
    with on_terminal(*command, cwd=tmp_path, settings=settings) as terminal:
        for shown in ("Making patients: 2,000 of 2,000", "100%", "Added 2,000 patients"):
            terminal.wait_for(shown)
        assert terminal.status() == 0


def test_scripts_read_how_many_were_invented(database_url: URL, tmp_path: Path, settings: dict[str, str]) -> None:
    done = run("clinic_api", "seed", "--patients", "5", "--json", cwd=tmp_path, **settings)
    told = json.loads(done.stdout)
    assert (told["patients"], told["doctors"], told["assignments"]) == (5, 1, 0)


def test_production_takes_nobody_invented(database_url: URL, tmp_path: Path) -> None:
    settings = {"ENV": "prod", "DATABASE_URL": text_of(database_url), "JWT_SECRET": "Vh8-3kq_Zr1xTnB5mWcQ7yLdPf0sGjKe"}
    done = run("clinic_api", "seed", "--patients", "5", cwd=tmp_path, **settings)
    assert (done.returncode, "ENV=prod holds real patients" in done.stderr) == (1, True)
