"""Doctors, patients, users and assignments."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


# The number that a patient is about to get: the given one, or the next that nobody has or is just being given.
# Both are locked until the transaction ends, so that a made number never clashes. Once made it is not made again.
CLAIM_MEDICAL_RECORD_NUMBER = """
CREATE FUNCTION claim_medical_record_number(given text) RETURNS text LANGUAGE plpgsql AS $$
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
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(candidate, 0));
        EXIT WHEN NOT EXISTS (
            SELECT FROM patients WHERE medical_record_number = candidate AND retired_at IS NULL
        );
    END LOOP;
    RETURN candidate;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SEQUENCE medical_record_numbers")
    op.execute(CLAIM_MEDICAL_RECORD_NUMBER)
    op.create_table('doctors',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('search_words', sa.Text(), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('given_name', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('family_name', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('specialty', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('license_number', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=True),
    sa.Column('phone', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.CheckConstraint("given_name <> '' AND family_name <> ''", name=op.f('ck_doctors_named')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_doctors'))
    )
    op.create_index(op.f('ix_doctors_family_name'), 'doctors', ['family_name'], unique=False)
    op.create_index(op.f('ix_doctors_specialty'), 'doctors', ['specialty'], unique=False)
    op.create_index('uq_doctors_email', 'doctors', ['email'], unique=True, postgresql_where=sa.text('retired_at IS NULL'))
    op.create_index('uq_doctors_license_number', 'doctors', ['license_number'], unique=True, postgresql_where=sa.text('retired_at IS NULL'))
    op.create_table('patients',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('search_words', sa.Text(), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('given_name', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('family_name', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=False),
    sa.Column('gender', sa.Enum('male', 'female', 'other', 'unknown', name='gender', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('medical_record_number', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('phone', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=True),
    sa.Column('email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=True),
    sa.Column('address', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('deceased_date', sa.Date(), nullable=True),
    sa.CheckConstraint("given_name <> ''", name=op.f('ck_patients_named')),
    sa.CheckConstraint('deceased_date >= birth_date', name=op.f('ck_patients_born_before_death')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patients'))
    )
    op.create_index(op.f('ix_patients_birth_date'), 'patients', ['birth_date'], unique=False)
    op.create_index(op.f('ix_patients_family_name'), 'patients', ['family_name'], unique=False)
    op.create_index('uq_patients_medical_record_number', 'patients', ['medical_record_number'], unique=True, postgresql_where=sa.text('retired_at IS NULL'))
    op.create_table('users',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('role', sa.Enum('ADMIN', 'DOCTOR', name='role', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('full_name', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=True),
    sa.Column('doctor_id', sa.Integer(), nullable=True),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('hashed_password', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.CheckConstraint("role = 'DOCTOR' OR doctor_id IS NULL", name=op.f('ck_users_admin_is_no_doctor')),
    sa.ForeignKeyConstraint(['doctor_id'], ['doctors.id'], name=op.f('fk_users_doctor_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('doctor_id', name=op.f('uq_users_doctor_id')),
    sa.UniqueConstraint('email', name=op.f('uq_users_email'))
    )
    op.create_table('assignments',
    sa.Column('doctor_id', sa.Integer(), nullable=False),
    sa.Column('patient_id', sa.Integer(), nullable=False),
    sa.Column('assigned_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('assigned_by', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['assigned_by'], ['users.id'], name=op.f('fk_assignments_assigned_by')),
    sa.ForeignKeyConstraint(['doctor_id'], ['doctors.id'], name=op.f('fk_assignments_doctor_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patients.id'], name=op.f('fk_assignments_patient_id')),
    sa.PrimaryKeyConstraint('doctor_id', 'patient_id', name=op.f('pk_assignments'))
    )
    op.create_index(op.f('ix_assignments_patient_id'), 'assignments', ['patient_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_assignments_patient_id'), table_name='assignments')
    op.drop_table('assignments')
    op.drop_table('users')
    op.drop_index('uq_patients_medical_record_number', table_name='patients', postgresql_where=sa.text('retired_at IS NULL'))
    op.drop_index(op.f('ix_patients_family_name'), table_name='patients')
    op.drop_index(op.f('ix_patients_birth_date'), table_name='patients')
    op.drop_table('patients')
    op.drop_index('uq_doctors_license_number', table_name='doctors', postgresql_where=sa.text('retired_at IS NULL'))
    op.drop_index('uq_doctors_email', table_name='doctors', postgresql_where=sa.text('retired_at IS NULL'))
    op.drop_index(op.f('ix_doctors_specialty'), table_name='doctors')
    op.drop_index(op.f('ix_doctors_family_name'), table_name='doctors')
    op.drop_table('doctors')
    op.execute("DROP FUNCTION claim_medical_record_number(text)")
    op.execute("DROP SEQUENCE medical_record_numbers")
