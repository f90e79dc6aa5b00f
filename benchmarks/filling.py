"""Clinics of any size: patients with names as they are spread in life, doctors, accounts, assignments."""

import io
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor
from rich.progress import Progress

from benchmarks.people import ADMIN, FEWEST_DOCTORS, PASSWORD
from benchmarks.postgres import Postgres
from clinic_api import migrations, search
from clinic_api.config import Settings
from clinic_api.passwords import Passwords
from clinic_api.search import stored_words

BATCH = 10_000
PANEL = 5_000  # patients of a doctor, at most

FIRST_FAMILY, FIRST_GIVEN = "Müller", "Maria"
"""Borne by 5 % each."""
RARE = "Quetzalcoatl"
"""The family name of one patient in 100 000."""
NAMES = Path(__file__).with_name("names.txt")
FAMILIES, GIVENS, STARTS, ENDS = (
    [name.replace("_", " ") for name in line.split()] for line in NAMES.read_text().splitlines()
)
"""Of people; and what family names begin and end with."""
COLUMNS = (
    "id, version, given_name, family_name, birth_date, gender, medical_record_number, phone, email, address, active,"
    " search_words"
)
# Everybody has the same password.
PEOPLE = """
INSERT INTO users (version, email, role, is_active, hashed_password)
VALUES (1, %(admin)s, 'ADMIN', true, %(hashed)s);
INSERT INTO doctors (version, search_words, given_name, family_name, specialty, email, active)
SELECT 1, ' ada lovelace', 'Ada', 'Lovelace', 'Cardiology', 'doctor' || n || '@example.org', true
FROM generate_series(1, %(doctors)s) AS n;
INSERT INTO users (version, email, role, is_active, hashed_password, doctor_id)
SELECT 1, email, 'DOCTOR', true, %(hashed)s, id FROM doctors ORDER BY id
"""
ASSIGNMENTS = """
INSERT INTO assignments (doctor_id, patient_id, assigned_by)
SELECT mod(id, %(doctors)s) + 1, id, 1 FROM patients;
SELECT setval('medical_record_numbers', %(patients)s), setval('patients_id_seq', %(patients)s)
"""
FIRST_DAY = date(1930, 1, 1)
DAYS = 34_000


def patients(count: int, series: str = "P") -> Iterator[tuple[object, ...]]:
    """The same each time, as COLUMNS; three in four have an e-mail, nine in ten a phone."""
    chance = random.Random(1)
    for id in range(1, count + 1):
        given, family = given_name(chance), RARE if id % 100_000 == 4_711 else family_name(chance)
        number = f"{series}-{id:06}"
        phone = f"+49 30 {chance.randrange(10**7):07}" if chance.random() < 0.9 else None
        email = f"patient{id}@example.org" if chance.random() < 0.75 else None
        birth = FIRST_DAY + timedelta(days=chance.randrange(DAYS))
        address = f"{chance.randrange(1, 200)} Harbour Street, 10115 Berlin"
        words = stored_words(given, family, number, email, phone)
        gender = chance.choice(("female", "male", "other", "unknown"))
        yield id, 1, given, family, birth, gender, number, phone, email, address, True, words


def family_name(chance: random.Random) -> str:
    luck = chance.random()
    if luck < 0.05:
        return FIRST_FAMILY
    if luck < 0.5:
        return chance.choice(FAMILIES)
    return "".join((chance.choice(STARTS), chance.choice(ENDS), *chance.choices(("", *ENDS), k=1)))


def given_name(chance: random.Random) -> str:
    return FIRST_GIVEN if chance.random() < 0.05 else chance.choice(GIVENS)


def fingerprint() -> str:
    """Changes with what a filled database follows from."""
    sources = Path(__file__), NAMES, Path(search.__file__)
    return f"{migrations.newest()} {sha256(b''.join(path.read_bytes() for path in sources)).hexdigest()[:16]}"


def filled(postgres: Postgres, count: int, progress: Progress) -> str:
    """The name of a database with so many patients; it is kept, and made anew when it should look differently."""
    name = f"patients_{count}"
    mark = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    if postgres.ask("postgres", mark, name) == [(fingerprint(),)]:
        return name
    task = progress.add_task(f"Filling in {count:,} patients", total=count)
    postgres.drop(name)
    postgres.ask("postgres", sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrations.upgrade(postgres.url.set(database=name))
    with closing(postgres.connect(name)) as connection, connection.cursor() as cursor:
        fill(cursor, count, partial(progress.advance, task))
    comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
    postgres.ask("postgres", comment.format(sql.Identifier(name), sql.Literal(fingerprint())))
    progress.remove_task(task)
    return name


def fill(cursor: cursor, count: int, advance: Callable[[int], None]) -> None:
    """An empty clinic, of the schema that the migrations have just made."""
    doctors = max(FEWEST_DOCTORS, count // PANEL)
    hashed = Passwords(Settings(env="test", test_database_url=None)).context.hash(PASSWORD)
    cursor.execute(PEOPLE, {"admin": ADMIN, "hashed": hashed, "doctors": doctors})
    everybody = patients(count)
    while batch := list(islice(everybody, BATCH)):
        cursor.copy_expert(f"COPY patients ({COLUMNS}) FROM STDIN", io.StringIO("".join(map(line, batch))))
        advance(len(batch))
    cursor.execute(ASSIGNMENTS, {"doctors": doctors, "patients": count})
    cursor.execute("VACUUM ANALYZE")


def line(row: tuple[object, ...]) -> str:
    """In COPY's text format; nothing here needs to be escaped."""
    return "\t".join("\\N" if value is None else "t" if value is True else str(value) for value in row) + "\n"
