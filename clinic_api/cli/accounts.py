from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from clinic_api import migrations
from clinic_api.cli.console import Json, asked, complain, fail, sentences, settings_and_errors, tell
from clinic_api.database import database
from clinic_api.errors import Invalid
from clinic_api.models import PasswordSet, Role, User, UserRegister
from clinic_api.models.user import Identity
from clinic_api.passwords import Passwords
from clinic_api.services import accounts


def create_admin(
    email: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Left out: ADMIN_EMAIL. Not set: you are asked.")
    ] = None,
    password: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Left out: ADMIN_PASSWORD. Not set: you are asked, unseen.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an administrator, also when there is one already."""
    with settings_and_errors() as settings, database(settings) as engine, Session(engine) as session:
        migrations.refuse_older(engine)
        email = email or settings.admin_email or asked("E-mail", "--email")
        email = Identity.model_validate({"email": email}).email
        if password is None and settings.admin_password:
            password = settings.admin_password.get_secret_value()
        new, hashed = chosen(password, email, Passwords(settings), "ADMIN_PASSWORD")
        try:
            user = accounts.add_user(session, UserRegister(email=email, password=new, role=Role.ADMIN), hashed)
        except IntegrityError:
            fail(f"{email} has an account already. Another one: --email. Another password for it: reset-password.")
        session.commit()
        said = f"Made {user.email} an administrator. Sign in at /docs (Authorize), or with POST /auth/login."
        tell(said, as_json, id=user.id, email=user.email)


def reset_password(
    email: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Whose. Left out: you are asked.")] = None,
    password: Annotated[
        str | None, typer.Option(metavar="TEXT", envvar="NEW_PASSWORD", help="Left out: you are asked, unseen.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give an account another password and end all its sessions.

    For an administrator who has forgotten theirs; failed attempts no longer count.
    """
    with settings_and_errors() as settings, database(settings) as engine, Session(engine) as session:
        migrations.refuse_older(engine)
        email = accounts.spelled(email or asked("E-mail", "--email"))
        account = select(User).where(User.email == email)
        if session.exec(account).one_or_none() is None:
            fail("There is no account with this e-mail.")
        session.rollback()  # nothing is open while somebody types
        _, hashed = chosen(password, email, Passwords(settings), "NEW_PASSWORD")
        user = session.exec(account).one()
        accounts.set_password(session, user, hashed)
        session.commit()
        tell(f"{email} has a new password, and all their sessions have ended.", as_json, id=user.id, email=email)


def chosen(given: str | None, email: str, passwords: Passwords, variable: str) -> tuple[str, str]:
    """The password and its hash. Of somebody who types it a poor one is asked for again."""
    while True:
        typed = given if given is not None else asked("Password", f"the password as {variable}", hidden=True)
        try:
            new = PasswordSet(new_password=typed).new_password
            return new, passwords.hash(new, email, "password")
        except (ValidationError, Invalid) as error:
            if given is not None:
                raise
            complain("; ".join(sentences(error)) if isinstance(error, ValidationError) else f"{error}.".capitalize())
