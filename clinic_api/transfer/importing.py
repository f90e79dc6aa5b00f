"""Patients from a file into the clinic: all rows or none, in one transaction and in constant memory.

The rows are copied into a table of this transaction alone, where they are compared with one another and with the
patients of the clinic. Only when nothing is wrong do they become patients.
"""

from collections.abc import Callable
from io import SEEK_END
from operator import attrgetter
from typing import IO, Any

from pydantic_core import to_json
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from clinic_api.audit import actor_of, by
from clinic_api.database import constraint
from clinic_api.errors import WrongCell, WrongRows
from clinic_api.models import ImportReport, Patient
from clinic_api.models.import_report import LikelyDuplicate, LikelyDuplicates
from clinic_api.search import stored_words
from clinic_api.telling import Tell
from clinic_api.transfer import nothing
from clinic_api.transfer.record_numbers import lock_numbers, next_number, other_numbers, reject_guesses
from clinic_api.transfer.rows import COLUMNS, FIELDS, MOST_TOLD, Rows, folded_name, searched
from clinic_api.transfer.statements import batches, copy

BATCH = 500  # rows; many more at once would keep other threads waiting
TRIES = 3
EVENT = 1_000
"""So many patients does an event of the audit name."""
VALUES = ", ".join(FIELDS)
STAGED = ", ".join(f"staged.{name}" for name in FIELDS)
STAGE = text(f"""
    CREATE TEMPORARY TABLE staged_patients ON COMMIT DROP AS
    SELECT 0 AS sheet_row, '' COLLATE "C" AS folded_name, '' AS word, false AS is_guess, search_words, {VALUES}
    FROM patients WITH NO DATA
""")
# Whose record number another has. Of rows that are wrong otherwise nothing but that number is known.
CLASHES = text("""
    SELECT sheet_row, first, is_taken, count(*) OVER () AS errors, count(given_name) OVER () AS rows
    FROM (
        SELECT sheet_row, given_name, min(sheet_row) OVER (PARTITION BY medical_record_number) AS first, EXISTS (
            SELECT FROM patients
            WHERE patients.medical_record_number = staged.medical_record_number AND retired_at IS NULL
        ) AS is_taken
        FROM staged_patients AS staged WHERE medical_record_number IS NOT NULL AND is_guess IS NOT true
    ) AS numbers
    WHERE is_taken OR sheet_row > first ORDER BY sheet_row LIMIT :most
""")
# Born on the same day and with the longest word of the name among theirs: the names are compared outside. What is
# compared here are sets and never pairs, of which there are too many where a file has the same date in each row.
CANDIDATES = text("""
    SELECT DISTINCT id, given_name, family_name, birth_date
    FROM (
        SELECT id, given_name, family_name, birth_date, unnest(string_to_array(search_words, ' ')) AS word
        FROM patients WHERE retired_at IS NULL AND birth_date IN (SELECT birth_date FROM staged_patients)
    ) AS known
    JOIN (SELECT DISTINCT birth_date, btrim(word) AS word FROM staged_patients) AS staged USING (birth_date, word)
""")
LIKE = text("""
    CREATE TEMPORARY TABLE like_patients (patient_id integer, folded_name text, birth_date date) ON COMMIT DROP
""")
LIKE_OTHERS = text("""
    SELECT sheet_row, nullif(first, sheet_row) AS like_row, patient_id, count(*) OVER () AS likely
    FROM (
        SELECT sheet_row, folded_name, birth_date, min(sheet_row) OVER (PARTITION BY folded_name, birth_date) AS first
        FROM staged_patients WHERE folded_name IS NOT NULL
    ) AS staged
    LEFT JOIN (
        SELECT folded_name, birth_date, min(patient_id) AS patient_id FROM like_patients GROUP BY 1, 2
    ) AS patients USING (folded_name, birth_date)
    WHERE sheet_row > first OR patient_id IS NOT NULL ORDER BY sheet_row LIMIT :most
""")
WITHOUT_NUMBER = text(f"""
    SELECT sheet_row, {", ".join(Patient.searched)} FROM staged_patients
    WHERE medical_record_number IS NULL ORDER BY sheet_row
""")
NUMBER = text("""
    CREATE TEMPORARY TABLE numbered_patients ON COMMIT DROP AS
    SELECT sheet_row, medical_record_number, search_words FROM staged_patients WITH NO DATA
""")
STORE = text(f"""
    WITH whole AS (
        SELECT sheet_row, {VALUES}, search_words FROM staged_patients WHERE medical_record_number IS NOT NULL
        UNION ALL
        SELECT sheet_row, {STAGED.replace("staged.medical", "numbered.medical")}, numbered.search_words
        FROM staged_patients AS staged JOIN numbered_patients AS numbered USING (sheet_row)
    ),
    made AS (
        INSERT INTO patients ({VALUES}, search_words, version)
        SELECT {VALUES}, search_words, 1 FROM whole ORDER BY sheet_row RETURNING id
    ),
    parts AS (SELECT id, (row_number() OVER (ORDER BY id) - 1) / {EVENT} AS part FROM made)
    INSERT INTO audit_events (actor_id, actor_email, address, request_id, action, entity, entity_ids, changes)
    SELECT :actor_id, :actor_email, :address, :request_id, 'import', 'patient', array_agg(id ORDER BY id),
        CASE WHEN part = 0 THEN CAST(:changes AS jsonb) END
    FROM parts GROUP BY part ORDER BY part
""")
STREAM = {"stream_results": True, "yield_per": BATCH}


