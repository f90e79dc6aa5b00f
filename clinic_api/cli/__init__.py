"""The command line: which commands there are, in which group, and an example of each."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from clinic_api import __version__
from clinic_api.cli.accounts import create_admin, reset_password
from clinic_api.cli.backup import backup, restore
from clinic_api.cli.check import check
from clinic_api.cli.migrate import migrate
from clinic_api.cli.openapi import openapi
from clinic_api.cli.seed import seed
from clinic_api.cli.serve import serve
from clinic_api.cli.transfer import export_file, import_file


def without_bool(parameters: list[Any]) -> list[Any]:
    """Those of a page of help: beside a flag typer would say <bool>, which nobody may write there."""
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.is_flag:
            parameter.metavar = ""
    return parameters


class Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return without_bool(super().get_params(ctx))


class Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return without_bool(super().get_params(ctx))


app = typer.Typer(
    cls=Group, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)


def shown(*examples: str) -> str:
    """The end of a help page: examples, which begin after the program's name and may have a comment."""
    lines = []
    for example in examples:
        command, sign, comment = example.partition("#")
        lines.append(f"python -m clinic_api {command}[dim]{sign}{comment}[/dim]")
    return "\n".join([f"[bold]Example{'s'[: len(examples) - 1]}[/bold]", *lines])


def add(group: str, name: str, command: Callable[..., None], *examples: str) -> None:
    app.command(name, cls=Command, epilog=shown(*examples), rich_help_panel=group)(command)


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Clinic API {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit."),
]


@app.callback(epilog=shown("serve           # then open http://localhost:8000/docs", "import --help   # of a command"))
def clinic(_version: Version = False) -> None:
    """Clinic API: a backend for a clinic's doctors and patients.

    Settings come from the environment or .env.
    """


add("Run", "serve", serve, "serve", "serve --host 0.0.0.0 --workers 4", "serve --reload   # while you write code")
add("Run", "migrate", migrate, "migrate")
add("Run", "check", check, "check", "check --json   # for a monitor")
add("Accounts", "create-admin", create_admin, "create-admin", "create-admin --email root@example.org")
add("Accounts", "reset-password", reset_password, "reset-password --email root@example.org")
add("Patients", "import", import_file, "import --dry-run patients.csv   # only check it", "import - < patients.csv")
add("Patients", "export", export_file, "export patients.csv")
add("Patients", "seed", seed, "seed --patients 10000", "seed --patients 400 --doctors 3 --seed 7")
add("Backup", "backup", backup, "backup clinic.backup")
add("Backup", "restore", restore, "restore clinic.backup", "restore --replace clinic.backup   # stop the API before")
add("For programs", "openapi", openapi, "openapi openapi.json", "openapi | jq '.paths | keys'")
