"""SIGTERM while requests run: each that was begun gets its answer, and what was answered is in the audit."""

import json
import socket
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from select import select
from typing import Any
from uuid import uuid4

from tests.factories import patient_body
from tests.faults.clients import PATIENCE, Notes, together
from tests.faults.clinic import LOGIN, Clinic
from tests.faults.figures import Figure

BEFORE = 1  # seconds of work until the signal
PAUSE = 0.05  # seconds, of a client who was refused
GONE_WITHIN = 20  # seconds
PARTS = 10

Request = tuple[str, str, dict[str, Any]]


class Ids:
    """Of the requests that were answered with success, and of those that were not answered at all."""

    def __init__(self) -> None:
        self.answered: set[str] = set()
        self.lost: set[str] = set()


def stopping(clinic: Clinic, slow_body: float) -> list[Figure]:
    """Somebody else sends a body that takes so many seconds; only where that is too long it need not be answered."""
    notes, ids, slow = Notes(), Ids(), [0]
    end = busy_until_the_end(clinic, notes, ids, lambda: None, lambda: slow.append(send_slowly(clinic, slow_body)))
    told = {id for (id,) in clinic.database.ask("SELECT request_id FROM audit_events")}
    return [
        Figure("answered with success", len(ids.answered), least=1),
        Figure("done, but not answered", len(ids.lost & told), most=0),
        Figure("answered, but not in the audit", len(ids.answered - told), most=0),
        Figure("answer to the slow sender", slow[-1], least=201 if slow_body < GONE_WITHIN else 0, most=499),
        *notes.figures(broken=None),
        *end,
    ]


def stopping_without_the_database(clinic: Clinic) -> list[Figure]:
    """Frozen, so that all who run wait for it."""
    notes = Notes()
    end = busy_until_the_end(clinic, notes, Ids(), clinic.database.freeze)
    return [*notes.figures(broken=None), *end]


def busy_until_the_end(
    clinic: Clinic, notes: Notes, ids: Ids, harm: Callable[[], None], *others: Callable[[], None]
) -> list[Figure]:
    """Six read and write and one signs in until the process is gone; how it ended."""
    ends: list[float] = []

    def stop() -> None:
        time.sleep(BEFORE)
        harm()
        began = time.monotonic()
        try:
            ends.extend([clinic.api.terminate(), time.monotonic() - began])
        finally:
            clinic.database.thaw()

    patient = f"/patients/{clinic.patients(1)[0]}"
    mixed: list[Request] = [
        ("GET", patient, {}),
        ("POST", "/patients", {"json": patient_body()}),
        ("GET", "/patients?limit=5", {}),
    ]
    workers = [partial(work, clinic, notes, ids, mixed)] * 6
    together([stop, *workers, partial(work, clinic, notes, ids, [("POST", "/auth/login", {"data": LOGIN})]), *others])
    return [Figure("exit status", ends[0], most=0), Figure("gone", ends[1], most=GONE_WITHIN, unit="s")]


def work(clinic: Clinic, notes: Notes, ids: Ids, requests: list[Request]) -> None:
    assert clinic.api.process is not None
    with clinic.admin(notes) as client:
        for method, path, options in cycle(requests):
            id = uuid4().hex
            answer = client.ask(method, path, headers={"X-Request-ID": id}, **options)
            if answer is None:
                ids.lost.add(id)
                time.sleep(PAUSE)
            elif answer.is_success:
                ids.answered.add(id)
            if clinic.api.process.poll() is not None:
                return


def send_slowly(clinic: Clinic, seconds: float) -> int:
    """The status of the answer, 0 for none; it may come before the body is complete."""
    body = json.dumps(patient_body()).encode()
    token, size = clinic.tokens["access_token"], len(body) // PARTS + 1
    head = f"POST /patients HTTP/1.1\r\nHost: clinic\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(clinic.api.port)), PATIENCE) as connection:
        try:
            connection.sendall(head.encode())
            for start in range(0, len(body), size):
                if select([connection], [], [], seconds / PARTS)[0]:
                    break  # there is an answer already
                connection.sendall(body[start : start + size])
            line = connection.makefile("rb").readline()
        except OSError:
            return 0
    return int(line.split()[1]) if line else 0
