from typing import Annotated

import typer
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from clinic_api import migrations
from clinic_api.cli.console import fail, settings_and_errors
from clinic_api.database import database
from clinic_api.models import PasswordSet, Role, User, UserRegister
from clinic_api.passwords import Passwords
from clinic_api.services import accounts


def password_option(variable: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        prompt=True, hide_input=True, confirmation_prompt=True, envvar=variable, help="Asked for."
    )
    return option


def create_admin(
    email: Annotated[str, typer.Option(prompt="E-mail", help="What the administrator signs in with.")],
    password: Annotated[str, password_option("ADMIN_PASSWORD")],
) -> None:
    """Make an administrator, also when there is one already."""
    with settings_and_errors() as settings, database(settings) as engine, Session(engine) as session:
        migrations.refuse_older(engine)
        data = UserRegister(email=email, password=password, role=Role.ADMIN)
        hashed = Passwords(settings).hash(data.password, data.email, "password")
        try:
            user = accounts.add_user(session, data, hashed)
        except IntegrityError:
            fail("There is an account with this e-mail already. To give it another password: reset-password.")
        session.commit()
        print(f"Made {user.email} an administrator. Sign in at /docs (Authorize), or with POST /auth/login.")


def reset_password(
    email: Annotated[str, typer.Option(prompt="E-mail", help="Whose password.")],
    password: Annotated[str, password_option("NEW_PASSWORD")],
) -> None:
    """Give an account another password and end all its sessions; for an administrator who has forgotten theirs."""
    with settings_and_errors() as settings, database(settings) as engine, Session(engine) as session:
        migrations.refuse_older(engine)
        user = session.exec(select(User).where(User.email == accounts.spelled(email))).one_or_none()
        if user is None:
            fail("There is no account with this e-mail.")
        new = PasswordSet(new_password=password).new_password
        accounts.set_password(session, user, Passwords(settings).hash(new, user.email, "password"))
        session.commit()
        print(f"{user.email} has a new password, and all their sessions have ended.")
