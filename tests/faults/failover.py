"""The primary dies, its synchronous standby is promoted, and DATABASE_URL, which names both, leads there."""

import time

from tests.factories import patient_body
from tests.faults.clients import Notes, together
from tests.faults.clinic import folder, opened
from tests.faults.figures import Figure
from tests.faults.ledger import audited, write_and_read
from tests.faults.postgres import postgres
from tests.faults.waiting import sleep_until, until

UNNOTICED = 1  # seconds until somebody promotes the standby
ANSWERED_WITHIN = 30  # seconds
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
CANCEL = f"SELECT count(pg_cancel_backend(pid)) FROM ({WAITING}) AS waiting"


def failover(seconds: float, clients: int) -> list[Figure]:
    """Clients write for so long; after a half the primary is killed."""
    with folder() as place, postgres(place / "primary") as primary, primary.standby(place / "standby") as standby:
        both = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{both}/clinic?target_session_attrs=read-write"
        with opened(place, primary, url) as clinic:
            outage = [0.0]

            def harm() -> None:
                began = time.monotonic()
                sleep_until(began + seconds / 2)
                primary.kill()
                time.sleep(UNNOTICED)
                standby.promote()
                outage.append(clinic.seconds_until_it_works())
                sleep_until(began + seconds)

            ledger, notes = write_and_read(clinic, clients, harm)
            clinic.database = standby
            return [
                *audited(clinic, ledger),
                *notes.figures(),
                Figure("writing again after promotion", max(outage), most=10, unit="s"),
            ]


def unconfirmed() -> list[Figure]:
    """The standby is frozen. Whoever waits for it is cut off in the end, or cancelled before: PostgreSQL calls that
    committed, with a warning."""
    with (
        folder() as place,
        postgres(place / "primary") as primary,
        primary.standby(place / "standby") as standby,
        opened(place, primary, primary.url) as clinic,
    ):
        notes, afterwards, key = Notes(), Notes(), {"Idempotency-Key": "unconfirmed"}

        def ask() -> None:
            with clinic.admin(notes) as admin:
                for headers in ({}, key, key):
                    admin.ask("POST", "/patients", json=patient_body(), headers=headers)

        standby.freeze()
        with clinic.admin(notes) as admin:
            admin.ask("POST", "/patients", json=patient_body())
        freed = until(lambda: primary.ask(WAITING) == [], ANSWERED_WITHIN)
        together([ask, lambda: until(lambda: len(notes) == 4 or not primary.ask(CANCEL), ANSWERED_WITHIN)])
        standby.thaw()
        with clinic.admin(afterwards) as admin:
            admin.ask("POST", "/patients", json=patient_body(), headers=key)
        return [
            Figure("acknowledged without the standby", len(notes) - notes.statuses[503], most=0),
            Figure("acknowledged with it", afterwards.statuses[201], least=1),
            Figure("patients by four requests", primary.ask("SELECT count(*) FROM patients")[0][0], least=3, most=3),
            Figure("its connection free after the answer", freed, most=1, unit="s"),
            *notes.figures(),
        ]
