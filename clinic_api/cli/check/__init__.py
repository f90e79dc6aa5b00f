import shutil
import sys
import textwrap
from collections.abc import Iterator

import typer

from clinic_api.cli.check.database import look_at_database
from clinic_api.cli.check.machine import Finding, State, disk_of, limits_of, read_settings, secrets_of, settings_of
from clinic_api.cli.console import Json, complain, errors_in_words, takes_colours, tell

MARKS: dict[State, tuple[str, str, str]] = {
    "fine": ("✓", "ok", "green"),
    "hint": ("!", "!", "yellow"),
    "wrong": ("✗", "x", "red"),
    "unknown": ("–", "-", "bright_black"),
}
INDENT = 15  # characters
NARROWEST = 40


def check(as_json: Json = False) -> None:
    """Look whether all is in order, and say what to do if not.

    ✓ is fine, ! could be better, ✗ is wrong and makes the status 1. ENV=prod
    asks for more than ENV=dev. Nothing is changed; an embedded PostgreSQL is
    started to look at it.
    """
    findings: list[Finding] = []
    with errors_in_words():
        for finding in look():
            findings.append(finding)
            if not as_json:
                show(finding)
    wrong = sum(finding.state == "wrong" for finding in findings)
    if as_json:
        tell("", as_json, ok=not wrong, findings=[finding._asdict() for finding in findings])
    if wrong:
        complain(f"{wrong} of {len(findings)} wrong.")
        raise typer.Exit(1)


def look() -> Iterator[Finding]:
    settings, complaints = read_settings()
    yield from settings_of(settings, complaints)
    yield from secrets_of(settings)
    yield disk_of(settings)
    yield limits_of(settings)
    yield from look_at_database(settings, complaints)


def show(finding: Finding) -> None:
    """In one line, which a terminal shows with an indent where it is too narrow for it."""
    utf, plain, colour = MARKS[finding.state]
    mark = utf if sys.stdout.encoding.lower().startswith("utf") else plain
    line = f"{finding.about:{INDENT}}{finding.sentence}"
    if sys.stdout.isatty():
        width = max(NARROWEST, shutil.get_terminal_size().columns - 4)
        line = textwrap.fill(
            line, width, subsequent_indent=" " * (INDENT + 3), break_long_words=False, break_on_hyphens=False
        )
    typer.echo(f"{typer.style(f'{mark:3}', fg=colour)}{line}", color=None if takes_colours() else False)
