"""How Alembic reaches the database and the models. Revisions are numbered 0001, 0002 …"""

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, NullPool, create_engine, text

from clinic_api.migrations import MIGRATING
from clinic_api.models import metadata

config = context.config


def number_revision(_context: MigrationContext, _revision: object, directives: list[MigrationScript]) -> None:
    newest = ScriptDirectory.from_config(config).get_current_head()
    directives[0].rev_id = f"{int(newest or 0) + 1:04d}"


def migrate(url: URL) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection, target_metadata=metadata, process_revision_directives=number_revision)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
            context.run_migrations()


if address := config.get_main_option("sqlalchemy.url"):
    from clinic_api.config import postgresql_url

    migrate(postgresql_url(address))
else:
    from clinic_api.config import get_settings
    from clinic_api.database import located

    with located(get_settings()) as url:
        migrate(url)
