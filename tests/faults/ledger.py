"""Clients that write and read, a ledger of what was acknowledged to them, and its audit."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from uuid import uuid4

from tests.factories import patient_body
from tests.faults.clients import Client, Notes, together
from tests.faults.clinic import LOGIN, Clinic
from tests.faults.figures import Figure

GIVES_UP = 30  # seconds, for a create that is repeated with its key
READERS = 4
PAUSE = 0.1  # seconds, of a client who was not served
KEYED, ONCE = "Keyed", "Once"
"""How a patient was made, in the given name, which nobody else has."""


@dataclass
class Ledger:
    mark: str = field(default_factory=lambda: uuid4().hex[:8])
    """What the given names of its patients begin with."""
    patients: dict[str, int] = field(default_factory=dict)
    """Acknowledged creates: given name and id."""
    addresses: dict[int, list[str | None]] = field(default_factory=dict)
    """What a patient's address may be: the last one acknowledged, and those after it that may have been written."""
    assignments: set[tuple[int, int]] = field(default_factory=set)


class Writer:
    def __init__(self, client: Client, ledger: Ledger, doctors: list[int], number: int) -> None:
        self.client, self.ledger, self.doctors, self.number = client, ledger, doctors, number
        self.mine: list[int] = []
        self.random = Random()

    def work(self, is_over: Callable[[], bool]) -> None:
        often = {self.create_with_key: 30, self.create: 12, self.change: 15, self.assign: 10}
        often |= {self.read: 15, self.list: 8, self.search: 8, self.log_in: 2}
        while not is_over():
            what = self.random.choices([*often], [*often.values()])[0] if self.mine else self.create
            if not what():
                time.sleep(PAUSE)

    def create_with_key(self) -> bool:
        """Repeated until an answer comes."""
        name, key, began = self.new_name(KEYED), str(uuid4()), time.monotonic()
        while not self.create(name, {"Idempotency-Key": key}):
            if time.monotonic() - began > GIVES_UP:
                return False
            time.sleep(PAUSE)
        return True

    def create(self, name: str | None = None, headers: dict[str, str] | None = None) -> bool:
        name = name or self.new_name(ONCE)
        answer = self.client.ask("POST", "/patients", json=patient_body(given_name=name), headers=headers)
        if answer is None or answer.status_code != 201:
            return False
        self.mine.append(answer.json()["id"])
        self.ledger.addresses[self.mine[-1]] = [None]
        self.ledger.patients[name] = self.mine[-1]
        return True

    def new_name(self, how: str) -> str:
        return f"{self.ledger.mark} {how} {self.number} {uuid4().hex}"

    def change(self) -> bool:
        id, address = self.random.choice(self.mine), uuid4().hex
        self.ledger.addresses[id].append(address)
        if not self.client.succeeds("PATCH", f"/patients/{id}", json={"address": address}):
            return False
        self.ledger.addresses[id] = [address]
        return True

    def assign(self) -> bool:
        link = (self.random.choice(self.doctors), self.random.choice(self.mine))
        if not self.client.succeeds("POST", f"/doctors/{link[0]}/patients/{link[1]}"):
            return False
        self.ledger.assignments.add(link)
        return True

    def read(self) -> bool:
        return self.client.succeeds("GET", f"/patients/{self.random.choice(self.mine)}")

    def list(self) -> bool:
        return self.client.succeeds("GET", "/patients?limit=20")

    def search(self) -> bool:
        return self.client.succeeds("GET", f"/patients?limit=20&q={self.ledger.mark}+{self.number}")

    def log_in(self) -> bool:
        return self.client.succeeds("POST", "/auth/login", data=LOGIN)


def write_and_read(clinic: Clinic, clients: int, harm: Callable[[], None]) -> tuple[Ledger, Notes]:
    """So many clients at work for as long as the harm takes."""
    ledger, notes, over = Ledger(), Notes(), threading.Event()
    doctors = clinic.doctors(3)

    def work(number: int) -> None:
        with clinic.admin(notes) as client:
            Writer(client, ledger, doctors, number).work(over.is_set)

    def harm_and_end() -> None:
        try:
            harm()
        finally:
            over.set()

    together([harm_and_end, *(partial(work, number) for number in range(clients))])
    return ledger, notes


def audited(clinic: Clinic, ledger: Ledger) -> list[Figure]:
    """Every acknowledged write, looked up through the API and in the database."""
    rows = clinic.database.ask("SELECT given_name, id, address FROM patients WHERE given_name ^@ %s", ledger.mark)
    links = set(clinic.database.ask("SELECT doctor_id, patient_id FROM assignments"))
    told = {id for (id,) in clinic.database.ask("SELECT entity_id FROM audit_events WHERE action = 'create'")}
    stored, addresses = {(name, id) for name, id, _ in rows}, {id: address for _, id, address in rows}
    twice = [name.split()[1] for name, count in Counter(name for name, *_ in rows).items() if count > 1]
    return [
        Figure("acknowledged writes", len(ledger.patients) + len(ledger.assignments), least=1),
        Figure("lost patients", len(ledger.patients.items() - stored), most=0),
        Figure("lost in the API's view", len(unseen(clinic, ledger)), most=0),
        Figure("lost changes", sum(addresses.get(id) not in may for id, may in ledger.addresses.items()), most=0),
        Figure("lost assignments", len(ledger.assignments - links), most=0),
        Figure("creates without an audit event", len(set(ledger.patients.values()) - told), most=0),
        Figure("made twice with a key", twice.count(KEYED), most=0),
        Figure("made twice by a single request", twice.count(ONCE), most=0),
    ]


def unseen(clinic: Clinic, ledger: Ledger) -> list[int]:
    """Patients whom the API does not show as they were acknowledged."""
    missing, all_of_them = list[int](), list(ledger.patients.items())

    def look(some: list[tuple[str, int]]) -> None:
        with clinic.admin() as client:
            for name, id in some:
                answer = client.ask("GET", f"/patients/{id}")
                if answer is None or answer.status_code != 200 or answer.json()["given_name"] != name:
                    missing.append(id)

    together([partial(look, all_of_them[part::READERS]) for part in range(READERS)])
    return missing
