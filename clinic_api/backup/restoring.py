"""The way back: a backup replaces what is in the database in one transaction, or leaves it as it was."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from psycopg2 import errorcodes
from sqlalchemy import text

from clinic_api import migrations
from clinic_api.backup.archive import MAGIC, Tally, in_words, script, start_of
from clinic_api.backup.programs import BackupFailed, find_programs, program, reason, started, wait_for
from clinic_api.backup.server import NO_HURRY, Server, connected
from clinic_api.config import Settings
from clinic_api.errors import Unready
from clinic_api.models import metadata
from clinic_api.telling import Tell

SECTIONS: tuple[Literal["pre-data", "data", "post-data"], ...] = ("pre-data", "data", "post-data")
OLDEST_PROGRAMS = 13
SHOWN = 10  # things in a database that is not empty
UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"

# All that is in the schema, but for what an extension brought and what goes with a table.
THINGS = """
    SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
        WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind, relname AS name, oid::regclass::text AS spelled
    FROM pg_class
    WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
        AND deptype IN ('a', 'e', 'i'))
    UNION ALL
    SELECT 'ROUTINE', proname, oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = quote_ident(current_schema())::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid
        AND deptype IN ('e', 'i'))
    ORDER BY kind DESC, name
"""
# The schema itself stays, with the rights that others have in it. Nobody else migrates meanwhile.
MAKE_ROOM = f"""
{NO_HURRY};
SET client_min_messages = warning;
SET lock_timeout = {{lock_timeout}};
BEGIN;
SELECT pg_advisory_xact_lock({migrations.MIGRATING});
DO $$
DECLARE
    thing record;
    has_rows boolean := false;
BEGIN
    FOR thing IN {THINGS} LOOP
        IF thing.kind = 'TABLE' AND thing.name <> 'alembic_version' AND NOT {{replace}} THEN
            EXECUTE format('LOCK TABLE %s', thing.spelled);
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', thing.spelled) INTO has_rows;
        END IF;
        IF has_rows THEN
            RAISE EXCEPTION USING ERRCODE = 'object_in_use';
        END IF;
        EXECUTE format('DROP %s IF EXISTS %s CASCADE', thing.kind, thing.spelled);
    END LOOP;
END $$;
"""
PROVE = """
DO $$
BEGIN
    IF (SELECT count(*) FROM {table}) <> {rows} THEN
        RAISE EXCEPTION USING ERRCODE = 'data_corrupted';
    END IF;
