"""Clients write and read while PostgreSQL and the API are killed with -9, each several times."""

import time
from random import Random

from tests.faults.clinic import Clinic
from tests.faults.figures import Figure
from tests.faults.ledger import audited, write_and_read
from tests.faults.waiting import sleep_until

LONGEST_OUTAGE = 2  # seconds, of PostgreSQL


def chaos(clinic: Clinic, seconds: float, clients: int, kills: int) -> list[Figure]:
    """`kills` of PostgreSQL and as many of the API, in any order, at random moments."""
    random = Random()
    recoveries, starts = [0.0], [0.0]

    def kill_the_database() -> None:
        clinic.database.kill()
        time.sleep(random.uniform(0, LONGEST_OUTAGE))
        clinic.database.start()
        recoveries.append(clinic.seconds_until_it_works())

    def kill_the_api() -> None:
        clinic.api.kill()
        starts.append(clinic.api.start())

    def harm() -> None:
        began, share = time.monotonic(), seconds / (2 * kills)
        for number, kill in enumerate(random.sample([kill_the_database, kill_the_api] * kills, 2 * kills)):
            sleep_until(began + (number + random.random()) * share)
            kill()
        sleep_until(began + seconds)

    ledger, notes = write_and_read(clinic, clients, harm)
    return [
        *audited(clinic, ledger),
        *notes.figures(broken=None),
        Figure("success again after PostgreSQL accepts", max(recoveries), most=2, unit="s"),
        Figure("API ready", max(starts), most=5, unit="s"),
    ]
