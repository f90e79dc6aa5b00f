"""Two at once, and the same twice."""

import threading
import time
from functools import partial
from uuid import uuid4

from tests.factories import patient_body
from tests.faults.clients import Client, Notes, together
from tests.faults.clinic import Clinic
from tests.faults.figures import Figure

GIVES_UP = 60  # seconds
LANES = 4  # keys beside one another
MADE, REPLAYED = "made", "replayed"


def lost_updates(clinic: Clinic, clients: int, increments: int) -> list[Figure]:
    """All count in one patient's address, each change only on the version that was read."""
    [id], notes = clinic.patients(1, address="0"), Notes()
    ends = time.monotonic() + GIVES_UP

    def count() -> None:
        with clinic.admin(notes) as client:
            for _ in range(increments):
                while not incremented(client, f"/patients/{id}") and time.monotonic() < ends:
                    pass

    together([count] * clients)
    [(address, version)] = clinic.database.ask("SELECT address, version FROM patients WHERE id = %s", id)
    successes = sum(note.method == "PATCH" and note.status == 200 for note in notes)
    return [
        Figure("successes", successes, least=clients * increments, most=clients * increments),
        Figure("final count", int(address), least=successes, most=successes),
        Figure("versions", version - 1, least=successes, most=successes),
        *notes.figures(),
    ]


def incremented(client: Client, path: str) -> bool:
    read = client.ask("GET", path)
    if read is None or read.status_code != 200:
        return False
    body = {"address": str(int(read.json()["address"]) + 1)}
    return client.succeeds("PATCH", path, json=body, headers={"If-Match": read.headers["ETag"]})


def repeated_keys(clinic: Clinic, keys: int, repeats: int) -> list[Figure]:
    """Each key is sent so often in one moment, a few keys beside one another, and once more in the end."""
    names, notes, kinds = [f"Repeated {uuid4().hex}" for _ in range(keys)], Notes(), list[str]()

    def send(mine: list[str], gate: threading.Barrier) -> None:
        with clinic.admin(notes) as client:
            for name in mine:
                gate.wait(GIVES_UP)
                kinds.append(created(client, name))

    lanes = [(names[lane::LANES], threading.Barrier(repeats)) for lane in range(LANES)]
    together([partial(send, *lane) for lane in lanes for _ in range(repeats)])
    with clinic.admin(notes) as client:
        afterwards = [created(client, name) for name in names]
    [(rows,)] = clinic.database.ask("SELECT count(*) FROM patients WHERE given_name = ANY(%s)", names)
    others = [kind for kind in kinds if kind not in (MADE, REPLAYED, "409")]
    return [
        Figure("rows", rows, least=keys, most=keys),
        Figure("answers that say it was made", kinds.count(MADE), least=keys, most=keys),
        Figure("neither 201, replayed nor 409", len(others), most=0, remark=", ".join(sorted(set(others)))),
        Figure("replayed in the end", afterwards.count(REPLAYED), least=keys, most=keys),
        *notes.figures(),
    ]


def created(client: Client, name: str) -> str:
    """The name is the key too."""
    body = patient_body(given_name=name)
    answer = client.ask("POST", "/patients", json=body, headers={"Idempotency-Key": name})
    if answer is None or answer.status_code != 201:
        return str(answer and answer.status_code)
    return REPLAYED if answer.headers.get("Idempotent-Replayed") == "true" else MADE
