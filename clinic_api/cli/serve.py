import os
import signal
import socket
import sys
from typing import Annotated, Any

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from clinic_api import __version__, migrations
from clinic_api.cli.console import NO_ADMIN, fail, settings_and_errors
from clinic_api.cli.migrate import MADE, make_first_admin
from clinic_api.config import Settings, get_settings
from clinic_api.database import database
from clinic_api.services.accounts import an_admin_exists

GRACE = 10  # seconds for running requests when the server is stopped
FILES = 2_560  # for twice the connections that `http/protocol.py` answers
COUNTED_APART = """\
{workers} workers count requests each by itself, so an address gets up to {workers} times its limits.
RATE_LIMIT_STORAGE_URI=redis://… lets them count together. Failed logins are counted in the database anyway."""


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="N", help="On which port.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="How many processes.")] = 1,
    reload: Annotated[bool, typer.Option("--reload", help="Start anew when the code changes.")] = False,
) -> None:
    """Serve the API, and its documentation at /docs.

    Without DATABASE_URL an embedded PostgreSQL is started and migrated first;
    with one, `migrate` comes before.
    """
    with settings_and_errors() as settings:
        from clinic_api.http.logs import configure_logs  # no other command needs it

        configure_logs(settings)
        refuse_taken_port(host, port)
        with database(settings) as engine:
            if settings.url is None and make_first_admin(engine, settings) == "made":
                print(MADE)
            next_step = first_step(engine, settings)
            engine.dispose()
            share(engine, settings)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # after a clean stop uvicorn raises it once more
            shown = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host
            counted_apart = workers > 1 and settings.rate_limit_storage_uri.startswith("memory")
            greet(settings, f"http://{shown}:{port}", next_step, COUNTED_APART.format(workers=workers) * counted_apart)
            run(host, port, workers, reload)


def run(host: str, port: int, workers: int, reload: bool) -> None:
    import uvicorn

    allow_connections()
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "http": "clinic_api.http.protocol:Protocol",
        "ws": "none",
        "log_config": None,
        "log_level": "warning",
        "access_log": False,  # it would hold names that somebody searched for
        "server_header": False,
        "proxy_headers": False,  # http/forwarded.py
        "timeout_graceful_shutdown": GRACE,
    }
    if workers == 1 or reload:
        uvicorn.run("clinic_api.main:app", reload=reload, **options)
    else:
        from clinic_api.cli.workers import Workers, counted_together

        config = uvicorn.Config("clinic_api.cli.workers:app", factory=True, workers=workers, **options)
        with counted_together():
            Workers(config, [config.bind_socket()]).run()


def allow_connections() -> None:
    """Let this process have as many files as it may have connections, where the system gives it fewer at first."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def refuse_taken_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (socket.gaierror, TypeError, ValueError) as error:  # the others for what is no name
            why = error.strerror if isinstance(error, socket.gaierror) else "it is no name of a machine"
            fail(f"There is no address {host} ({why}). Choose another one with --host.")
        except OSError as error:
            fail(f"Cannot listen on {host}:{port} ({error.strerror}). Choose another port with --port.")


def first_step(engine: Engine, settings: Settings) -> str:
    """What a person does next. Raises Unready while a migration is missing; a database that is down may come later."""
    try:
        migrations.refuse_older(engine)
        with Session(engine) as session:
            if an_admin_exists(session):
                return "sign in at the docs: Authorize, with your e-mail and password"
    except OperationalError:
        return "the database does not answer yet; the API is ready as soon as it does"
    if settings.env == "prod":
        fail(NO_ADMIN)
    return "there is no administrator yet: POST /auth/register with role ADMIN in the docs makes the first"


def share(engine: Engine, settings: Settings) -> None:
    """Tell the workers where the database is, so that they do not start one of their own."""
    name = "TEST_DATABASE_URL" if settings.env == "test" else "DATABASE_URL"
    os.environ[name] = engine.url.render_as_string(hide_password=False)
    get_settings.cache_clear()


def greet(settings: Settings, address: str, next_step: str, note: str) -> None:
    data = "PostgreSQL at DATABASE_URL" if settings.url else f"{settings.data_dir.resolve()} (embedded PostgreSQL)"
    said = {"docs": f"{address}/docs", "data": data, "next": next_step} | ({"note": note} if note else {})
    if settings.logs_json:
        import structlog

        lines = {name: text.replace("\n", " ") for name, text in said.items()}
        structlog.get_logger().info("start", version=__version__, env=settings.env, **lines)
    else:
        print(f"\n  Clinic API {__version__}  ({settings.env})\n")
        for name, text in said.items():
            print(f"  {name.capitalize():<6} {text}".replace("\n", "\n         "))
        print(flush=True)  # the log goes the direct way
