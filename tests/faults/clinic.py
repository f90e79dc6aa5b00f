"""A clinic that can be harmed: PostgreSQL, the API as a process at it, an administrator."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.factories import doctor_body, password_of, patient_body
from tests.faults.clients import Client, Notes
from tests.faults.postgres import Postgres, postgres
from tests.faults.waiting import until
from tests.process import environment, free_port, run

STARTS_WITHIN = 30  # seconds
STOPS_WITHIN = 65
RECOVERS_WITHIN = 60
ADMIN = "admin@example.org"
LOGIN = {"username": ADMIN, "password": password_of(ADMIN)}


class Api:
    """`python -m clinic_api serve`, which may be killed and started again at the same address."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder, self.log = folder, folder / "api.log"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.settings = {"ENV": "dev", "DATA_DIR": str(folder), "LOG_FORMAT": "json", "DATABASE_URL": database_url}
        self.process: subprocess.Popen[bytes] | None = None

    def migrate(self) -> None:
        done = run("clinic_api", "migrate", cwd=self.folder, **self.settings)
        assert done.returncode == 0, done.stderr

    def start(self, until_it_answers: str = "/health/ready") -> float:
        """How many seconds it took until this path gave 200."""
        command = [sys.executable, "-m", "clinic_api", "serve", "--port", self.port]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment(**self.settings), stdout=log, stderr=log
            )
        with httpx.Client(base_url=self.address, trust_env=False, verify=False, timeout=STARTS_WITHIN) as client:
            return until(lambda: self.answers(client, until_it_answers), STARTS_WITHIN)

    def answers(self, client: httpx.Client, path: str) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it has ended: {self.log.read_text()[-2000:]}"
        try:
            return client.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def heal(self) -> None:
        if self.process is None or self.process.poll() is not None:
            self.start()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOPS_WITHIN)

    def terminate(self) -> int:
        """SIGTERM, to its end: the exit status; -9 where it had to be killed."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def failures(self) -> list[str]:
        """What the log says about the last answers of 500."""
        return [line for line in self.log.read_text().splitlines() if '"failure"' in line][-5:]


class Clinic:
    """`faults` gives it its database as it pleases; everything else comes from the API itself."""

    def __init__(self, database: Postgres, api: Api) -> None:
        self.database, self.api = database, api
        self.tokens: dict[str, str] = {}

    def open(self) -> None:
        self.api.migrate()
        self.api.start()
        with self.stranger() as client:
            body = {"email": ADMIN, "password": password_of(ADMIN), "role": "ADMIN"}
            client.made("/auth/register", body)
            self.tokens = client.log_in(ADMIN)

    def heal(self) -> None:
        self.database.heal()
        self.api.heal()

    def stranger(self, notes: Notes | None = None) -> Client:
        return Client(self.api.address, Notes() if notes is None else notes)

    def admin(self, notes: Notes | None = None) -> Client:
        return Client(self.api.address, Notes() if notes is None else notes, self.tokens["access_token"])

    def doctors(self, number: int) -> list[int]:
        with self.admin() as admin:
            return [int(admin.made("/doctors", doctor_body())["id"]) for _ in range(number)]

    def patients(self, number: int, **changes: Any) -> list[int]:
        with self.admin() as admin:
            return [int(admin.made("/patients", patient_body(**changes))["id"]) for _ in range(number)]

    def seconds_until_it_works(self) -> float:
        """Until a read and a write have succeeded, to be asked when PostgreSQL has just become ready."""
        with self.admin() as admin:
            reads = until(lambda: admin.succeeds("GET", "/patients?limit=1"), RECOVERS_WITHIN)
            writes = until(lambda: admin.succeeds("POST", "/patients", json=patient_body()), RECOVERS_WITHIN)
        return reads + writes


@contextmanager
def clinic() -> Iterator[Clinic]:
    with folder() as place, postgres(place / "postgres") as database, opened(place, database, database.url) as clinic:
        yield clinic


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="clinic-faults-", ignore_cleanup_errors=True) as place:
        yield Path(place)


@contextmanager
def opened(place: Path, database: Postgres, url: str) -> Iterator[Clinic]:
    clinic = Clinic(database, Api(place, url))
    try:
        clinic.open()
        yield clinic
    finally:
        clinic.api.kill()
