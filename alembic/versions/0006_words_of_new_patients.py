"""The words of new patients are stored without looking whether they are there, which took a quarter of an import.

A new patient has a new id, and the words of a row that is gone are gone too.
"""

from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


LIST_PATIENTS = """
CREATE OR REPLACE FUNCTION list_patients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO patient_words (word, patient_id)
    SELECT DISTINCT word COLLATE "C", id FROM fresh, unnest(string_to_array(ltrim(search_words), ' ')) AS word
    WHERE retired_at IS NULL ORDER BY 1, 2{unless_there};
    INSERT INTO unassigned_patients (patient_id) SELECT id FROM fresh ORDER BY id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(LIST_PATIENTS.format(unless_there=""))


def downgrade() -> None:
    op.execute(LIST_PATIENTS.format(unless_there=" ON CONFLICT DO NOTHING"))
