"""What finds patients among many: their words one a row, who is unassigned, an index for each filter."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


# A word that begins with zeros is found without them too, also where letters follow (`030abc`).
STORE_WITHOUT_ZEROS = """
UPDATE {table} SET search_words = (
    SELECT string_agg(DISTINCT (' ' || spelling) COLLATE "C", '' ORDER BY (' ' || spelling) COLLATE "C")
    FROM unnest(string_to_array(ltrim(search_words), ' ')) AS word,
        LATERAL (VALUES (word), (regexp_replace(word, '^0+(?=.)', ''))) AS spellings (spelling)
) WHERE search_words ~ ' 0[0-9]*[^0-9 ]'
"""

# Whoever writes patients writes `search_words` alone.
LIST_PATIENTS = """
CREATE FUNCTION list_patients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO patient_words (word, patient_id)
    SELECT DISTINCT word COLLATE "C", id FROM fresh, unnest(string_to_array(ltrim(search_words), ' ')) AS word
    WHERE retired_at IS NULL ORDER BY 1, 2 ON CONFLICT DO NOTHING;
    INSERT INTO unassigned_patients (patient_id) SELECT id FROM fresh ORDER BY id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""
RELIST_PATIENT = """
CREATE FUNCTION relist_patient() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text[] := CASE WHEN OLD.retired_at IS NULL THEN string_to_array(ltrim(OLD.search_words), ' ') END;
    after text[] := CASE WHEN NEW.retired_at IS NULL THEN string_to_array(ltrim(NEW.search_words), ' ') END;
BEGIN
    DELETE FROM patient_words
    WHERE patient_id = OLD.id AND word = ANY (ARRAY(SELECT unnest(before) EXCEPT SELECT unnest(after)));
    INSERT INTO patient_words (word, patient_id)
    SELECT word, OLD.id FROM (SELECT unnest(after) EXCEPT SELECT unnest(before)) AS new_ones (word)
    ON CONFLICT DO NOTHING;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM unassigned_patients WHERE patient_id = OLD.id;
    END IF;
    RETURN NULL;
END $$
"""
UNLIST_PATIENTS = """
CREATE FUNCTION unlist_patients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM patient_words;
    DELETE FROM unassigned_patients;
    RETURN NULL;
END $$
"""

# The patients are locked before it is looked who cares for them: so of two who end the last two assignments of one
# at once, the later one sees what the earlier one did.
KEEP_UNASSIGNED = """
CREATE FUNCTION keep_unassigned(touched integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM patients WHERE id = ANY (touched) ORDER BY id FOR NO KEY UPDATE;
    WITH assigned AS MATERIALIZED (
        SELECT patient_id FROM assignments JOIN doctors ON doctors.id = doctor_id
        WHERE patient_id = ANY (touched) AND expires_at IS NULL AND retired_at IS NULL
    ), now_assigned AS (
        DELETE FROM unassigned_patients WHERE patient_id IN (SELECT patient_id FROM assigned)
    )
    INSERT INTO unassigned_patients (patient_id)
    SELECT id FROM patients WHERE id = ANY (touched) AND id NOT IN (SELECT patient_id FROM assigned) ORDER BY id
    ON CONFLICT DO NOTHING;
END $$
"""
KEEP_ASSIGNED = """
CREATE FUNCTION keep_assigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_unassigned(ARRAY(SELECT DISTINCT patient_id FROM touched));
    RETURN NULL;
END $$
"""
KEEP_REASSIGNED = """
CREATE FUNCTION keep_reassigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_unassigned(ARRAY(SELECT patient_id FROM untouched UNION SELECT patient_id FROM touched));
    RETURN NULL;
END $$
"""
UNASSIGN_ALL = """
CREATE FUNCTION unassign_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unassigned_patients (patient_id) SELECT id FROM patients ORDER BY id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""
KEEP_CARED_FOR = """
CREATE FUNCTION keep_cared_for() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_unassigned(ARRAY(SELECT patient_id FROM assignments WHERE doctor_id = NEW.id));
    RETURN NULL;
