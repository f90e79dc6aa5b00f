"""Guessing: how often a secret may be tried, counted in the database, so that all processes count together.

An attempt takes its place before it is known whether it is right, so that twenty at once count as twenty. A right one
gives the place back; while others may still do so, who finds none left waits rather than being refused.
"""

import math
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, text
from sqlmodel import Session, col, delete, exists, or_, select, update

from clinic_api.database import clock, sweep
from clinic_api.errors import TooManyAttempts
from clinic_api.models import Attempt, LoginSession, User
from clinic_api.tokens import fingerprint

WINDOW = timedelta(minutes=15)
PER_TARGET = 10
PER_ADDRESS = 50
UNDECIDED = timedelta(seconds=30)  # afterwards the process that was to decide is taken for dead
REMEMBERED = timedelta(days=30)


class Secret(StrEnum):
    """What is guessed; each kind counts apart."""

    password = "password"
    patient = "patient"


class Place(NamedTuple):
    """A place among the attempts, and the account whose password it is, if there is one."""

    id: int
    hashed_target: str
    address: str | None
    user_id: int | None = None
    hashed_password: str | None = None
    password_set_at: datetime | None = None


def take_place(session: Session, secret: Secret, whose: str, address: str | None = None) -> Place | None:
    """A place for an attempt at the secret of this e-mail or id; and among those from this address, if it counts too.

    None while all are taken but some may be given back. Raises TooManyAttempts, also for accounts that do not exist.
    """
    target = fingerprint(f"{secret} {whose}")
    for key in filter(None, (f"target {target}", address and f"address {address}")):
        session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 3))"), {"key": key})
    of_user = select(User.id, User.hashed_password, User.password_set_at)
    user = session.exec(of_user.where(User.email == whose)).one_or_none() if secret is Secret.password else None
    now = clock(session)
    is_known = user is not None and signed_in_lately(session, user[0], address, now)
    mine = [col(Attempt.hashed_target) == target, col(Attempt.from_known) == is_known]
    if is_known:
        mine.append(col(Attempt.address) == address)
    if not has_room(session, mine, PER_TARGET, now):
        return None
    if address is not None and not has_room(session, [col(Attempt.address) == address], PER_ADDRESS, now):
        return None
    attempt = Attempt(hashed_target=target, address=address, from_known=is_known)
    session.add(attempt)
    session.flush()
    return Place(attempt.id or 0, target, address, *(user or ()))


def signed_in_lately(session: Session, user_id: int, address: str | None, now: datetime) -> bool:
    """Whether this account signed in from there: then strangers cannot use up its attempts."""
    of_both = (col(LoginSession.user_id) == user_id, col(LoginSession.address) == address)
    return session.exec(select(exists().where(*of_both, col(LoginSession.created_at) > now - REMEMBERED))).one()


def has_room(session: Session, mine: list[ColumnElement[bool]], most: int, now: datetime) -> bool:
    """Whether one more attempt is within the limit. Raises TooManyAttempts when waiting a moment will not help."""
    counts = or_(col(Attempt.failed), col(Attempt.at) > now - UNDECIDED)
    newest = select(Attempt.at, Attempt.failed).where(*mine, counts, col(Attempt.at) > now - WINDOW)
    rows = session.exec(newest.order_by(col(Attempt.at).desc()).limit(most)).all()
    if len(rows) < most:
        return True
    if not all(failed for _, failed in rows):
        return False
    raise TooManyAttempts(math.ceil((rows[-1][0] + WINDOW - now).total_seconds()))


def give_back(session: Session, place: Place) -> None:
    session.connection().execute(delete(Attempt).where(col(Attempt.id) == place.id))


def clear(session: Session, place: Place) -> None:
    """Give the place back, and forget the account's count for that address; what is undecided yet still counts."""
    give_back(session, place)
    mine = (col(Attempt.hashed_target) == place.hashed_target, col(Attempt.address) == place.address)
    session.connection().execute(delete(Attempt).where(*mine, col(Attempt.failed)))


def clear_all(session: Session, email: str) -> None:
    """Forget the account's count for every address: somebody who may has given it another password."""
    target = fingerprint(f"{Secret.password} {email}")
    session.connection().execute(delete(Attempt).where(col(Attempt.hashed_target) == target, col(Attempt.failed)))


def was_wrong(session: Session, place: Place) -> None:
    """Keep the place taken; and forget what no longer counts, whoever it was."""
    session.connection().execute(update(Attempt).where(col(Attempt.id) == place.id).values(failed=True))
    sweep(session, Attempt, "at", clock(session) - WINDOW)
