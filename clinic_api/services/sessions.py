"""Sessions: who is signed in, how that begins, goes on and ends."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, event, func
from sqlalchemy import select as select_columns
from sqlalchemy.orm import Mapper
from sqlmodel import Session, and_, col, delete, or_, select, update

from clinic_api.audit import act_as, actor_of, tell
from clinic_api.database import clock
from clinic_api.errors import Unauthenticated
from clinic_api.models import Action, Doctor, Entity, LoginSession, Role, User
from clinic_api.passwords import Verdict
from clinic_api.services.attempts import REMEMBERED, Place, clear, give_back, was_wrong
from clinic_api.tokens import REFRESH_TOKEN, OneTime, Token, first_one_time, next_one_time, read_one_time

LIFETIME = timedelta(hours=12)


class Caller(NamedTuple):
    """Who asks, as the database says now."""

    id: int
    role: Role
    doctor_id: int | None
    email: str
    session_id: int

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


class Started(NamedTuple):
    """What a login or a refresh gives."""

    user_id: int
    role: Role
    session_id: int
    seconds_left: int
    refresh_token: str


def who_may_sign_in() -> Select[int, Role, int | None, str]:
    """The accounts that count: active, and of a doctor who is active and not retired."""
    works = and_(col(Doctor.active), col(Doctor.retired_at).is_(None))
    return (
        select_columns(col(User.id), col(User.role), col(User.doctor_id), col(User.email))
        .outerjoin(Doctor, col(Doctor.id) == col(User.doctor_id))
        .where(col(User.is_active), or_(col(User.doctor_id).is_(None), works))
    )


def still_runs() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(LoginSession.ended_at).is_(None), col(LoginSession.expires_at) > func.now()


# Read on each request, and so put together once: building it takes as long as asking it.
CALLER = (
    who_may_sign_in()
    .add_columns(func.pg_backend_pid().label("backend"))
    .join(LoginSession, col(LoginSession.user_id) == col(User.id))
    .where(col(LoginSession.id) == bindparam("session_id"), col(User.id) == bindparam("user_id"), *still_runs())
)


def read_caller(connection: Connection, token: Token) -> tuple[Caller, int]:
    """The person whose token this is, and the number of the PostgreSQL process that says so.

    Raises Unauthenticated when session or account no longer count.
    """
    row = connection.execute(CALLER, token._asdict()).one_or_none()
    if row is None:
        raise Unauthenticated("This session has ended or the account is disabled. Sign in again: POST /auth/login.")
    return Caller(row.id, row.role, row.doctor_id, row.email, token.session_id), row.backend


def sign_in(session: Session, place: Place, verdict: Verdict) -> Started | None:
    """Begin a session if the password was right and the account counts; if not, the attempt stays counted."""
    user = session.get(User, place.user_id, with_for_update={"key_share": True}) if place.user_id else None
    if user is not None:
        act_as(session, actor_of(session)._replace(id=user.id, email=user.email))
    was_replaced = user is not None and user.password_set_at != place.password_set_at
    if user is None or was_replaced or not verdict.right or not counts(session, user):
        (give_back if was_replaced and verdict.right else was_wrong)(session, place)  # it was right a moment ago
        tell(session, Action.login_failed, Entity.user, place.user_id)
        return None
    clear(session, place)
    tell(session, Action.login, Entity.user, user.id)
    if verdict.better_hash:
        renewed = {"hashed_password": verdict.better_hash, "updated_at": User.updated_at}  # no change of the account
        session.connection().execute(update(User).where(col(User.id) == user.id).values(renewed))
    return begin(session, user, str(place.address))


def counts(session: Session, user: User) -> bool:
    """Whether this account may sign in; whoever is about to retire its doctor waits, and then ends the session."""
    if user.doctor_id is not None:
        session.get(Doctor, user.doctor_id, with_for_update={"read": True})
    return session.connection().execute(who_may_sign_in().where(col(User.id) == user.id)).one_or_none() is not None


def begin(session: Session, user: User, address: str) -> Started:
    now, token = clock(session), first_one_time()
    forgotten = (col(LoginSession.user_id) == user.id, col(LoginSession.created_at) < now - REMEMBERED)
    session.connection().execute(delete(LoginSession).where(*forgotten))
    run = LoginSession(
        user_id=user.id,
        address=address,
        expires_at=now + LIFETIME,
        hashed_family=token.hashed_family,
        hashed_refresh_token=token.hashed,
    )
    session.add(run)
    session.flush()
    return started(run, user.role, token, now)


def started(run: LoginSession, role: Role, token: OneTime, now: datetime) -> Started:
    left = int((run.expires_at - now).total_seconds())
    return Started(run.user_id, role, run.id or 0, left, token.text)


def go_on(session: Session, refresh_token: str) -> Started | None:
    """The next tokens of this session; none if it has ended. A token that was used before ends it."""
    if len(refresh_token) != REFRESH_TOKEN:
        return None
    token = read_one_time(refresh_token)
    mine = select(LoginSession).where(LoginSession.hashed_family == token.hashed_family, *still_runs())
    run = session.exec(mine.with_for_update()).one_or_none()
    if run is None:
        return None
    row = session.connection().execute(who_may_sign_in().where(col(User.id) == run.user_id)).one_or_none()
    if row is None:
        return None
    if run.hashed_refresh_token != token.hashed:
        act_as(session, actor_of(session)._replace(id=row.id, email=row.email))
        end(session, row.id, col(LoginSession.id) == run.id)
        tell(session, Action.logout, Entity.user, row.id, {"refresh_token": [None, "used twice"]})
        return None
    following = next_one_time(token)
    run.hashed_refresh_token = following.hashed
    return started(run, row.role, following, clock(session))


def sign_out(session: Session, caller: Caller) -> None:
    if end(session, caller.id, col(LoginSession.id) == caller.session_id):
        tell(session, Action.logout, Entity.user, caller.id)


def end(session: Session, user_id: int, *which: ColumnElement[bool]) -> int:
    """End those of a user's sessions that run; how many they were."""
    running = (col(LoginSession.user_id) == user_id, col(LoginSession.ended_at).is_(None))
    ended = update(LoginSession).where(*running, *which).values(ended_at=func.now())
    return session.connection().execute(ended).rowcount


@event.listens_for(User, "after_update")
@event.listens_for(Doctor, "after_update")
def end_sessions_of_the_barred(mapper: Mapper[Any], connection: Connection, record: User | Doctor) -> None:
    """An account that may no longer sign in has no session, also not later, when it may again."""
    mine = User.id == record.id if isinstance(record, User) else User.doctor_id == record.id
    theirs = col(LoginSession.user_id).in_(select(User.id).where(mine))
    barred = ~who_may_sign_in().where(col(User.id) == col(LoginSession.user_id)).exists()
    running = col(LoginSession.ended_at).is_(None)
    connection.execute(update(LoginSession).where(theirs, barred, running).values(ended_at=func.now()))
