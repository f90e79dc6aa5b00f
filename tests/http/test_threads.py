"""Overload: a bounded line before the threads, and a deadline for each request."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import islice
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from clinic_api.config import get_settings
from clinic_api.http.threads import LINE
from clinic_api.main import create_app
from tests.factories import patient_body
from tests.test_database import wait_until_blocked

PATIENT = {"lock_timeout": 60, "statement_timeout": 60, "request_timeout": 60}  # seconds


@contextmanager
def small(admin: TestClient, **settings: Any) -> Iterator[TestClient]:
    """The administrator at an API with a single thread."""
    changed = get_settings().model_copy(update={"pool_size": 1, **settings})
    with TestClient(create_app(changed), headers=dict(admin.headers)) as client:
        yield client


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    with engine.connect() as other:
        other.execute(text("LOCK TABLE patients"))
        yield


def test_past_the_line_a_request_is_refused_at_once_and_those_in_line_are_served(
    admin: TestClient, engine: Engine
) -> None:
    most, more = 1 + LINE, 5
    with small(admin, **PATIENT) as client, ThreadPoolExecutor(most + more) as pool:
        with locked(engine):
            answers = [pool.submit(client.get, "/patients") for _ in range(most + more)]
            refused = [answer.result() for answer in islice(as_completed(answers), more)]
        statuses = [answer.result().status_code for answer in answers]
    assert all(answer.json()["detail"].startswith("Too many requests") for answer in refused)
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert sorted(statuses) == [200] * most + [503] * more


def test_a_thread_whose_request_is_given_up_is_free_again(admin: TestClient, engine: Engine) -> None:
    patient = {"lock_timeout": 60, "statement_timeout": 60, "request_timeout": 1}
    with small(admin, **patient) as client, locked(engine):
        assert client.get("/patients").status_code == 503
        assert client.get("/doctors").status_code == 200


def test_while_all_threads_are_busy_the_process_still_says_how_it_is(admin: TestClient, engine: Engine) -> None:
    with small(admin, **PATIENT) as client, ThreadPoolExecutor(1) as pool, locked(engine):
        pool.submit(client.get, "/patients")
        wait_until_blocked(engine)
        for path in ("/health/live", "/health/ready", "/health"):
            assert client.get(path).status_code == 200


def test_what_is_not_done_in_time_is_answered_503_and_not_done_later(admin: TestClient, engine: Engine) -> None:
    with small(admin, request_timeout=2) as client:
        with locked(engine):
            answer = client.post("/patients", json=patient_body())
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert client.get("/patients").json() == []
        assert client.post("/patients", json=patient_body()).status_code == 201
