"""Every search and every filter goes along an index: what PostgreSQL does with the statements that are really sent.

The clinic of these tests is small for their sake; what is rare in it, and what is common, is so as in a large one.
"""

import io
import random
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, NullPool, create_engine, event, text

from clinic_api import migrations
from clinic_api.config import get_settings
from clinic_api.main import create_app
from clinic_api.search import stored_words
from tests.conftest import database_beside
from tests.factories import register, signed_in

PATIENTS, DOCTORS = 30_000, 60
READ = ("patients", "patient_words", "assignments", "unassigned_patients")
SYLLABLES = [first + second for first in "bdfghklmnprstvwz" for second in "aeiou"]


class Most(NamedTuple):
    """What one part of a plan may read: rows of a table, and entries of an index alone, such as ids to intersect."""

    rows: int
    entries: int


PAGE = 51  # one more tells whether another page follows
SHOWN = Most(2 * PAGE, 2 * PAGE)
SORTED = Most(15 * PAGE, 15 * PAGE)  # a doctor's whole panel, or ten patients for each who is unassigned
MANY = PATIENTS // 10  # the largest set that `found_patients` looks up where nothing is rare
BY_A_WORD = Most(6 * PAGE, MANY)  # of a rare word, value or panel all are looked at
BY_WORDS = Most(MANY, MANY)  # all who are to be sorted, or those along a word who lack the others


@pytest.fixture(scope="module")
def large(database_url: URL) -> Iterator[FastAPI]:
    with database_beside(database_url, "large") as url:
        migrations.upgrade(url)
        fill(url)
        address = url.render_as_string(hide_password=False)
        app = create_app(get_settings().model_copy(update={"test_database_url": address}))
        with TestClient(app) as client:
            register(client, "admin@example.org", role="ADMIN")
            admin = signed_in(client, "admin@example.org")
            register(admin, "doctor@example.org", doctor_id=1)
            app.state.people = {"admin": admin, "doctor": signed_in(admin, "doctor@example.org")}
            yield app


def fill(url: URL) -> None:
    dice = random.Random(7)
    rows = io.StringIO(
        "".join("\t".join(row) + "\n" for row in map(patient, range(1, PATIENTS + 1), [dice] * PATIENTS))
    )
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        cursor = connection.connection.cursor()
        cursor.copy_expert(f"COPY patients (version, {', '.join(COLUMNS)}) FROM stdin", rows)
        for command in REST:
            cursor.execute(command)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


COLUMNS = ("given_name", "family_name", "birth_date", "gender", "medical_record_number", "phone", "email", "active",
           "retired_at", "search_words")  # fmt: skip
REST = [
    f"""INSERT INTO doctors (version, search_words, given_name, family_name, specialty, email, active)
    SELECT 1, ' a b', 'A', 'B', 'C', number || '@example.org', true FROM generate_series(1, {DOCTORS}) AS number""",
    """INSERT INTO users (id, version, email, role, is_active, hashed_password)
    VALUES (1000, 1, 'nobody@example.org', 'DOCTOR', false, '')""",
    # A doctor has 150 patients, a retired one 300; a tenth of all is unassigned.
    """INSERT INTO assignments (doctor_id, patient_id, assigned_by)
    SELECT 1, id, 1000 FROM patients WHERE id % 200 = 1
    UNION SELECT 2, id, 1000 FROM patients WHERE id % 100 = 2
    UNION SELECT 3 + id % 57, id, 1000 FROM patients WHERE id % 10 <> 2""",
    "UPDATE doctors SET retired_at = now() WHERE id = 2",
]


def patient(number: int, dice: random.Random) -> list[str]:
    name = [dice.choice(common) if dice.random() < 0.1 else made(dice) for common in (GIVEN, FAMILY)]
    email = f"{name[0]}.{name[1]}{number % 1000}@example.org".lower() if dice.random() < 0.7 else None
    found = [*name, f"P-{number:06d}", email, f"+49 30 {dice.randrange(10**7):07d}"]
    gender = dice.choices(["male", "female", "other", "unknown"], [45, 45, 0.8, 9.2])[0]
    born = f"{dice.randrange(1930, 2020)}-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
    active, retired = "f" if dice.random() < 0.1 else "t", "2026-01-01" if dice.random() < 0.01 else None
    values = ["1", *name, born, gender, found[2], found[4], email, active, retired, stored_words(*found)]
    return [r"\N" if value is None else value for value in values]


GIVEN, FAMILY = ["Maria", "José"], ["García", "Smith"]


def made(dice: random.Random) -> str:
    return "".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))).capitalize()


