"""The database that is backed up or restored: a connection of our own, and how PostgreSQL's programs get there too."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import make_dsn
from sqlalchemy import URL, Connection, NullPool, create_engine, text

from clinic_api.backup.programs import BackupFailed
from clinic_api.config import Settings
from clinic_api.database import located

# A database or a role may have timeouts of its own; not all of them exist in each version.
NO_HURRY = """
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN (
        'statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout'
    )
"""
# A machine that is gone is noticed within a minute; in seconds, the last in milliseconds.
KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
# What pg_dump and psql set for themselves would be left to the pooler's other clients.
THROUGH_A_POOLER = (
    "DATABASE_URL leads to a pooler such as PgBouncer. Run this with PostgreSQL's own address as DATABASE_URL."
)
TABLES = text("""
    SELECT quote_ident(current_schema()) || '.' || quote_ident(relname) FROM pg_class
    WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind = 'r' AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
    )
    ORDER BY relname
""")


@dataclass
class Server:
    connection: Connection
    url: URL
    schema: str
    """Where the tables are."""
    prefix: str
    """What a table's name begins with in a statement."""
    version: int
    tls: bool
    conninfo: str
    """The address for a program. No password is in it, as everybody here sees how a program is called."""
    secrets: dict[str, str]
    """The environment of a program."""
    lock_timeout: int
    """Milliseconds."""

    def count(self) -> dict[str, int]:
        """The rows of each table, by the name that a statement has it."""
        tables = list(self.connection.scalars(TABLES))
        count = "SELECT count(*) FROM "
        return {table: self.connection.exec_driver_sql(count + table).scalar_one() for table in tables}


@contextmanager
def connected(settings: Settings) -> Iterator[Server]:
    """The database of the settings, as it is: nothing is migrated. What is done with it may take its time."""
    patience = round(settings.lock_timeout * 1000)
    with located(settings) as url:
        limits = {"connect_timeout": math.ceil(settings.connect_timeout), **KEEPALIVE}
        options = {"application_name": "clinic-api backup", **limits}
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options)
        with engine.connect() as connection:
            here = connection.connection.dbapi_connection.info  # type: ignore[union-attr]
            if connection.scalar(text("SELECT pg_backend_pid()")) != here.backend_pid:
                raise BackupFailed(THROUGH_A_POOLER)
            connection.execute(text(NO_HURRY))
            connection.execute(text("SELECT set_config('lock_timeout', :value, false)"), {"value": str(patience)})
            schema, spelled = connection.execute(text("SELECT current_schema(), quote_ident(current_schema())")).one()
            connection.commit()
            if schema is None:
                raise BackupFailed("The database has no schema for tables. Run in it: CREATE SCHEMA public")
            address: dict[str, Any] = {**engine.dialect.create_connect_args(url)[1], **options}
            address |= {"host": here.host, "port": here.port}  # of several hosts the one that we are at
            if "sslpassword" in address:
                raise BackupFailed("The address has an sslpassword, which programs take openly. Use a key without one.")
            password = address.pop("password", None)
            yield Server(
                connection,
                url,
                schema=schema,
                prefix=f"{spelled}.",
                version=here.server_version // 10_000,
                tls=here.ssl_in_use,
                conninfo=make_dsn(**address),
                secrets={"PGPASSWORD": password} if password else {},
                lock_timeout=patience,
            )
