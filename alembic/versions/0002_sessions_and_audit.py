"""Sessions, counted attempts, the audit and its access log, emergency access."""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


# What was told is never told differently.
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The table % is append-only.', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""

# Which events concern a patient, alone or in a list. One row for each patient of a batch, however often they were
# looked at in it: so it costs little to keep, and the newest are found without passing over the others.
LIST_ACCESS = """
CREATE FUNCTION list_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO access_log (patient_id, newest_at, newest_id, event_ids)
    SELECT shown.patient_id, max(at), max(id), array_agg(id ORDER BY id)
    FROM fresh, unnest(coalesce(entity_ids, ARRAY[entity_id])) AS shown (patient_id)
    WHERE entity = 'patient' AND shown.patient_id IS NOT NULL
    GROUP BY shown.patient_id;
    RETURN NULL;
END $$
"""
LIST_ACCESS_TRIGGER = """
CREATE TRIGGER list_access AFTER INSERT ON audit_events REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION list_access()
"""


def upgrade() -> None:
    op.create_table('access_log',
    sa.Column('patient_id', sa.Integer(), nullable=False),
    sa.Column('newest_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('newest_id', sa.BigInteger(), nullable=False),
    sa.Column('event_ids', sa.ARRAY(sa.BigInteger()), nullable=False),
    sa.PrimaryKeyConstraint('patient_id', 'newest_at', 'newest_id', name=op.f('pk_access_log'))
    )
    op.create_table('attempts',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('hashed_target', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('address', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
    sa.Column('from_known', sa.Boolean(), nullable=False),
    sa.Column('failed', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempts'))
    )
    op.create_index(op.f('ix_attempts_address_at'), 'attempts', ['address', 'at'], unique=False)
    op.create_index(op.f('ix_attempts_at'), 'attempts', ['at'], unique=False)
    op.create_index(op.f('ix_attempts_hashed_target_at'), 'attempts', ['hashed_target', 'at'], unique=False)
    op.create_table('audit_events',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.Column('actor_email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=True),
    sa.Column('action', sa.Enum('login', 'login_failed', 'logout', 'password_change', 'create', 'update', 'delete', 'restore', 'assign', 'unassign', 'emergency_access', 'merge', 'purge', 'import', 'read', 'list', 'export', name='action', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('entity', sa.Enum('user', 'doctor', 'patient', name='entity', native_enum=False, create_constraint=True, length=20), nullable=True),
    sa.Column('entity_id', sa.Integer(), nullable=True),
    sa.Column('entity_ids', sa.ARRAY(sa.Integer()), nullable=True),
    sa.Column('changes', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('address', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
    sa.Column('request_id', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_events'))
    )
    op.create_index(op.f('ix_audit_events_actor_id_id'), 'audit_events', ['actor_id', 'id'], unique=False)
    op.create_index(op.f('ix_audit_events_at'), 'audit_events', ['at'], unique=False)
    op.create_index('ix_audit_events_entity', 'audit_events', ['entity_id', 'entity', 'id'], unique=False, postgresql_where=sa.text('entity_id IS NOT NULL'))
    op.create_index('ix_audit_events_no_look', 'audit_events', ['action', 'id'], unique=False, postgresql_where=sa.text("action NOT IN ('read', 'list')"))
    op.create_index('ix_audit_events_no_patient', 'audit_events', ['entity', 'id'], unique=False, postgresql_where=sa.text("entity <> 'patient'"))
    op.create_table('sessions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('address', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('hashed_family', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('hashed_refresh_token', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sessions_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sessions')),
    sa.UniqueConstraint('hashed_family', name=op.f('uq_sessions_hashed_family'))
    )
    op.create_index(op.f('ix_sessions_user_id_address_created_at'), 'sessions', ['user_id', 'address', 'created_at'], unique=False)
    op.add_column('assignments', sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=True))
    op.add_column('assignments', sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f('ix_assignments_expires_at'), 'assignments', ['expires_at'], unique=False, postgresql_where=sa.text('expires_at IS NOT NULL'))
    op.add_column('users', sa.Column('password_set_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))
    op.create_check_constraint('ends_if_emergency', 'assignments', '(reason IS NULL) = (expires_at IS NULL)')
    op.execute(REFUSE_CHANGE)
    op.execute(LIST_ACCESS)
    op.execute(LIST_ACCESS_TRIGGER)
    for table in ('audit_events', 'access_log'):
        op.execute(APPEND_ONLY.format(table=table))


def downgrade() -> None:
    op.execute("DELETE FROM assignments WHERE expires_at IS NOT NULL")  # they would last for ever
    op.drop_column('users', 'password_set_at')
    op.drop_index(op.f('ix_assignments_expires_at'), table_name='assignments', postgresql_where=sa.text('expires_at IS NOT NULL'))
    op.drop_constraint(op.f('ck_assignments_ends_if_emergency'), 'assignments')
    op.drop_column('assignments', 'expires_at')
    op.drop_column('assignments', 'reason')
    op.drop_index(op.f('ix_sessions_user_id_address_created_at'), table_name='sessions')
    op.drop_table('sessions')
    op.drop_index('ix_audit_events_no_patient', table_name='audit_events', postgresql_where=sa.text("entity <> 'patient'"))
    op.drop_index('ix_audit_events_no_look', table_name='audit_events', postgresql_where=sa.text("action NOT IN ('read', 'list')"))
    op.drop_index('ix_audit_events_entity', table_name='audit_events', postgresql_where=sa.text('entity_id IS NOT NULL'))
    op.drop_index(op.f('ix_audit_events_at'), table_name='audit_events')
    op.drop_index(op.f('ix_audit_events_actor_id_id'), table_name='audit_events')
    op.drop_table('audit_events')
    op.drop_index(op.f('ix_attempts_hashed_target_at'), table_name='attempts')
    op.drop_index(op.f('ix_attempts_at'), table_name='attempts')
    op.drop_index(op.f('ix_attempts_address_at'), table_name='attempts')
    op.drop_table('attempts')
    op.drop_table('access_log')
    op.execute("DROP FUNCTION list_access(), refuse_change()")
