"""Two servers of one clinic, which a client meets in turn, as behind a proxy; and the workers of one server."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import URL

from tests.factories import patient_body
from tests.faults.waiting import until
from tests.process import server, text_of

PERSON = {"email": "admin@example.org", "password": "a long night at the harbour", "role": "ADMIN"}
LOGIN = {"username": PERSON["email"], "password": PERSON["password"]}
WITHIN = 30  # seconds


class InTurn:
    """Each request goes to the next server."""

    def __init__(self, clients: list[httpx.Client]) -> None:
        self.clients = cycle(clients)
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = self.headers | options.pop("headers", {})
        return next(self.clients).request(method, path, headers=headers, **options)

    def log_in(self) -> dict[str, str]:
        tokens: dict[str, str] = self.ask("POST", "/auth/login", data=LOGIN).json()
        self.headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return tokens


@pytest.fixture(scope="module")
def servers(database_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx.Client]]:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "JWT_SECRET": "the same for both"}
    with ExitStack() as stack:
        addresses = [stack.enter_context(server(cwd=tmp_path_factory.mktemp("server"), **settings))[0] for _ in "12"]
        yield [stack.enter_context(httpx.Client(base_url=address, timeout=WITHIN)) for address in addresses]


@pytest.fixture
def replicas(servers: list[httpx.Client]) -> InTurn:
    replicas = InTurn(servers)
    assert replicas.ask("POST", "/auth/register", json=PERSON).status_code == 201
    return replicas


def test_a_session_is_one_at_both(replicas: InTurn) -> None:
    tokens = replicas.log_in()
    assert [replicas.ask("GET", "/auth/me").status_code for _ in range(2)] == [200, 200]
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert replicas.ask("POST", "/auth/refresh", json=refresh).status_code == 200
    assert replicas.ask("POST", "/auth/refresh", json=refresh).status_code == 401  # it was used, at the other
    assert [replicas.ask("GET", "/auth/me").status_code for _ in range(2)] == [401, 401]


def test_who_signs_out_at_one_is_out_at_both(replicas: InTurn) -> None:
    replicas.log_in()
    assert replicas.ask("POST", "/auth/logout").status_code == 204
    assert [replicas.ask("GET", "/auth/me").status_code for _ in range(2)] == [401, 401]


def test_a_repeat_at_the_other_is_answered_as_the_first_time(replicas: InTurn) -> None:
    replicas.log_in()
    key = {"Idempotency-Key": "once"}
    first, second = [replicas.ask("POST", "/patients", json=patient_body(), headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code, second.headers["idempotent-replayed"]) == (201, 201, "true")
    assert first.json() == second.json()
    assert len(replicas.ask("GET", "/patients").json()) == 1


def test_an_etag_of_one_counts_at_the_other(replicas: InTurn) -> None:
    replicas.log_in()
    made = replicas.ask("POST", "/patients", json=patient_body())
    known = {"If-Match": made.headers["etag"]}
    changes = [replicas.ask("PATCH", "/patients/1", json={"address": text}, headers=known) for text in "ab"]
    assert [change.status_code for change in changes] == [200, 412]


def test_guesses_at_both_count_together(replicas: InTurn) -> None:
    wrong = LOGIN | {"password": "something else"}
    statuses = [replicas.ask("POST", "/auth/login", data=wrong).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_a_worker_that_was_killed_is_replaced_and_none_outlasts_the_server(database_url: URL, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    with server("clinic_api", "serve", "--workers", "2", cwd=tmp_path, **settings) as (address, process):
        until(lambda: len(workers_of(process.pid)) == 2, WITHIN)
        lost, kept = workers_of(process.pid)
        lost.kill()
        until(lambda: len(workers_of(process.pid)) == 2 and lost not in workers_of(process.pid), WITHIN)
        assert httpx.get(f"{address}/health/ready", timeout=WITHIN).status_code == 200
        assert kept in workers_of(process.pid)
        workers = workers_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN) == 0
        assert not any(worker.is_running() for worker in workers)


def workers_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False
