"""The command line: serve, migrate, create-admin, reset-password, backup, restore, import, export, seed."""

import typer

from clinic_api.cli.accounts import create_admin, reset_password
from clinic_api.cli.backup import backup, restore
from clinic_api.cli.database import migrate
from clinic_api.cli.seed import seed
from clinic_api.cli.serve import serve
from clinic_api.cli.transfer import export_file, import_file

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
app.command("import")(import_file)
app.command("export")(export_file)
app.command()(seed)
