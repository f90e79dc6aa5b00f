"""Requests that are sent twice: with an Idempotency-Key the work is done once, and answered again as the first time.

The answer is written in the transaction of the work, so that both are stored or neither; and the key is locked for as
long as that transaction runs, whichever process it runs in.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlmodel import Session

from clinic_api.database import clock, sweep
from clinic_api.errors import Invalid, StillRunning
from clinic_api.models import IdempotencyKey

KEPT = timedelta(hours=24)
HEADER = "Idempotency-Key"


def first_answer(session: Session, user_id: int, key: str, hashed_request: str) -> IdempotencyKey | None:
    """What this request was answered before. Raises StillRunning, or Invalid if the key was another's.

    The row is locked, so that the end of this transaction waits for a synchronous standby as that of the first did.
    """
    lock = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 4))")
    if not session.connection().execute(lock, {"key": f"{user_id} {key}"}).scalar_one():
        raise StillRunning(HEADER)
    first = session.get(IdempotencyKey, (user_id, key), with_for_update=True)
    if first is None or first.answered_at < clock(session) - KEPT:
        return None
    if first.hashed_request != hashed_request:
        raise Invalid(HEADER, "was used for another request; make a new one for each", "key_reused")
    return first


def remember(session: Session, answer: IdempotencyKey) -> None:
    """Keep this answer for 24 hours; and forget what was kept long enough, whoever it was."""
    answer.answered_at = clock(session)
    session.merge(answer)
    session.flush()
    sweep(session, IdempotencyKey, "answered_at", answer.answered_at - KEPT)