END $$
"""
FUNCTIONS = (
    LIST_PATIENTS, RELIST_PATIENT, UNLIST_PATIENTS, KEEP_UNASSIGNED, KEEP_ASSIGNED, KEEP_REASSIGNED, UNASSIGN_ALL,
    KEEP_CARED_FOR,
)

TRIGGERS = (
    """CREATE TRIGGER list_patients AFTER INSERT ON patients REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION list_patients()""",
    """CREATE TRIGGER relist_patient AFTER UPDATE ON patients FOR EACH ROW
    WHEN (OLD.search_words <> NEW.search_words OR (OLD.retired_at IS NULL) <> (NEW.retired_at IS NULL))
    EXECUTE FUNCTION relist_patient()""",
    "CREATE TRIGGER unlist_patient AFTER DELETE ON patients FOR EACH ROW EXECUTE FUNCTION relist_patient()",
    "CREATE TRIGGER unlist_patients AFTER TRUNCATE ON patients FOR EACH STATEMENT EXECUTE FUNCTION unlist_patients()",
    """CREATE TRIGGER assigned AFTER INSERT ON assignments REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION keep_assigned()""",
    """CREATE TRIGGER reassigned AFTER UPDATE ON assignments REFERENCING OLD TABLE AS untouched NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION keep_reassigned()""",
    """CREATE TRIGGER unassigned AFTER DELETE ON assignments REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION keep_assigned()""",
    "CREATE TRIGGER unassign_all AFTER TRUNCATE ON assignments FOR EACH STATEMENT EXECUTE FUNCTION unassign_all()",
    """CREATE TRIGGER cared_for AFTER UPDATE ON doctors FOR EACH ROW
    WHEN ((OLD.retired_at IS NULL) <> (NEW.retired_at IS NULL)) EXECUTE FUNCTION keep_cared_for()""",
)

FILL_WORDS = """
INSERT INTO patient_words (word, patient_id)
SELECT DISTINCT word COLLATE "C", id FROM patients, unnest(string_to_array(ltrim(search_words), ' ')) AS word
WHERE retired_at IS NULL ORDER BY 1, 2
"""
FILL_UNASSIGNED = """
INSERT INTO unassigned_patients (patient_id)
SELECT id FROM patients WHERE NOT EXISTS (
    SELECT FROM assignments JOIN doctors ON doctors.id = doctor_id
    WHERE patient_id = patients.id AND expires_at IS NULL AND doctors.retired_at IS NULL
) ORDER BY id
"""


def upgrade() -> None:
    op.execute("LOCK TABLE patients, assignments, doctors IN SHARE ROW EXCLUSIVE MODE")
    for table in ('patients', 'doctors'):
        op.execute(STORE_WITHOUT_ZEROS.format(table=table))
    op.create_table('patient_words',
    sa.Column('word', sa.Text(collation='C'), nullable=False),
    sa.Column('patient_id', sa.Integer(), nullable=False),
    )
    op.execute("ALTER TABLE patient_words ALTER word SET STATISTICS 1000")  # a search depends on estimates
    op.execute(FILL_WORDS)
    op.create_primary_key('pk_patient_words', 'patient_words', ['word', 'patient_id'])
    op.create_table('unassigned_patients',
    sa.Column('patient_id', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('patient_id', name=op.f('pk_unassigned_patients'))
    )
    op.execute(FILL_UNASSIGNED)
    for command in FUNCTIONS + TRIGGERS:
        op.execute(command)
    op.drop_index(op.f('ix_patients_birth_date'), table_name='patients')
    op.drop_index(op.f('ix_patients_family_name'), table_name='patients')
    for column in ('active', 'birth_date', 'family_name', 'gender'):
        op.create_index(f'ix_patients_{column}', 'patients', [column, 'id'], unique=False, postgresql_where=sa.text('retired_at IS NULL'))
    op.create_index('ix_patients_retired', 'patients', ['id'], unique=False, postgresql_where=sa.text('retired_at IS NOT NULL'))
    op.execute("ANALYZE patient_words, unassigned_patients, patients")


def downgrade() -> None:
    op.drop_index('ix_patients_retired', table_name='patients', postgresql_where=sa.text('retired_at IS NOT NULL'))
    for column in ('active', 'birth_date', 'family_name', 'gender'):
        op.drop_index(f'ix_patients_{column}', table_name='patients', postgresql_where=sa.text('retired_at IS NULL'))
    for column in ('birth_date', 'family_name'):
        op.create_index(op.f(f'ix_patients_{column}'), 'patients', [column], unique=False)
    for table, triggers in {
        'patients': ('list_patients', 'relist_patient', 'unlist_patient', 'unlist_patients'),
        'assignments': ('assigned', 'reassigned', 'unassigned', 'unassign_all'),
        'doctors': ('cared_for',),
    }.items():
        for trigger in triggers:
            op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute("DROP FUNCTION list_patients(), relist_patient(), unlist_patients(), keep_assigned(), keep_reassigned()")
    op.execute("DROP FUNCTION unassign_all(), keep_cared_for()")
    op.execute("DROP FUNCTION keep_unassigned(integer[])")
    op.drop_table('unassigned_patients')
    op.drop_table('patient_words')
