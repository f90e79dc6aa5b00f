"""The servers that are compared: the clinic as in production, the textbook, and the floor."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.load import Failed
from benchmarks.machine import PLACE, ROOT, SERVER, Cores, on
from benchmarks.people import ADMIN, PASSWORD

STARTS_WITHIN = 30  # seconds
STOPS_WITHIN = 20
POLL = 0.01
SECRET = secrets.token_urlsafe(48)


class Server:
    """A running one, and its process."""

    def __init__(self, name: str, port: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name, self.process, self.log = name, process, log
        self.address = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.address, trust_env=False, timeout=60)

    def wait_for(self, path: str) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while not self.answers(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{self.name} does not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(POLL)

    def answers(self, path: str) -> bool:
        try:
            return self.http.get(path).status_code < 500
        except httpx.TransportError:
            return False

    def token(self, email: str = ADMIN) -> str:
        path = "/login/access-token" if self.name == "textbook" else "/auth/login"
        answer = self.http.post(path, data={"username": email, "password": PASSWORD})
        return str(self.checked(answer).json()["access_token"])

    def get(self, path: str, token: str) -> httpx.Response:
        """Raises Failed for anything but 200."""
        return self.checked(self.http.get(path, headers=bearer(token)))

    def checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code != 200:
            raise Failed(f"{self.name}: {answer.request.url} was answered {answer.status_code}: {answer.text[:500]}")
        return answer

    def memory(self) -> float:
        """Resident, in MB, of this process."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    def processor_time(self) -> float:
        """Seconds that this process has used of a core until now."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        self.http.close()
        self.process.terminate()
        try:
            self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def started(name: str, *command: str, cores: Cores, ready: str, **settings: str) -> Iterator[Server]:
    """Until this path answers. Its log goes to a file, as in production."""
    PLACE.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), PLACE / f"{name.replace(' ', '-')}.log"
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    with log.open("w") as output:
        process = subprocess.Popen(
            on(cores, sys.executable, "-m", *command, "--port", port),
            cwd=PLACE,
            env=kept | {"PYTHONPATH": str(ROOT), "JWT_SECRET": SECRET, **settings},
            stdout=output,
            stderr=output,
        )
    server = Server(name, port, process, log)
    try:
        server.wait_for(ready)
        yield server
    finally:
        server.stop()


@contextmanager
def clinic(database: str, *options: str, cores: Cores = SERVER, ready: str = "/health/ready") -> Iterator[Server]:
    """With everything on and each setting at its default for production."""
    command = ("clinic_api", "serve", *options)
    with started("Clinic API", *command, cores=cores, ready=ready, ENV="prod", DATABASE_URL=database) as server:
        yield server


@contextmanager
def textbook(database: str) -> Iterator[Server]:
    command = ("uvicorn", "benchmarks.textbook:app")
    with started("textbook", *command, cores=SERVER, ready="/docs", DATABASE_URL=database) as server:
        yield server


@contextmanager
def floor() -> Iterator[Server]:
    command = ("uvicorn", "benchmarks.floor:app", "--no-access-log")
    with started("Starlette", *command, cores=SERVER, ready="/1") as server:
        yield server


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
