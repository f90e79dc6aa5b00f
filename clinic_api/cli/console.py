"""What every command does alike: it reads the settings, and says what is wrong in a sentence instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from clinic_api.config import Settings, get_settings
from clinic_api.errors import ClinicError, Invalid

NO_ADMIN = (
    "There is no administrator. Set ADMIN_EMAIL and ADMIN_PASSWORD and run python -m clinic_api migrate,"
    " or run python -m clinic_api create-admin."
)


def fail(sentence: str) -> NoReturn:
    typer.secho(sentence, fg="red", err=True)
    raise typer.Exit(1)


@contextmanager
def settings_and_errors() -> Iterator[Settings]:
    """The settings; inside the block every expected error ends the command with its sentence and status 1."""
    try:
        yield get_settings()
    except ValidationError as error:
        fail("\n".join(f"{name_of(part['loc'])}{part['msg'].removeprefix('Value error, ')}" for part in error.errors()))
    except Invalid as error:
        fail(f"{error}.")
    except ClinicError as error:
        fail(error.detail)
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        fail(f"The database refuses or does not answer. Check DATABASE_URL, and that PostgreSQL runs. ({reason})")
    except OSError as error:
        fail(f"Cannot use {error.filename} ({error.strerror}). DATA_DIR must be a folder that you may write to.")


def name_of(place: tuple[int | str, ...]) -> str:
    return f"{str(place[0]).upper()} " if place else ""
