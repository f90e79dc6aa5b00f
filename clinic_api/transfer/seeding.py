"""Invented doctors and patients, to try things out on: many, and called as differently as people are."""

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, count, islice, repeat
from random import Random
from typing import Any

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from clinic_api.audit import tell as tell_audit
from clinic_api.models import Action, Doctor, Entity, Patient, Role, User
from clinic_api.models.base import Record
from clinic_api.models.fields import Gender
from clinic_api.search import fold, stored_words
from clinic_api.telling import Tell
from clinic_api.transfer.names import CULTURES, DOMAINS, SPECIALTIES, Culture
from clinic_api.transfer.statements import allow_time, batches, copy

LAST_DAY = date(2025, 12, 31)
"""All are born before, however late the clinic is filled, so that a seed always makes the same people."""
RECORDS_SINCE, RECORDS_FOR = datetime(2016, 1, 1, tzinfo=UTC), timedelta(days=3_650)
OLDEST = 98 * 365  # days
BATCH = 2_000  # people
WITHIN = 600  # seconds, for each batch
KEPT = ("id", "created_at", "updated_at", "version", "retired_at", "search_words")
NEXT_IDS = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :number)")
NEXT_NUMBERS = text("""
    SELECT 'P-' || lpad(made::text, greatest(6, length(made::text)), '0')
    FROM (SELECT nextval('medical_record_numbers') AS made FROM generate_series(1, :number)) AS numbers
""")
ASSIGNED = ("doctor_id", "patient_id", "assigned_at", "assigned_by")


class Names:
    """Names of which the second comes half as often as the first, the third a third as often …"""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.bounds = list(accumulate(1 / place for place in range(1, len(names) + 1)))

    def pick(self, random: Random) -> str:
        return self.names[bisect(self.bounds, random.random() * self.bounds[-1])]


class People:
    """People of one culture."""

    def __init__(self, culture: Culture) -> None:
        self.culture = culture
        self.given = {Gender.female: Names(culture.women.split()), Gender.male: Names(culture.men.split())}
        self.common = Names(culture.families.split())
        self.stems, self.endings = culture.stems.split(), culture.endings.split()

    def given_name(self, random: Random, gender: Gender) -> str:
        names = self.given.get(gender) or random.choice(list(self.given.values()))
        first, second = names.pick(random), random.choice(names.names)
        has_two = self.culture.between and random.random() < 0.15 and first != second
        return f"{first} {second}" if has_two else first

    def family_name(self, random: Random) -> str:
        kind = random.random()
        if kind < 0.65:
            return self.common.pick(random)
        if kind < 0.8 and self.culture.between:
            return self.common.pick(random) + self.culture.between + random.choice(self.common.names)
        return random.choice(self.stems) + random.choice(self.endings)

    def phone(self, random: Random) -> str:
        digits = f"{random.randrange(10**7, 10**8)}"
        return f"{self.culture.phone}{digits[:4]} {digits[4:]}"

    def address(self, random: Random) -> str:
        street, city = random.choice(self.culture.streets), random.choice(self.culture.cities)
        return f"{street} {random.randrange(1, 200)}\n{city}"


PEOPLE = [People(culture) for culture in CULTURES]
SHARES = list(accumulate(culture.share for culture in CULTURES))


def somebody(random: Random) -> People:
    return PEOPLE[bisect(SHARES, random.random() * SHARES[-1])]


def email(random: Random, given_name: str, family_name: str) -> str:
    """Of Latin letters, as most are; of other names nothing but a number is left."""
    plain = [re.sub("[^a-z]", "", fold(name)) for name in (given_name.partition(" ")[0], family_name)]
    number = random.randrange(1, 10_000)
    return f"{'.'.join(filter(None, plain)) or 'post'}{number}@{random.choice(DOMAINS)}"