def import_patients(
    session: Session, file: IO[bytes], *, dry_run: bool, pace: Callable[[], None] = nothing, tell: Tell = nothing
) -> ImportReport:
    """Make a patient of each row, unless it is a dry run. Raises WrongRows, with nothing stored."""
    connection = session.connection()
    rows = stage(connection, file, pace, tell)
    if dry_run or rows.errors:
        refuse_wrong(connection, rows)
        likely = likely_duplicates(connection)
    else:
        likely = store(session, rows, tell)
    return ImportReport(
        rows=rows.count, imported=0 if dry_run else rows.count, dry_run=dry_run, likely_duplicates=likely
    )


def stage(connection: Connection, file: IO[bytes], pace: Callable[[], None], tell: Tell) -> Rows:
    """Copy all rows into the table of this transaction."""
    size = file.seek(0, SEEK_END)
    file.seek(0)
    connection.execute(STAGE)
    rows = Rows(next_number(connection), pace)
    for batch in batches(rows.read(file), BATCH):
        copy(connection, "staged_patients", COLUMNS, batch, filled=["family_name", "search_words"])
        tell("Checking", f"{rows.count:,} rows", file.tell() / size)
    connection.execute(text("CREATE INDEX ON staged_patients (medical_record_number)"))
    connection.execute(text("ANALYZE staged_patients (medical_record_number, birth_date)"))
    return rows


def refuse_wrong(connection: Connection, rows: Rows) -> None:
    """Raises WrongRows."""
    clashes = connection.execute(CLASHES, {"most": MOST_TOLD}).all()
    if rows.errors or clashes:
        more, more_rows = (clashes[0].errors, clashes[0].rows) if clashes else (0, 0)
        first = sorted([*rows.first, *map(clash, clashes)], key=attrgetter("row"))[:MOST_TOLD]
        raise WrongRows(rows.count, rows.wrong_rows + more_rows, rows.errors + more, first)


def clash(found: Any) -> WrongCell:
    message = "is another patient's already" if found.is_taken else f"stands in row {found.first} too"
    return WrongCell(found.sheet_row, "medical_record_number", message, "conflict")


def likely_duplicates(connection: Connection) -> LikelyDuplicates:
    """Rows that tell of somebody with the name and birth date of a patient, or of an earlier row."""
    connection.execute(LIKE)
    for batch in connection.execute(CANDIDATES, execution_options=STREAM).partitions():
        found = ((one.id, folded_name(one.given_name, one.family_name), one.birth_date) for one in batch)
        copy(connection, "like_patients", ("patient_id", "folded_name", "birth_date"), found)
    connection.execute(text("ANALYZE like_patients"))
    likely = connection.execute(LIKE_OTHERS, {"most": MOST_TOLD}).all()
    first = [LikelyDuplicate(row=one.sheet_row, like_row=one.like_row, patient_id=one.patient_id) for one in likely]
    return LikelyDuplicates(count=likely[0].likely if likely else 0, first=first)


def store(session: Session, rows: Rows, tell: Tell) -> LikelyDuplicates:
    """Anew when somebody has given a patient meanwhile one of the numbers that were made. Raises WrongRows."""
    for tries_left in reversed(range(TRIES)):
        try:
            with session.begin_nested():
                return store_unless_clashing(session, rows, tell)
        except IntegrityError as error:
            if not tries_left or constraint(error) != "uq_patients_medical_record_number":
                raise
    raise AssertionError


def store_unless_clashing(session: Session, rows: Rows, tell: Tell) -> LikelyDuplicates:
    connection = session.connection()
    tell("Comparing with the patients of the clinic")
    lock_numbers(connection)
    refuse_wrong(connection, rows)
    likely = likely_duplicates(connection)
    tell(f"Storing {rows.count:,} patients")
    number_the_others(connection)
    changes = to_json({"count": [None, rows.count]}).decode()
    connection.execute(STORE, {**by(actor_of(session)), "changes": changes})
    return likely


def number_the_others(connection: Connection) -> None:
    """Make a record number for each row that brings none. Where the guess was wrong, its words are others too."""
    wrong = reject_guesses(connection)
    connection.execute(NUMBER)
    if not wrong:
        return
    numbers = other_numbers(connection, wrong)
    for batch in connection.execute(WITHOUT_NUMBER, execution_options=STREAM).partitions():
        numbered = zip(batch, numbers, strict=False)
        rows = [(row.sheet_row, number, stored_words(*searched(row), number)) for row, number in numbered]
        copy(connection, "numbered_patients", ("sheet_row", "medical_record_number", "search_words"), rows)
    connection.execute(text("ANALYZE numbered_patients"))
