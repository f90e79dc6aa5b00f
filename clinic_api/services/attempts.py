"""Guessing: how often a secret may be tried, counted in the database, so that all processes count together.

An attempt takes its place before it is known whether it is right, so that twenty at once count as twenty. A right one
gives the place back; while others may still do so, who finds none left waits rather than being refused.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, text
from sqlmodel import Session, col, delete, exists, func, select, update

from clinic_api.errors import TooManyAttempts
from clinic_api.models import Attempt, LoginSession, User
from clinic_api.security import fingerprint

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 50
UNDECIDED = timedelta(minutes=1)  # afterwards the process that was to decide is taken for dead
REMEMBERED = timedelta(days=30)
SWEPT = 100  # rows at a time


class Place(NamedTuple):
    """A place among the attempts, and the account at which it is made."""

    id: int
    user_id: int | None
    hashed_password: str | None
    keys: tuple[str, ...]
    address: str | None


def take_place(session: Session, account: str, address: str | None = None) -> Place | None:
    """A place for an attempt at this account (an e-mail, or any other name) from this address, if it counts too.

    None while all are taken but some may be given back. Raises TooManyAttempts, also for accounts that do not exist.
    """
    for key in filter(None, (f"account {account}", address and f"address {address}")):
        session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 3))"), {"key": key})
    user = session.exec(select(User.id, User.hashed_password).where(User.email == account)).one_or_none()
    user_id, hashed_password = user or (None, None)
    keys = (fingerprint(account), fingerprint(f"{account} {address}"))
    now = session.exec(select(func.clock_timestamp())).one()
    key = keys[signed_in_lately(session, user_id, address)]
    limits: list[tuple[ColumnElement[bool], int]] = [(col(Attempt.hashed_account) == key, PER_ACCOUNT)]
    if address is not None:
        limits.append((col(Attempt.address) == address, PER_ADDRESS))
    for mine, most in limits:
        if not has_room(session, mine, most, now):
            return None
    attempt = Attempt(hashed_account=key, address=address)
    session.add(attempt)
    session.flush()
    return Place(attempt.id or 0, user_id, hashed_password, keys, address)


def signed_in_lately(session: Session, user_id: int | None, address: str | None) -> bool:
    """Whether this account signed in from there: then strangers cannot use up its attempts."""
    since = datetime.now(UTC) - REMEMBERED
    of_both = (col(LoginSession.user_id) == user_id, col(LoginSession.address) == address)
    return session.exec(select(exists().where(*of_both, col(LoginSession.created_at) > since))).one()


def has_room(session: Session, mine: ColumnElement[bool], most: int, now: datetime) -> bool:
    """Whether one more attempt is within the limit. Raises TooManyAttempts when waiting a moment will not help."""
    newest = select(Attempt.at, Attempt.failed).where(mine, col(Attempt.at) > now - WINDOW)
    rows = session.exec(newest.order_by(col(Attempt.at).desc()).limit(most)).all()
    if len(rows) < most:
        return True
    if any(not failed and at > now - UNDECIDED for at, failed in rows):
        return False
    raise TooManyAttempts(math.ceil((rows[-1][0] + WINDOW - now).total_seconds()))


def give_back(session: Session, place: Place) -> None:
    session.connection().execute(delete(Attempt).where(col(Attempt.id) == place.id))


def clear(session: Session, place: Place) -> None:
    """Give the place back, and forget the account's count for that address."""
    mine = (col(Attempt.hashed_account).in_(place.keys), col(Attempt.address) == place.address)
    session.connection().execute(delete(Attempt).where(*mine))


def was_wrong(session: Session, place: Place) -> None:
    """Keep the place taken; and forget what no longer counts, whoever it was."""
    session.connection().execute(update(Attempt).where(col(Attempt.id) == place.id).values(failed=True))
    old = select(Attempt.id).where(col(Attempt.at) < func.now() - WINDOW).limit(SWEPT).with_for_update(skip_locked=True)
    session.connection().execute(delete(Attempt).where(col(Attempt.id).in_(old)))
