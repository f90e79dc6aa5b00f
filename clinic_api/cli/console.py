"""What every command does alike: it reads the settings, tells its result, and says what is wrong in a sentence."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from clinic_api.config import Settings, get_settings
from clinic_api.errors import ClinicError, Invalid
from clinic_api.sentences import SENTENCES, reason

NO_ADMIN = (
    "There is no administrator. Set ADMIN_EMAIL and ADMIN_PASSWORD and run python -m clinic_api migrate,"
    " or run python -m clinic_api create-admin."
)
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


def tell(sentence: str, as_json: bool = False, **facts: Any) -> None:
    """The result of a command: for people the sentence, for programs the facts."""
    typer.echo(json.dumps(facts, default=str) if as_json else sentence)


def complain(sentence: str) -> None:
    typer.secho(sentence, fg="red", err=True, color=None if takes_colours() else False)


def fail(sentence: str, status: int = 1) -> NoReturn:
    complain(sentence)
    raise typer.Exit(status)


def takes_colours() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def asked(question: str, instead: str, *, hidden: bool = False) -> str:
    """What somebody types; where nobody can, the command ends and names what to give instead."""
    if not sys.stdin.isatty():
        fail(f"There is no terminal to ask on. Give {instead}.")
    try:
        answer: str = typer.prompt(question, hide_input=hidden, confirmation_prompt=hidden, err=True)
    except typer.Abort:
        typer.echo(err=True)
        fail("Interrupted. Nothing was changed.", 130)
    return answer


@contextmanager
def settings_and_errors() -> Iterator[Settings]:
    with errors_in_words():
        settings = get_settings()
        try:
            yield settings
        except OSError as error:
            if error.filename and Path(error.filename).resolve().is_relative_to(settings.data_dir.resolve()):
                fail(f"{unusable(error)} DATA_DIR must be a folder that you may write to.")
            raise


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Inside the block every expected error ends the command with its sentence and status 1."""
    try:
        yield
    except ValidationError as error:
        fail("\n".join(sentences(error)))
    except Invalid as error:
        fail(f"{error}.")
    except ClinicError as error:
        fail(error.detail)
    except DBAPIError as error:
        fail(
            f"The database refuses or does not answer. Check DATABASE_URL, and that PostgreSQL runs. ({reason(error)})"
        )
    except UnicodeDecodeError:
        fail("The file .env is not in UTF-8. Save it anew.")
    except BrokenPipeError:  # nobody reads on; typer ends the command
        raise
    except OSError as error:
        fail(unusable(error))


def sentences(error: ValidationError) -> list[str]:
    return [sentence(part["type"], part["msg"], part["loc"], part.get("ctx", {})) for part in error.errors()]


def sentence(kind: str, message: str, place: tuple[int | str, ...], limits: dict[str, Any]) -> str:
    name = str(place[0]).upper() if place else ""
    if kind in SENTENCES:
        return f"{name} {SENTENCES[kind].format(**limits)}."
    return f"{name} {message.removeprefix('Value error, ')}".strip()


def unusable(error: OSError) -> str:
    if error.filename is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to print would fail again
        return f"A file cannot be read or written ({error.strerror})."
    return f"Cannot use {error.filename} ({error.strerror})."
