import json
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from clinic_api.cli.console import settings_and_errors
from clinic_api.config import get_settings


def openapi(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", show_default=False, help="Where to. Left out: it is printed.")
    ] = None,
) -> None:
    """Print the OpenAPI page as JSON, or write it into a file.

    It is what /openapi.json shows with the same settings. No database is
    needed, and none is started.
    """
    with settings_and_errors():
        os.environ["JWT_SECRET"] = secrets.token_urlsafe(48)  # nothing is signed, and so no key is made to be kept
        get_settings.cache_clear()
        from clinic_api.main import app

        page = json.dumps(app.openapi(), indent=2, ensure_ascii=file is None)
        if file is None:
            typer.echo(page)
        else:
            file.write_text(page + "\n", encoding="utf-8")