END $$;
ANALYZE {table};
"""
IN_USE = "somebody else is using it. Stop the API, or try again"
REASONS = {
    "40P01": IN_USE,
    "55P03": IN_USE,
    "55006": "somebody has just written into it. Look what it was, or give --replace to delete it",
    "42501": "its role may not do that. The role must own the tables, and may create others",
    "53100": "its disk is full",
    "XX001": "what arrived is not what the file holds",
}


class Restored(NamedTuple):
    rows: dict[str, int]
    """Of each table."""
    migrated_from: str | None
    """The revision of the backup, if it was older than this code."""


def restore(settings: Settings, file: Path, replace: bool, tell: Tell) -> Restored:
    """Put what the file holds into the database of the settings; `replace` deletes what is there.

    Raises BackupFailed, having changed nothing, unless it is the migration of an older backup that fails.
    """
    with in_words(file):
        if start_of(file) != MAGIC:
            raise BackupFailed(f"{file} is no backup of this program. Choose a file that `backup` has written.")
    with connected(settings) as server:
        if not replace:
            refuse_what_is_there(server)
        programs = find_programs(OLDEST_PROGRAMS, tls=server.tls)
        rows, revision = look_into(server, programs, file, tell)
        server.connection.rollback()  # who waits for the others' locks must hold none
        load(server, programs, file, rows, replace, tell)
        older = revision < migrations.newest()
        if older:
            tell("Migrating")
            try:
                migrations.upgrade(server.url)
            except Unready:
                raise BackupFailed(
                    f"The backup is restored, but its schema is still {revision}. Run: python -m clinic_api migrate"
                ) from None
        return Restored(rows, revision if older else None)


def refuse_what_is_there(server: Server) -> None:
    own = {*metadata.tables, *migrations.made_by_hand(), "alembic_version"}
    things = server.connection.execute(text(THINGS)).all()
    found = [f"a {kind.lower()} {name} of somebody else" for kind, name, _ in things if name not in own]
    for table, rows in server.count().items():
        name = table.removeprefix(server.prefix)
        if rows and name != "alembic_version":
            found.append(f"{name} ({rows:,})")
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise BackupFailed(
            f"The database is not empty: it has {', '.join(found[:SHOWN])}{more}."
            " Give --replace to delete all that and restore the backup in its place."
        )


def look_into(server: Server, programs: Path, file: Path, tell: Tell) -> tuple[dict[str, int], str]:
    """The rows of each table in the file, which is read to its end for that, and the revision of its schema."""
    tally, revision = Tally(lambda read: tell("Reading", f"{read:,} rows")), ""
    with closing(script(programs, file, server.schema, "data")) as lines:
        for line in tally.count(lines):
            if tally.table == f"{server.prefix}alembic_version":
                revision = line.decode().strip()
    own = {server.prefix + name for name in ("users", "doctors", "patients")}
    if not (own <= tally.rows.keys() and re.fullmatch(r"\d{4}", revision)):
        raise BackupFailed(f"{file} holds no clinic in the schema {server.schema}. Choose another file.")
    if revision > migrations.newest():
        raise BackupFailed(
            f"The backup was made by a newer version of this program (its schema is {revision}, the newest known here"
            f" {migrations.newest()}). Install that version, and restore with it."
        )
    return tally.rows, revision


def load(server: Server, programs: Path, file: Path, rows: dict[str, int], replace: bool, tell: Tell) -> None:
    """One transaction, which psql must not commit by itself: it would do so after half a file as well."""
    command = [
        program(programs, "psql"), "--no-psqlrc", "--quiet", "--no-password", f"--output={os.devnull}",
        "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=sqlstate", "--set=SHOW_CONTEXT=never",
        f"--dbname={server.conninfo}",
    ]  # fmt: skip
    committing = False
    with started(command, stdin=subprocess.PIPE, secrets=server.secrets) as psql:
        assert psql.stdin
        assert psql.stdout
        try:
            with suppress(BrokenPipeError):  # it says why
                for line in statements(server, programs, file, rows, replace, tell):
                    psql.stdin.write(line)
                psql.stdin.flush()
                committing = psql.stdout.readline() != b""
                if committing:
                    psql.stdin.write(b"COMMIT;\n")
            complaint = wait_for(psql)
        except KeyboardInterrupt:
            if committing:
                raise
            raise BackupFailed("Interrupted. The database is as it was.") from None
        if psql.returncode or not committing:
            raise BackupFailed(why(psql, complaint, committing))


def statements(
    server: Server, programs: Path, file: Path, rows: dict[str, int], replace: bool, tell: Tell
) -> Iterator[bytes]:
    """All that is to be done before the commit; psql answers the end of it with a line."""
    yield MAKE_ROOM.format(lock_timeout=server.lock_timeout, replace=replace).encode()
    total = sum(rows.values())
    tally = Tally(lambda read: tell("Restoring", f"{read:,} of {total:,} rows", read / total))
    for section in SECTIONS:
        with closing(script(programs, file, server.schema, section)) as lines:
            for line in tally.count(lines):
                if tally.table or line != UNKNOWN_BEFORE_17 or server.version >= 17:
                    yield line
    tell("Making the indexes, and counting")
    for table, expected in rows.items():
        yield PROVE.format(table=table, rows=expected).encode()
    yield b"\\echo proved\n"


def why(psql: subprocess.Popen[bytes], complaint: str, committing: bool) -> str:
    """The sentence for what psql says; of an error in the database that is the SQLSTATE alone."""
    if committing:
        return "The connection broke during the commit, so the end is not known. Restore again, with --replace."
    if found := re.search(r": +([0-9A-Z]{5})$", complaint, re.MULTILINE):
        code = found[1]
        return f"The database is as it was: {REASONS.get(code) or f'it refuses the backup ({name_of(code)})'}."
    return f"The database is as it was: {reason(psql, complaint)}."


def name_of(code: str) -> str:
    try:
        return f"{errorcodes.lookup(code)}, {code}"
    except KeyError:
        return code
