"""/docs, /redoc and /openapi.json, served from this server alone."""

import re
from base64 import b64encode
from functools import lru_cache, partial
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from clinic_api import __version__
from clinic_api.http.examples import BODIES, problem_example
from clinic_api.http.openapi import ask_for_length, describe

TITLE = "Clinic API"
DESCRIPTION = """
A backend for a clinic's doctors and patients. **Five minutes in Swagger UI (/docs):**

1. **Register** the first administrator: `POST /auth/register` → *Execute*. The example does it as it is, once.
2. **Authorize** (the button): your e-mail as *username*, and the password.
3. **Create** a doctor and a patient: `POST /doctors`, `POST /patients` → *Execute*. Note the two ids.
4. **Assign** the patient: `POST /doctors/{doctor_id}/patients/{patient_id}`.
5. **Register the doctor's account**: the second example of `POST /auth/register`, with the doctor's id.
6. **Authorize** → *Logout*, then in again as the doctor: `GET /patients` shows the assigned patients and no other.

Roles: `ADMIN` may do everything; `DOCTOR` sees the patients assigned to them. Errors are
[RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problems that say what to do next.
"""
TAGS = [
    {"name": "Sign in", "description": "Accounts, sessions and passwords."},
    {"name": "Doctors", "description": "Who treats, and whom."},
    {"name": "Patients", "description": "Who is treated."},
    {"name": "Emergency access", "description": "One patient for four hours, for a reason."},
    {"name": "Users", "description": "The accounts, for administrators."},
    {"name": "Audit", "description": "Who did what, and who looked at whom."},
    {"name": "System", "description": "For monitors and orchestrators."},
]
UI = {"tryItOutEnabled": True, "displayRequestDuration": True, "defaultModelsExpandDepth": 0}
# The dialog asks for e-mail and password alone; and no padlock where a token is optional.
STYLE = b"""<style>
.auth-container .scope-def > p, .auth-container .flow, .auth-container .flow + .wrapper > .wrapper:nth-child(3),
.auth-container .wrapper:has(> [for=client_id_password], > [for=client_secret_password]),
#operations-Sign_in-register_user .authorization__btn { display: none }
</style></head>"""
CLIENT_FIELDS = ("grant_type", "scope", "client_id", "client_secret")
LIMITED = ("/auth/register", "/auth/login", "/auth/password", "/emergency-access")
OUTSIDE_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


DOCS_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class WrongField(BaseModel):
    row: int = Field(default=0, description="Of an import: the row as the spreadsheet shows it.", examples=[])
    field: str = Field(examples=["birth_date"])
    message: str = Field(examples=["must not be in the future"])
    code: str = Field(examples=["future_date"])


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["/problems/validation-error"])
    title: str = Field(examples=["Validation error"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["1 field is invalid: birth_date."])
    instance: str = Field(examples=["/patients"])
    request_id: str = Field(examples=["5f2b8c1d9e3a4f60"])
    errors: list[WrongField] = Field(default=[], description="Of a 409 or 422; of an import the first 1000.")
    rows: int = Field(default=0, description="Of an import: how many rows tell of a patient.", examples=[])
    wrong_rows: int = Field(default=0, description="Of an import: how many rows have an error.", examples=[])
    error_count: int = Field(default=0, description="Of an import: how many errors there are in all.", examples=[])


def add_docs(app: FastAPI) -> None:
    """FastAPI's own pages, but with the scripts of the package fastapi-offline instead of a CDN's."""
    app.openapi = partial(openapi, app)  # type: ignore[method-assign]
    script = "static/{}".format
    swagger = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=TITLE,
        swagger_js_url=script("swagger-ui-bundle.js"),
        swagger_css_url=script("swagger-ui.css"),
        swagger_favicon_url=script("favicon.png"),
        swagger_ui_parameters=UI,
    )
    redoc = get_redoc_html(
        openapi_url="openapi.json",
        title=TITLE,
        redoc_js_url=script("redoc.standalone.js"),
        redoc_favicon_url=script("favicon.png"),
        with_google_fonts=False,
    )
    app.add_route("/", lambda request: RedirectResponse(f"{request.scope['root_path']}/docs"))
    page = bytes(swagger.body).replace(b"</head>", STYLE)
    for path, html in [("/docs", page), ("/redoc", bytes(redoc.body))]:
        app.add_route(path, partial(show, html, only_from_here(html)))
    app.add_route("/static/redoc.standalone.js", lambda _: Response(redoc_script(), media_type="text/javascript"))
    app.mount("/static", WholeFiles(packages=[("fastapi_offline", "static")]))


class WholeFiles(StaticFiles):
    """Starlette's, but whole: it answers a wrong Range in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"range"]
        await super().__call__(scope, receive, send)


def show(page: bytes, headers: dict[str, str], _request: Request) -> Response:
    return HTMLResponse(page, headers=headers)


def only_from_here(page: bytes) -> dict[str, str]:
    """A policy for this page: scripts of this server alone, and of those in the page just the ones that stand there."""
    scripts = [sha256(script).digest() for script in re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)]
    hashes = " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in scripts)
    return {"Content-Security-Policy": f"{DOCS_POLICY}; script-src 'self' {hashes}".rstrip()}


@lru_cache
def redoc_script() -> bytes:
    """ReDoc without the one picture that it would fetch from elsewhere."""
    return files("fastapi_offline").joinpath("static/redoc.standalone.js").read_bytes().replace(OUTSIDE_LOGO, b"data:,")


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI page: FastAPI's, with every error that an operation can give."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=TITLE,
            version=__version__,
            description=DESCRIPTION,
            tags=TAGS,
            routes=app.routes,
            license_info={"name": "MIT", "identifier": "MIT"},
            servers=[{"url": app.root_path}] if app.root_path else None,
        )
        models = schema["components"]["schemas"]
        models.pop("HTTPValidationError", None)
        models.pop("ValidationError", None)
        models["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        models.update(models["Problem"].pop("$defs"))
        for name in CLIENT_FIELDS:  # read, as RFC 6749 has them, but of no use to anybody
            del models["LoginForm"]["properties"][name]
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                show_example(operation)
                document_errors(path, method, operation)
                describe(method, operation, models)
        ask_for_length(models, app.state.settings.password_min_length)
        app.openapi_schema = schema
    return app.openapi_schema


def show_example(operation: dict[str, Any]) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if bodies := BODIES.get(operation["operationId"]):  # a file is chosen
            content["examples"] = {name: {"summary": name, "value": body} for name, body in bodies.items()}


def document_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    """The errors that follow from what an operation takes, and from who may call it."""
    anybody = {} in operation.get("security", [])
    retired = any(parameter["name"] == "retired" for parameter in operation.get("parameters", []))
    follows = {
        401: "security" in operation or path in ("/auth/login", "/auth/refresh"),
        403: any(roles for rule in operation.get("security", []) for roles in rule.values()) or anybody or retired,
        404: "{" in path or (path == "/emergency-access" and method == "post"),
        406: not path.startswith(("/health", "/metrics")),
        409: method in ("post", "put", "patch") and "security" in operation,
        412: method in ("put", "patch", "delete"),
        413: "requestBody" in operation,
        415: "requestBody" in operation,
        422: True,
        429: (path in LIMITED and method != "get") or path == "/health",
        503: path not in ("/health/live", "/metrics"),
    }
    operation["responses"].pop("422", None)
    for status, can_be in follows.items():
        if can_be:
            shape = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": problem_example(status, path)}
            content = {"application/problem+json": shape}
            operation["responses"][str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
