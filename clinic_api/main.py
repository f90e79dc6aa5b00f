"""The parts put together; nothing is decided here."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from clinic_api import __version__
from clinic_api.config import Settings, get_settings, listed
from clinic_api.cursors import Cursors
from clinic_api.database import database
from clinic_api.http.bodies import BodyLimit
from clinic_api.http.cors import Cors
from clinic_api.http.docs import add_docs
from clinic_api.http.forwarded import Forwarded
from clinic_api.http.headers import StandardHeaders
from clinic_api.http.limits import limiter
from clinic_api.http.logs import RequestLog, configure_logs
from clinic_api.http.metrics import figures
from clinic_api.http.prefix import Prefix
from clinic_api.http.problems import add_problems
from clinic_api.http.threads import threads
from clinic_api.http.transfers import transfers
from clinic_api.http.wellformed import WellFormed
from clinic_api.looks import looks
from clinic_api.passwords import Passwords
from clinic_api.routes import routers
from clinic_api.tokens import Tokens


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    patience = settings.request_timeout
    with database(settings) as app.state.engine, looks(app.state.engine, patience / 2) as app.state.looks:
        app.state.reads = app.state.engine.execution_options(isolation_level="AUTOCOMMIT")
        gc.freeze()  # what is there now stays, and need not be looked through for garbage again and again
        with (
            threads(settings.pool_size, patience) as app.state.threads,
            threads(1, patience) as app.state.checks,
            transfers(settings.transfer_timeout) as app.state.transfers,
        ):
            async with figures(app.state) as app.state.figures:
                yield


def create_app(settings: Settings) -> FastAPI:
    configure_logs(settings)
    app = FastAPI(
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asking for its providers costs each request
    )
    app.root_path = settings.root_path
    app.state.settings = settings
    app.state.passwords = Passwords(settings)
    app.state.tokens = Tokens(settings.secret, *settings.old_secrets)
    app.state.cursors = Cursors(settings.secret, *settings.old_secrets)
    app.state.limiter = limiter
    add_problems(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(WellFormed)
    if origins := listed(settings.cors_origins):
        every = ["*"]
        app.add_middleware(Cors, allow_origins=origins, allow_methods=every, allow_headers=every, expose_headers=every)
    app.add_middleware(RequestLog)
    app.add_middleware(StandardHeaders)
    app.add_middleware(Prefix)
    if settings.trusted_proxies:
        app.add_middleware(Forwarded, trusted_hosts=settings.trusted_proxies)
    for router in routers:
        app.router.routes += router.routes  # an included router would be searched twice for each request
    add_docs(app)
    return app


app = create_app(get_settings())
