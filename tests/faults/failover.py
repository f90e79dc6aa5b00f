"""The primary dies, its synchronous standby is promoted, and DATABASE_URL, which names both, leads there."""

import time

from tests.faults.clinic import folder, opened
from tests.faults.figures import Figure
from tests.faults.ledger import audited, write_and_read
from tests.faults.postgres import postgres
from tests.faults.waiting import sleep_until

UNNOTICED = 1  # seconds until somebody promotes the standby


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
