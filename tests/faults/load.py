"""Many at once: a crowd that arrives in one moment, and a clinic at work."""

import threading
import time
from functools import partial
from random import choice

from tests.faults.clients import Notes, together
from tests.faults.clinic import Clinic
from tests.faults.figures import Figure
from tests.faults.ledger import audited, write_and_read

PATIENTS = 50
SERVED = 0.99  # of a crowd


def crowd(clinic: Clinic, clients: int, requests: int) -> list[Figure]:
    """All begin in one moment, and each reads so many times, one after the other."""
    patients, notes, gate = clinic.patients(PATIENTS), Notes(), threading.Barrier(clients)
    lists = ["/patients?limit=20", "/patients?q=nun+jos&limit=10"]

    def come(number: int) -> None:
        with clinic.admin(notes) as client:
            gate.wait()
            for turn in range(number, number + requests):
                client.ask("GET", lists[turn // 2 % 2] if turn % 2 else f"/patients/{choice(patients)}")

    together([partial(come, number) for number in range(clients)])
    statuses = notes.statuses
    return [
        Figure("share served", statuses[200] / len(notes), least=SERVED),
        Figure("neither 200 nor 503", len(notes) - statuses[200] - statuses[503], most=0),
        *notes.figures(),
    ]


def mixed_load(clinic: Clinic, seconds: float, clients: int) -> list[Figure]:
    ledger, notes = write_and_read(clinic, clients, lambda: time.sleep(seconds))
    failed = sum(note.status >= 500 for note in notes)
    return [Figure("answers of 5xx", failed, most=0), *notes.figures(), *audited(clinic, ledger)]