FILTERS = [
    "",
    "gender=other",
    "gender=unknown",
    "gender=female",
    "active=true",
    "active=false",
    "birth_date=1984-02-28",
    "doctor_id=1",
    "doctor_id=2",
    "unassigned=true",
    "unassigned=false",
    "retired=true",
]
TYPED = ["", "q=bada", "q=P-000123", "q=garcia", "q=m", "q=p", "q=garcia maria", "q=m garcia", "q=garcia m", "q=m s"]
SORTS = ["family_name", "-birth_date", "given_name", "-created_at", "id", "-id", "active,phone"]
INDEXED = ["family_name", "birth_date", "-birth_date", "id", "-id"]
NARROW = ["q=bada", "q=P-000123", "q=garcia", "q=garcia maria", "q=m garcia"]
BROAD = ["q=m", "q=p", "q=m s"]
QUERIES = [
    *(f"/patients?{'&'.join(parts)}" for parts in product(TYPED, FILTERS)),
    *(f"/patients?doctor_id=1&sort={sort}" for sort in SORTS),
    *(f"/doctors/1/patients?sort={sort}" for sort in ["", *SORTS]),
    *(f"/patients?sort={sort}" for sort in INDEXED),
    *(f"/patients?{typed}&sort={sort}" for typed, sort in product(NARROW, SORTS)),
    *(f"/patients?unassigned={which}&sort={sort}" for which, sort in product(["true", "false"], INDEXED)),
    *(f"/patients?gender=other&sort={sort}" for sort in SORTS),
    *(f"/patients?{typed}&unassigned=true&sort={sort}" for typed, sort in product(NARROW + BROAD, SORTS)),
    *(f"/patients?{typed}&unassigned=false&sort={sort}" for typed, sort in product(NARROW, SORTS)),
]


@pytest.mark.parametrize("query", QUERIES)
def test_an_administrators_list_goes_along_an_index(query: str, large: FastAPI) -> None:
    assert complaints(large, "admin", query) == []


@pytest.mark.parametrize(
    "query",
    [
        *(f"/patients?{typed}" for typed in TYPED),
        *(f"/patients?sort={sort}" for sort in SORTS),
        "/patients?q=garcia&sort=-id",
    ],
)
def test_a_doctors_list_goes_along_an_index(query: str, large: FastAPI) -> None:
    assert complaints(large, "doctor", query) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM patients WHERE phone = 'x'",
        "SELECT * FROM patients WHERE retired_at IS NULL AND active = false AND phone = 'x' ORDER BY id LIMIT 50",
        "SELECT * FROM assignments WHERE assigned_by = 7",
        "SELECT patients.* FROM unassigned_patients JOIN patients ON id = patient_id ORDER BY patient_id LIMIT 50",
        """SELECT patient_id FROM patient_words WHERE word BETWEEN 'm' AND 'n'
        INTERSECT SELECT patient_id FROM patient_words WHERE word = 'bada'""",
        "SELECT * FROM unassigned_patients ORDER BY abs(patient_id) LIMIT 50",
    ],
)
def test_a_bad_plan_would_be_seen(statement: str, large: FastAPI) -> None:
    assert wrong_in(large.state.engine, statement, {}, SHOWN)


def complaints(app: FastAPI, who: str, query: str) -> list[str]:
    """What is wrong with the way in which PostgreSQL answers this list."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statement = statement.rpartition("; ")[2]  # without the timeouts
        if statement.startswith(("SELECT", "EXPLAIN")):  # the audit writes at the same time
            sent.append((statement, parameters))

    event.listen(app.state.engine, "before_cursor_execute", note)
    try:
        answer = app.state.people[who].get(query)
    finally:
        event.remove(app.state.engine, "before_cursor_execute", note)
    assert answer.status_code == 200, answer.text
    assert len(sent) <= 3
    return wrong_in(app.state.engine, *sent[-1], most_for(query))


def most_for(query: str) -> Most:
    typed = query.partition("q=")[2].partition("&")[0]
    if "sort=" in query:
        return BY_WORDS if typed else SORTED
    if not typed:
        return SHOWN
    return BY_WORDS if " " in typed else BY_A_WORD


def wrong_in(engine: Engine, statement: str, parameters: Any, most: Most) -> list[str]:
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    return [described(part) for part in parts(plan[0]["Plan"]) if is_wrong(part, most)]


def described(part: dict[str, Any]) -> str:
    return f"{part['Node Type']} on {part['Relation Name']}: {given_by(part):.0f} rows, {removed_by(part):.0f} removed"


def parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from parts(part)


def is_wrong(part: dict[str, Any], most: Most) -> bool:
    """What it gives counts as well as what it removes, for a join may lose it."""
    if part.get("Relation Name") not in READ:
        return False
    if part["Node Type"] == "Index Only Scan":  # to pass over an entry takes a twentieth of a row's time
        return given_by(part) > most.entries or removed_by(part) > 20 * most.rows
    if part["Relation Name"] == "unassigned_patients":  # which holds nothing but ids
        return given_by(part) + removed_by(part) > most.entries
    return part["Node Type"] == "Seq Scan" or given_by(part) + removed_by(part) > most.rows


def given_by(part: dict[str, Any]) -> float:
    return float(part["Actual Rows"] * part["Actual Loops"])


def removed_by(part: dict[str, Any]) -> float:
    removed = sum(part.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter", "Index Recheck"))
    return float(removed * part["Actual Loops"])
