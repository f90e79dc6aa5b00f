"""How accounts come to be, and what an administrator changes of them."""

from sqlalchemy import exists, text
from sqlmodel import Session, col, select

from clinic_api.audit import tell
from clinic_api.config import Settings
from clinic_api.database import clock
from clinic_api.errors import Invalid, LastAdmin, Refused, Unauthenticated, UnknownDoctor
from clinic_api.models import Action, Doctor, Entity, LoginSession, Role, User, UserRegister, UserUpdate
from clinic_api.models.fields import canonical_email
from clinic_api.passwords import Passwords
from clinic_api.selecting import Selection, all_of, find
from clinic_api.services.attempts import Place, clear, clear_all, give_back, was_wrong
from clinic_api.services.sessions import Caller, end

ADMINS = 7_236_514_001  # any number that nothing else locks
ONE_ADMIN_IS_THERE = "There is an administrator already. Only an administrator registers another: sign in as one."
EVERYONE: Selection[User] = all_of(User)


def visible_users(_caller: Caller) -> Selection[User]:
    """The accounts: only administrators ask for them."""
    return EVERYONE


def spelled(email: str) -> str:
    """The one spelling of an e-mail; of what is none, itself: no account has it."""
    try:
        return canonical_email(email.strip())
    except ValueError:
        return email


def may_register(session: Session, caller: Caller | None, data: UserRegister, settings: Settings) -> None:
    """Raises Unauthenticated, Refused or Invalid if this caller may not make this account."""
    if caller is None or not caller.is_admin:
        refuse_stranger(session, caller, data, settings)
    refuse_mismatch(session, data.role, data.doctor_id)


def register(session: Session, caller: Caller | None, data: UserRegister, hashed: str, settings: Settings) -> User:
    """Make the account, if this caller may: see `may_register`."""
    may_register(session, caller, data, settings)
    if data.doctor_id is None and data.role is Role.DOCTOR and caller is not None and caller.is_admin:
        data = data.model_copy(update={"doctor_id": doctor_without_account(session, data.email)})
    return add_user(session, data, hashed)


def refuse_stranger(session: Session, caller: Caller | None, data: UserRegister, settings: Settings) -> None:
    """What somebody who is no administrator may not register: 401 when nobody is signed in, else 403."""
    refusal = Unauthenticated if caller is None else Refused
    if data.role is Role.ADMIN:
        if settings.env == "prod":
            raise refusal("Sign in as an administrator, or make one on the server: python -m clinic_api create-admin.")
        if an_admin_exists(session):
            raise refusal(ONE_ADMIN_IS_THERE)
    elif data.doctor_id is not None:
        raise refusal("Only an administrator ties an account to a doctor. Leave doctor_id out, or sign in as one.")
    elif not settings.anybody_may_register:
        raise refusal("Accounts are made by an administrator here. Sign in as one, or ask one.")


def lock_admins(session: Session) -> None:
    """Until this transaction ends nobody else becomes the first administrator, or ceases to be the last."""
    session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADMINS})


def an_admin_exists(session: Session) -> bool:
    """Whether anybody is ADMIN; until this transaction ends nobody else becomes the first."""
    lock_admins(session)
    return session.exec(select(User.id).where(User.role == Role.ADMIN).limit(1)).first() is not None


def refuse_mismatch(session: Session, role: Role, doctor_id: int | None) -> None:
    """Raises Invalid for an ADMIN who is a doctor, and for a doctor who is unknown or retired."""
    if doctor_id is None:
        return
    if role is Role.ADMIN:
        raise Invalid("doctor_id", "must be null for an ADMIN", "admin_is_no_doctor")
    known = select(Doctor.id).where(Doctor.id == doctor_id, col(Doctor.retired_at).is_(None))
    if session.exec(known.with_for_update(read=True)).one_or_none() is None:
        raise UnknownDoctor("doctor_id")


def doctor_without_account(session: Session, email: str) -> int | None:
    """The doctor with this e-mail, unless they have an account already."""
    free = ~exists().where(col(User.doctor_id) == col(Doctor.id))
    statement = select(Doctor.id).where(Doctor.email == email, col(Doctor.retired_at).is_(None), free)
    return session.exec(statement).one_or_none()


def add_user(session: Session, data: UserRegister, hashed: str) -> User:
    user = User(**data.model_dump(exclude={"password"}), hashed_password=hashed)
    session.add(user)
    session.flush()
    return user


def find_to_change(session: Session, id: int, data: UserUpdate) -> User:
    """The account, which nobody else changes meanwhile. Raises NotFound, and Invalid for what cannot be."""
    lock_admins(session)
    user = find(session, EVERYONE, id, lock="UPDATE")
    sent = data.model_dump(exclude_unset=True)
    role, doctor_id = sent.get("role", user.role), sent.get("doctor_id", user.doctor_id)
    if (role, doctor_id) != (user.role, user.doctor_id):
        refuse_mismatch(session, role, doctor_id)
    return user


def refuse_last_admin(session: Session, user: User, data: UserUpdate) -> None:
    """Raises Conflict if nobody would be left who is an active administrator."""
    sent = data.model_dump(exclude_unset=True)
    stays, is_active = sent.get("role", user.role) is Role.ADMIN, sent.get("is_active", user.is_active)
    if user.role is Role.ADMIN and user.is_active and not (stays and is_active):
        others = select(User.id).where(User.role == Role.ADMIN, col(User.is_active), User.id != user.id)
        if session.exec(others.limit(1)).first() is None:
            raise LastAdmin("role" if is_active else "is_active")


def change_password(session: Session, caller: Caller, place: Place, hashed: str | None) -> bool:
    """The caller's new password, if the current one was right; all their sessions end but this one."""
    user = find(session, EVERYONE, caller.id, lock="UPDATE")
    if hashed is None:
        was_wrong(session, place)
        tell(session, Action.login_failed, Entity.user, caller.id)
        return False
    if user.password_set_at != place.password_set_at:  # it was right a moment ago
        give_back(session, place)
        return False
    clear(session, place)
    store_password(session, user, hashed)
    end(session, user.id, col(LoginSession.id) != caller.session_id)
    return True


def set_password(session: Session, user: User, hashed: str) -> None:
    """Another password for this user, whose sessions all end, and whose failed attempts no longer count."""
    store_password(session, user, hashed)
    clear_all(session, user.email)
    end(session, user.id)


def store_password(session: Session, user: User, hashed: str) -> None:
    user.hashed_password, user.password_set_at = hashed, clock(session)
    session.flush()


def add_first_admin(session: Session, settings: Settings, passwords: Passwords) -> User | None:
    """The administrator of ADMIN_EMAIL and ADMIN_PASSWORD, when both are set and there is none yet."""
    if not (settings.admin_email and settings.admin_password) or an_admin_exists(session):
        return None
    password = settings.admin_password.get_secret_value()
    data = UserRegister(email=settings.admin_email, password=password, role=Role.ADMIN)
    return add_user(session, data, passwords.hash(data.password, data.email, "ADMIN_PASSWORD"))
