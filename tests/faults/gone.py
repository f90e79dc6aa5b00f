"""The database is gone, each route that needs it is asked, and the database comes back."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import uuid4

from tests.factories import password_of, patient_body
from tests.faults.clients import STALL, Client, Note, Notes, together
from tests.faults.clinic import ADMIN, LOGIN, Clinic
from tests.faults.figures import Figure

LIVE = "/health/live"
BETWEEN_LOOKS = 0.1  # seconds
BACKLOG = 1024
AT_ONCE = 40

Call = Callable[[Notes], None]


class Gone(StrEnum):
    killed = "killed"
    frozen = "frozen"
    not_started = "not started before the API"
    silent = "a port that accepts and never answers"


def gone(clinic: Clinic, how: Gone, clients: int, *, in_turn: bool) -> list[Figure]:
    """Each route is asked by so many clients at once; one after the other, or all of them together."""
    calls, notes, live = calls_of(clinic), Notes(), Notes()
    fill_the_pool(clinic, calls[0])
    with HOWS[how](clinic), watched(clinic, live):
        for batch in [[call] for call in calls] if in_turn else [calls]:
            together([partial(call, notes) for call in batch * clients])
    clinic.database.heal()
    again, afterwards = clinic.seconds_until_it_works(), Notes()
    together([partial(call, afterwards) for call in calls])
    wrong = [note for note in notes if note.status not in (503, 429 if note.path == "/health" else 503)]
    return [
        Figure("not answered with 503", len(wrong), most=0, remark=", ".join(sorted({told(note) for note in wrong}))),
        *notes.figures(),
        Figure("/health/live other than 200", len(live) - live.statuses[200], most=0),
        Figure("slowest /health/live", live.slowest, most=STALL, unit="s"),
        Figure("success again", again, most=2, unit="s"),
        Figure("5xx when it is there again", sum(note.status not in range(200, 500) for note in afterwards), most=0),
    ]


def fill_the_pool(clinic: Clinic, call: Call) -> None:
    """So that there are many connections that die."""
    hold = partial(clinic.database.ask, "LOCK TABLE patients; SELECT pg_sleep(0.5)")
    together([hold, *[partial(call, Notes())] * AT_ONCE])


def told(note: Note) -> str:
    return f"{note.method} {note.path}: {note.status}"


def calls_of(clinic: Clinic) -> list[Call]:
    """Each route that needs the database, signed in from before where it takes a token."""
    patient = f"/patients/{clinic.patients(1)[0]}"
    with clinic.stranger() as stranger:
        refresh_token = stranger.log_in(ADMIN)["refresh_token"]

    def signed_in(method: str, path: str, **options: Any) -> Call:
        return partial(ask, clinic.admin, method, path, **options)

    def anybody(method: str, path: str, **options: Any) -> Call:
        return partial(ask, clinic.stranger, method, path, **options)

    return [
        signed_in("GET", "/patients?limit=1"),
        signed_in("GET", patient),
        signed_in("POST", "/patients", json=patient_body()),
        signed_in("POST", "/patients", json=patient_body(), headers={"Idempotency-Key": str(uuid4())}),
        signed_in("PATCH", patient, json={"address": "Harbour 1"}),
        signed_in("POST", "/auth/register", json=account()),
        anybody("POST", "/auth/login", data=LOGIN),
        anybody("POST", "/auth/refresh", json={"refresh_token": refresh_token}),
        anybody("GET", "/health/ready"),
        anybody("GET", "/health"),
    ]


def account() -> dict[str, Any]:
    email = f"{uuid4().hex}@example.org"
    return {"email": email, "password": password_of(email), "role": "DOCTOR"}


def ask(who: Callable[[Notes], Client], method: str, path: str, notes: Notes, **options: Any) -> None:
    with who(notes) as client:
        client.ask(method, path, **options)


@contextmanager
def watched(clinic: Clinic, live: Notes) -> Iterator[None]:
    """Somebody looks all the time whether the process lives."""
    over = threading.Event()

    def watch() -> None:
        with clinic.stranger(live) as client:
            while not over.wait(BETWEEN_LOOKS):
                client.ask("GET", LIVE)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@contextmanager
def killed(clinic: Clinic) -> Iterator[None]:
    clinic.database.kill()
    yield


@contextmanager
def frozen(clinic: Clinic) -> Iterator[None]:
    clinic.database.freeze()
    try:
        yield
    finally:
        clinic.database.thaw()


@contextmanager
def not_started(clinic: Clinic) -> Iterator[None]:
    clinic.api.kill()
    clinic.database.stop()
    clinic.api.start(LIVE)
    yield


@contextmanager
def silent(clinic: Clinic) -> Iterator[None]:
    clinic.api.kill()
    clinic.database.stop()
    with socket.create_server(("127.0.0.1", int(clinic.database.port)), backlog=BACKLOG):
        clinic.api.start(LIVE)
        yield


HOWS = {Gone.killed: killed, Gone.frozen: frozen, Gone.not_started: not_started, Gone.silent: silent}
