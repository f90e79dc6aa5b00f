"""Who may sign in, and how accounts come to be."""

from typing import NamedTuple

from sqlalchemy import Select, exists, text
from sqlalchemy import select as select_columns
from sqlmodel import Session, and_, col, or_, select

from clinic_api.config import Settings
from clinic_api.errors import Invalid, LoginFailed, Refused, Unauthenticated
from clinic_api.models import Doctor, Role, User, UserRegister
from clinic_api.models.fields import canonical_email
from clinic_api.security import Passwords

FIRST_ADMIN_LOCK = 7_236_514_001  # any number that nothing else locks


class Caller(NamedTuple):
    """Who asks, as the database says now."""

    id: int
    role: Role
    doctor_id: int | None

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


def may_sign_in() -> Select[int, Role, int | None]:
    """The accounts that count: active, and of a doctor who is active and not retired."""
    works = and_(col(Doctor.active), col(Doctor.retired_at).is_(None))
    return (
        select_columns(col(User.id), col(User.role), col(User.doctor_id))
        .outerjoin(Doctor, col(Doctor.id) == col(User.doctor_id))
        .where(col(User.is_active), or_(col(User.doctor_id).is_(None), works))
    )


def read_caller(session: Session, user_id: int) -> Caller:
    """The person whose token this is. Raises Unauthenticated when the account no longer counts."""
    row = session.connection().execute(may_sign_in().where(col(User.id) == user_id)).one_or_none()
    if row is None:
        raise Unauthenticated("This account is disabled or gone. Ask an administrator.")
    return Caller(row.id, row.role, row.doctor_id)


def sign_in(session: Session, passwords: Passwords, email: str, password: str) -> Caller:
    """The person with this e-mail and password. Raises LoginFailed: the same, in the same time, whatever is wrong."""
    statement = may_sign_in().add_columns(col(User.hashed_password)).where(col(User.email) == spelled(email))
    row = session.connection().execute(statement).one_or_none()
    session.rollback()  # gives the connection back: the hash takes a quarter of a second
    if not passwords.match(password, row.hashed_password if row else None) or row is None:
        raise LoginFailed
    return Caller(row.id, row.role, row.doctor_id)


def spelled(email: str) -> str:
    try:
        return canonical_email(email.strip())
    except ValueError:
        return email  # no account has such a one


def register(
    session: Session, caller: Caller | None, data: UserRegister, settings: Settings, passwords: Passwords
) -> User:
    """Make an account, if this caller may. Raises Unauthenticated, Refused or Invalid."""
    if caller is None or not caller.is_admin:
        refuse_stranger(session, caller, data, settings)
    if data.role is Role.ADMIN and data.doctor_id is not None:
        raise Invalid("doctor_id", "must be left out for an ADMIN", "admin_is_no_doctor")
    if data.doctor_id is not None:
        refuse_unknown_doctor(session, data.doctor_id)
    elif data.role is Role.DOCTOR and caller is not None and caller.is_admin:
        data.doctor_id = doctor_without_account(session, data.email)
    return add_user(session, data, passwords)


def refuse_stranger(session: Session, caller: Caller | None, data: UserRegister, settings: Settings) -> None:
    """What somebody who is no administrator may not register: 401 when nobody is signed in, else 403."""
    refusal = Unauthenticated if caller is None else Refused
    if data.role is Role.ADMIN:
        if settings.env == "prod":
            raise refusal("Sign in as an administrator, or make one on the server: python -m clinic_api create-admin.")
        if an_admin_exists(session):
            raise refusal("There is an administrator already. Only an administrator registers another: sign in as one.")
    elif data.doctor_id is not None:
        raise refusal("Only an administrator ties an account to a doctor. Leave doctor_id out, or sign in as one.")
    elif not settings.anybody_may_register:
        raise refusal("Accounts are made by an administrator here. Sign in as one, or ask one.")


def an_admin_exists(session: Session) -> bool:
    """Whether anybody is ADMIN; until this transaction ends nobody else becomes the first."""
    session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRST_ADMIN_LOCK})
    return session.exec(select(User.id).where(User.role == Role.ADMIN).limit(1)).first() is not None


def refuse_unknown_doctor(session: Session, doctor_id: int) -> None:
    known = select(Doctor.id).where(Doctor.id == doctor_id, col(Doctor.retired_at).is_(None))
    if session.exec(known.with_for_update(read=True)).one_or_none() is None:
        raise Invalid("doctor_id", "must be the id of a doctor", "unknown_doctor")


def doctor_without_account(session: Session, email: str) -> int | None:
    """The doctor with this e-mail, unless they have an account already."""
    free = ~exists().where(col(User.doctor_id) == col(Doctor.id))
    statement = select(Doctor.id).where(Doctor.email == email, col(Doctor.retired_at).is_(None), free)
    return session.exec(statement).one_or_none()


def add_user(session: Session, data: UserRegister, passwords: Passwords, field: str = "password") -> User:
    """Store an account. Raises Invalid, naming `field`, for a poor password."""
    hashed = passwords.hash(data.password, data.email, field)
    user = User(**data.model_dump(exclude={"password"}), hashed_password=hashed)
    session.add(user)
    session.flush()
    return user


def add_first_admin(session: Session, settings: Settings, passwords: Passwords) -> User | None:
    """The administrator of ADMIN_EMAIL and ADMIN_PASSWORD, when both are set and there is none yet."""
    if not (settings.admin_email and settings.admin_password) or an_admin_exists(session):
        return None
    password = settings.admin_password.get_secret_value()
    data = UserRegister(email=settings.admin_email, password=password, role=Role.ADMIN)
    return add_user(session, data, passwords, field="ADMIN_PASSWORD")
