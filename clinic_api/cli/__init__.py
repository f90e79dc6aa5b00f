"""The command line: serve, migrate, create-admin, reset-password, backup, restore, seed."""

import typer

from clinic_api.cli.accounts import create_admin, reset_password
from clinic_api.cli.backup import backup, restore
from clinic_api.cli.database import migrate
from clinic_api.cli.seed import seed
from clinic_api.cli.serve import serve

app = typer.Typer(
    help="Clinic API: a backend for a clinic's doctors and patients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(migrate)
app.command()(create_admin)
app.command()(reset_password)
app.command()(backup)
app.command()(restore)
app.command()(seed)
