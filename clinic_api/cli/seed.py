import time
from typing import Annotated

import typer
from sqlmodel import Session

from clinic_api import migrations
from clinic_api.cli.console import fail, settings_and_errors
from clinic_api.cli.progress import long_work
from clinic_api.database import database
from clinic_api.sentences import counted
from clinic_api.transfer import seeding
from clinic_api.transfer.statements import analyze

PANEL = 400  # patients


def seed(
    patients: Annotated[int, typer.Option(min=1, max=50_000_000, help="How many to invent.")],
    doctors: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, help=f"Left out: one for each {PANEL} patients.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same number makes the same people, another one others.")] = 1,
) -> None:
    """Add invented patients, with doctors and assignments, to try things out on. Not with ENV=prod.

    What is in the database stays as it is. Patients are assigned only where there is an administrator.

    Example: python -m clinic_api seed --patients 10000
    """
    with settings_and_errors() as settings, database(settings) as engine:
        if settings.env == "prod":
            fail("ENV=prod holds real patients: invented ones do not belong among them.")
        migrations.refuse_older(engine)
        began = time.monotonic()
        if doctors is None:
            doctors = -(-patients // PANEL)
        with long_work("Nothing was added.") as tell, Session(engine) as session:
            links = seeding.seed(session, patients, doctors, seed, tell)
            session.commit()
            tell("Looking at what is there now", 1)
            analyze(engine)
        seconds = time.monotonic() - began
    added = f"{counted(patients, 'patient')}, {counted(doctors, 'doctor')} and {counted(links, 'assignment')}"
    print(f"Added {added} in {seconds:.1f} s.")
