"""Looks at patients, told shortly after the answer and many at once, so that reading stays fast.

They wait in memory until they are written, which takes `GATHER` seconds and a little more. None is dropped, and none
waits for long: while the oldest is older than `OLDEST`, readers wait too, and are refused in the end. So what a killed
process may lose is one second of looks: the last one, or the first one of an outage.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

import structlog
from pydantic_core import to_json
from sqlalchemy import Engine, text

from clinic_api.audit import Actor, by
from clinic_api.database import cut_off
from clinic_api.errors import Unready
from clinic_api.models import Action, Entity

GATHER = 0.2  # seconds
OLDEST = 0.8  # seconds
BATCH = 256  # looks
BATCH_IDS = 5_000  # patients
MOST = 10_000  # looks
RETRY = 0.5  # seconds
LONGEST_WRITE = 5  # seconds, of a database that does not answer
LAST_CHANCE = 5  # seconds, when the process ends

log = structlog.get_logger()

# One parameter for a whole batch: this costs the process a tenth of what as many rows of parameters would.
WRITE = text("""
    INSERT INTO audit_events (at, actor_id, actor_email, action, entity, entity_id, entity_ids, address, request_id)
    SELECT * FROM json_to_recordset(:looks) AS look (
        at timestamptz, actor_id int, actor_email text, action text, entity text, entity_id int, entity_ids int[],
        address text, request_id text
    )
""")


class Look(NamedTuple):
    since: float
    """When it began to wait, in seconds of the monotonic clock."""
    event: dict[str, Any]


class Looks:
    """Those that wait, and the thread that writes them. `patience` is how many seconds a reader waits for room."""

    def __init__(self, engine: Engine, patience: float) -> None:
        self.engine = engine
        self.patience = patience
        self.waiting: deque[Look] = deque()
        self.changed = threading.Condition()
        self.hurry = threading.Event()
        self.ending = False
        self.failures = 0
        """How often writing failed."""
        self.writer = threading.Thread(target=self.write_all, name="audit", daemon=True)

    def add(self, actor: Actor, ids: Sequence[int], *, in_a_list: bool) -> None:
        """Somebody was shown these patients. Raises Unready when that cannot be written soon."""
        event: dict[str, Any] = {"at": datetime.now(UTC), "entity": Entity.patient, **by(actor)}
        if in_a_list:
            event |= {"action": Action.list, "entity_ids": ids}
        else:
            event |= {"action": Action.read, "entity_id": ids[0]}
        with self.changed:
            if not self.changed.wait_for(self.has_room, self.patience):
                raise Unready("The audit cannot be written now, so nothing is shown. Try again in a moment.")
            self.waiting.append(Look(time.monotonic(), event))
            if len(self.waiting) == 1:
                self.changed.notify_all()

    @property
    def lag(self) -> float:
        """Seconds that the oldest has waited."""
        with self.changed:
            return time.monotonic() - self.waiting[0].since if self.waiting else 0

    def has_room(self) -> bool:
        if not self.waiting:
            return self.writer.is_alive()
        return len(self.waiting) < MOST and time.monotonic() - self.waiting[0].since < OLDEST

    def write_all(self) -> None:
        most = BATCH
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting or self.ending)
                if not self.waiting:
                    return
            self.hurry.wait(self.waiting[0].since + GATHER - time.monotonic())
            batch = self.first(most)
            if self.written(batch):
                most = BATCH
                with self.changed:
                    for _ in batch:
                        self.waiting.popleft()
                    self.changed.notify_all()
            else:
                most = max(1, most // 2)  # it may have been too much at once
                time.sleep(RETRY)

    def first(self, most: int) -> list[Look]:
        """The oldest, as many as can be written quickly."""
        batch, ids = [], 0
        with self.changed:
            for look in islice(self.waiting, most):
                batch.append(look)
                ids += len(look.event.get("entity_ids", ()))
                if ids >= BATCH_IDS:
                    break
        return batch

    def written(self, batch: list[Look]) -> bool:
        enough = threading.Timer(LONGEST_WRITE, cut_off, [threading.get_ident()])
        enough.start()
        try:
            with self.engine.begin() as connection:
                connection.execute(WRITE, {"looks": to_json([look.event for look in batch]).decode()})
        except Exception as error:  # whatever it is, the looks are kept
            self.failures += 1
            log.error("audit", error=type(error).__name__, waiting=len(self.waiting))
            return False
        finally:
            enough.cancel()
        return True

    def flush(self) -> None:
        """Wait until all that were added are written."""
        self.hurry.set()
        with self.changed:
            self.changed.wait_for(lambda: not self.waiting)
        self.hurry.clear()


@contextmanager
def looks(engine: Engine, patience: float) -> Iterator[Looks]:
    """The looks of a process, all written when it ends, unless the database does not take them."""
    looks = Looks(engine, patience)
    looks.writer.start()
    try:
        yield looks
    finally:
        looks.hurry.set()
        with looks.changed:
            looks.ending = True
            looks.changed.notify_all()
        looks.writer.join(LAST_CHANCE)
        if looks.waiting:
            log.error("audit", lost=len(looks.waiting))