def patients(random: Random) -> Iterator[dict[str, Any]]:
    """One after the other, without end; each as `PatientCreate` would keep it, but for the record number."""
    while True:
        people, kind = somebody(random), random.random()
        gender = Gender.female if kind < 0.5 else Gender.male if kind < 0.98 else Gender.other
        given_name, family_name = people.given_name(random, gender), people.family_name(random)
        age = int(random.betavariate(1.2, 1.5) * OLDEST)
        born = LAST_DAY - timedelta(days=age)
        died = random.random() < 0.1 * (age / OLDEST) ** 2
        yield {
            "given_name": given_name,
            "family_name": family_name if random.random() < 0.998 else "",
            "birth_date": born,
            "gender": gender if kind < 0.99 else Gender.unknown,
            "phone": people.phone(random) if random.random() < 0.85 else None,
            "email": email(random, given_name, family_name) if random.random() < 0.6 else None,
            "address": people.address(random) if random.random() < 0.7 else None,
            "active": not died and random.random() < 0.95,
            "deceased_date": born + timedelta(days=random.randrange(age // 2, age + 1)) if died else None,
        }


def doctors(random: Random, first: int) -> Iterator[dict[str, Any]]:
    """One after the other, without end. Their e-mails have numbers, from the first on: no two are the same."""
    for number in count(first):
        people, gender = somebody(random), random.choice([Gender.female, Gender.male])
        given_name, family_name = people.given_name(random, gender), people.family_name(random)
        plain = re.sub("[^a-z]", "", fold(family_name)) or "doctor"
        yield {
            "given_name": given_name,
            "family_name": family_name,
            "specialty": Names(SPECIALTIES).pick(random),
            "email": f"{plain}.{number}@clinic.example",
            "license_number": f"MD-{number:06d}",
            "phone": people.phone(random),
            "active": random.random() < 0.98,
        }


def seed(session: Session, patient_count: int, doctor_count: int, seed: int, tell: Tell) -> int:
    """Add so many to the clinic, and assign nine of ten patients. Returns the number of assignments.

    There are none while no administrator is there who could have made them.
    """
    random = Random(seed)
    allow_time(session.connection(), WITHIN)
    doctor_ids = add_doctors(session, random, doctor_count)
    by = session.exec(select(func.min(User.id)).where(User.role == Role.ADMIN)).one()
    made, assigned, step = 0, 0, RECORDS_FOR / max(1, patient_count)
    for batch in batches(islice(patients(random), patient_count), BATCH):
        moments = [RECORDS_SINCE + step * (made + place) for place in range(len(batch))]
        ids = add_patients(session, random, batch, moments)
        if by is not None and doctor_ids:
            links = list(assignments(random, ids, moments, doctor_ids, by))
            copy(session.connection(), "assignments", ASSIGNED, links)
            assigned += len(links)
        made += len(batch)
        tell("Making patients", f"{made:,} of {patient_count:,}", made / patient_count)
    tell_audit(session, Action.import_, Entity.patient, None, {"count": [None, patient_count]})
    return assigned


def add_doctors(session: Session, random: Random, number: int) -> list[int]:
    first = (session.exec(select(func.max(Doctor.id))).one() or 0) + 1
    ids: list[int] = []
    for batch in batches(islice(doctors(random, first), number), BATCH):
        ids += add(session, Doctor, batch, [RECORDS_SINCE] * len(batch), [None] * len(batch))
    return ids


def add_patients(session: Session, random: Random, batch: list[dict[str, Any]], moments: list[datetime]) -> list[int]:
    for values, number in zip(batch, free_numbers(session, len(batch)), strict=False):
        values["medical_record_number"] = number
    retired = [moment if random.random() < 0.005 else None for moment in moments]
    return add(session, Patient, batch, moments, retired)


def add(
    session: Session,
    model: type[Record],
    batch: list[dict[str, Any]],
    moments: Sequence[datetime],
    retired: Sequence[datetime | None],
) -> list[int]:
    ids = list(session.connection().scalars(NEXT_IDS, {"table": model.__tablename__, "number": len(batch)}))
    words = [stored_words(*(values[name] for name in model.searched)) for values in batch]
    kept = zip(ids, moments, moments, repeat(1), retired, words, strict=False)
    rows = [(*own, *values.values()) for own, values in zip(kept, batch, strict=True)]
    copy(session.connection(), str(model.__tablename__), [*KEPT, *batch[0]], rows, ["family_name"])
    return ids


def free_numbers(session: Session, number: int) -> Iterator[str]:
    """Record numbers as they are made for patients who bring none."""
    while True:
        made = list(session.connection().scalars(NEXT_NUMBERS, {"number": number}))
        number_of = col(Patient.medical_record_number)
        taken = set(session.exec(select(number_of).where(number_of.in_(made))))
        yield from (one for one in made if one not in taken)


def assignments(
    random: Random, patient_ids: Sequence[int], moments: Sequence[datetime], doctor_ids: Sequence[int], by: int
) -> Iterator[tuple[int, int, datetime, int]]:
    """One doctor for most, two for some; the first doctors have far more patients than the last."""
    for patient_id, moment in zip(patient_ids, moments, strict=True):
        kind = random.random()
        treated_by = {doctor_ids[int(random.random() ** 1.4 * len(doctor_ids))] for _ in range(2 if kind < 0.05 else 1)}
        yield from ((doctor_id, patient_id, moment, by) for doctor_id in treated_by if kind < 0.9)
