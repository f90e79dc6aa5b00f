from typing import Annotated

import typer
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from clinic_api import migrations
from clinic_api.cli.console import fail, settings_and_errors
from clinic_api.database import database
from clinic_api.models import Role, UserRegister
from clinic_api.security import Passwords
from clinic_api.services.accounts import add_user


def create_admin(
    email: Annotated[str, typer.Option(prompt="E-mail", help="What the administrator signs in with.")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            envvar="ADMIN_PASSWORD",
            help="Asked for.",
        ),
    ],
) -> None:
    """Make an administrator, also when there is one already."""
    with settings_and_errors() as settings, database(settings) as engine, Session(engine) as session:
        migrations.refuse_older(engine)
        data = UserRegister(email=email, password=password, role=Role.ADMIN)
        try:
            user = add_user(session, data, Passwords(settings))
        except IntegrityError:
            fail("There is an account with this e-mail already.")
        session.commit()
        print(f"Made {user.email} an administrator. Sign in at /docs (Authorize), or with POST /auth/login.")
