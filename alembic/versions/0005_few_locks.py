"""A made record number passes over taken ones without a lock for each.

Locks last until the transaction ends, and there is room for some thousands in all of PostgreSQL. So whether a number
is taken is looked up before it is locked, and once more afterwards, for somebody may have committed it in between.
"""

from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


CLAIM_MEDICAL_RECORD_NUMBER = """
CREATE OR REPLACE FUNCTION claim_medical_record_number(given text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    digits text;
    candidate text;
BEGIN
    IF given IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(given, 0));
        RETURN given;
    END IF;
    LOOP
        digits := nextval('medical_record_numbers')::text;
        candidate := 'P-' || lpad(digits, greatest(6, length(digits)), '0');
{look_first}        CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(candidate, 0));
        EXIT WHEN NOT EXISTS (
            SELECT FROM patients WHERE medical_record_number = candidate AND retired_at IS NULL
        );
    END LOOP;
    RETURN candidate;
END $$
"""
LOOK_FIRST = """\
        CONTINUE WHEN EXISTS (
            SELECT FROM patients WHERE medical_record_number = candidate AND retired_at IS NULL
        );
"""


def upgrade() -> None:
    op.execute(CLAIM_MEDICAL_RECORD_NUMBER.format(look_first=LOOK_FIRST))


def downgrade() -> None:
    op.execute(CLAIM_MEDICAL_RECORD_NUMBER.format(look_first=""))
