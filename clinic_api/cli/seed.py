import time
from typing import Annotated

import typer
from sqlmodel import Session

from clinic_api import migrations
from clinic_api.cli.console import Json, fail, settings_and_errors, tell
from clinic_api.cli.progress import long_work
from clinic_api.database import database
from clinic_api.sentences import counted
from clinic_api.transfer import seeding
from clinic_api.transfer.statements import analyze

PANEL = 400  # patients


def seed(
    patients: Annotated[int, typer.Option(min=1, max=50_000_000, metavar="N", help="How many to invent.")],
    doctors: Annotated[
        int | None,
        typer.Option(min=0, max=1_000_000, metavar="N", help=f"Left out: one for each {PANEL} patients."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same makes the same people, another one others.")] = 1,
    as_json: Json = False,
) -> None:
    """Add invented patients and doctors, to try things out on.

    What is in the database stays as it is. Patients are assigned only where
    there is an administrator. Not with ENV=prod.
    """
    with settings_and_errors() as settings, database(settings) as engine:
        if settings.env == "prod":
            fail("ENV=prod holds real patients: invented ones do not belong among them.")
        migrations.refuse_older(engine)
        began = time.monotonic()
        if doctors is None:
            doctors = -(-patients // PANEL)
        with long_work(as_json, "Nothing was added.") as show, Session(engine) as session:
            links = seeding.seed(session, patients, doctors, seed, show)
            session.commit()
            show("Looking at what is there now")
            analyze(engine)
        seconds = time.monotonic() - began
    added = f"{counted(patients, 'patient')}, {counted(doctors, 'doctor')} and {counted(links, 'assignment')}"
    facts = {"patients": patients, "doctors": doctors, "assignments": links, "seconds": round(seconds, 3)}
    tell(f"Added {added} in {seconds:.1f} s.", as_json, **facts)
