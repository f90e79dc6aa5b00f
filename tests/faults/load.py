"""Many at once: a crowd that arrives in one moment, and a clinic at work."""

import threading
import time
from collections.abc import Callable
from functools import partial
from random import Random

from tests.factories import password_of, patient_body
from tests.faults.clients import Client, Notes, together
from tests.faults.clinic import ADMIN, Clinic
from tests.faults.figures import Figure

PATIENTS = 50
SERVED = 0.99  # of a crowd


def crowd(clinic: Clinic, clients: int, requests: int) -> list[Figure]:
    """All begin in one moment, and each reads so many times, one after the other."""
    patients, notes, gate = clinic.patients(PATIENTS), Notes(), threading.Barrier(clients)

    def come(number: int) -> None:
        random = Random()
        with clinic.admin(notes) as client:
            gate.wait()
            for turn in range(requests):
                reads[(number + turn) % len(reads)](client, random)

    def one(client: Client, random: Random) -> None:
        client.ask("GET", f"/patients/{random.choice(patients)}")

    def page(client: Client, _random: Random) -> None:
        client.ask("GET", "/patients?limit=20")

    def found(client: Client, _random: Random) -> None:
        client.ask("GET", "/patients?q=nun+jos&limit=10")

    reads: list[Callable[[Client, Random], None]] = [one, page, one, found]
    together([partial(come, number) for number in range(clients)])
    statuses = notes.statuses
    return [
        Figure("share served", statuses[200] / len(notes), least=SERVED),
        Figure("neither 200 nor 503", len(notes) - statuses[200] - statuses[503], most=0),
        *notes.figures(),
    ]
