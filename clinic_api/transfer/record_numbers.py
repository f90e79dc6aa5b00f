"""Record numbers of an import: others make and take numbers meanwhile, and nobody's must clash because of that.

Nobody else sees what a transaction is about to store. So those who make a number (`claim_medical_record_number`) find
the file's numbers locked, as far as they could come across them, and make others.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

IMPORTING = 7_236_514_003
"""The advisory lock of the one who imports; any number that nothing else locks."""
WITHIN_REACH = 1_000
"""So many record numbers may be made, one by one, by others while an import runs."""

# Of the file those that could be made by themselves: P-000001 …
GIVEN = """
    given AS (
        SELECT medical_record_number AS number, CAST(substr(medical_record_number, 3) AS bigint) AS value
        FROM staged_patients WHERE NOT is_guess
            AND medical_record_number ~ '^P-([0-9]{6}|[1-9][0-9]{6,17})$'
    ),
    newest AS (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS value FROM medical_record_numbers)
"""
NEXT = text("SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM medical_record_numbers")
# Where the file has at least every other number, none of them is to be tried in vain, now or later.
PASS_OVER = text(f"""
    WITH {GIVEN},
    ahead AS (
        SELECT given.value - newest.value AS distance, row_number() OVER (ORDER BY given.value) AS place
        FROM given, newest WHERE given.value > newest.value
    )
    SELECT count(nextval('medical_record_numbers'))
    FROM generate_series(1, (SELECT max(distance) FROM ahead WHERE distance <= 2 * place))
""")
LOCK = text(f"""
    WITH {GIVEN},
    near AS (
        SELECT number FROM given, newest WHERE given.value > newest.value - :reach ORDER BY given.value LIMIT 2 * :reach
    )
    SELECT count(pg_advisory_xact_lock(hashtextextended(number, 0))) FROM near
""")
MAKE = """
    WITH fresh AS MATERIALIZED (
        SELECT nextval('medical_record_numbers')::text AS digits FROM generate_series(1, :count)
    ),
    made AS (SELECT 'P-' || lpad(digits, greatest(6, length(digits)), '0') AS number FROM fresh)
    SELECT number FROM made
    WHERE NOT EXISTS (SELECT FROM patients WHERE medical_record_number = number AND retired_at IS NULL)
    AND NOT EXISTS (SELECT FROM staged_patients WHERE medical_record_number = number AND NOT is_guess)
"""
MAKE_ALL = text(f"""
    CREATE TEMPORARY TABLE made_numbers ON COMMIT DROP AS
    {MAKE.replace(":count", "(SELECT count(*) FROM staged_patients WHERE is_guess)")}
""")
REJECT = text("""
    UPDATE staged_patients SET medical_record_number = NULL
    WHERE is_guess AND medical_record_number NOT IN (SELECT number FROM made_numbers)
""")
LEFT = text("""
    SELECT number FROM made_numbers
    WHERE number NOT IN (SELECT medical_record_number FROM staged_patients WHERE medical_record_number IS NOT NULL)
""")


def made_number(value: int) -> str:
    """As `claim_medical_record_number` makes it."""
    return f"P-{value:06}"


def next_number(connection: Connection) -> int:
    """The value that the next made number will have, unless others make one before."""
    value: int = connection.execute(NEXT).scalar_one()
    return value


def lock_numbers(connection: Connection) -> None:
    """Wait until nobody else imports, and keep others from making the numbers that the file brings."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": IMPORTING})
    connection.execute(PASS_OVER)
    connection.execute(LOCK, {"reach": WITHIN_REACH})


def reject_guesses(connection: Connection) -> int:
    """Make as many numbers as were guessed, and take away the guesses that are none of these. Returns how many."""
    connection.execute(MAKE_ALL)
    return connection.execute(REJECT).rowcount


def other_numbers(connection: Connection, count: int) -> Iterator[str]:
    """Of the numbers that were made those that nobody guessed, and then others without end, so many at a time."""
    yield from connection.scalars(LEFT).all()
    while True:
        yield from connection.scalars(text(MAKE), {"count": count}).all()
