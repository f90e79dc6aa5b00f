"""/docs, /redoc and /openapi.json, served from this server alone."""

from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from clinic_api.http.openapi.page import openapi

PAGES = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
OUTSIDE_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


def add_docs(app: FastAPI) -> None:
    """Our own two pages, around the scripts of the package fastapi-offline."""
    app.openapi = partial(openapi, app)  # type: ignore[method-assign]
    app.add_route("/", lambda request: RedirectResponse(f"{request.scope['root_path']}/docs"))
    for name in ("docs", "redoc"):
        app.add_route(f"/{name}", partial(show, PAGES / f"{name}.html"))
    app.add_route("/static/redoc.standalone.js", lambda _: Response(redoc_script(), media_type="text/javascript"))
    files_of_pages = WholeFiles(directory=PAGES, packages=[("fastapi_offline", "static")])
    app.mount("/static", files_of_pages)
    pages = [route for route in app.routes if type(route) is Route]
    app.state.pages = {page.endpoint: page.path for page in pages} | {files_of_pages: "/static"}


class WholeFiles(StaticFiles):
    """Starlette's, but whole: it answers a wrong Range in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"range"]
        await super().__call__(scope, receive, send)


def show(page: Path, _request: Request) -> Response:
    return Response(page.read_bytes(), media_type="text/html", headers={"Content-Security-Policy": POLICY})


@lru_cache
def redoc_script() -> bytes:
    """ReDoc without the one picture that it would fetch from elsewhere."""
    return files("fastapi_offline").joinpath("static/redoc.standalone.js").read_bytes().replace(OUTSIDE_LOGO, b"data:,")
