"""The OpenAPI page, put together."""

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from clinic_api import __version__
from clinic_api.http.openapi.described import ask_for_length, describe
from clinic_api.http.openapi.errors import document_errors
from clinic_api.http.openapi.examples import BODIES, PASSWORD, RECORDS
from clinic_api.http.openapi.problem import Problem

TITLE = "Clinic API"
DESCRIPTION = f"""
A clinic's doctors and patients, and who may see whom. From here to the first assigned patient it takes five minutes,
and every example works as it stands:

1. **Register** the first administrator: `POST /auth/register`, *Execute*.
2. **Authorize**, the button: as `admin@example.org`, password `{PASSWORD}`.
3. **Create** a doctor and a patient: `POST /doctors`, `POST /patients`.
4. **Assign** the patient to the doctor: `POST /doctors/{{doctor_id}}/patients/{{patient_id}}`, with the two ids.
5. **Register the doctor's account**: the second example of `POST /auth/register`, with the doctor's id.
6. **Authorize** again, *Logout*, and sign in as `ada.lovelace@example.org`: `GET /patients` shows the assigned patient
   and no other.

An `ADMIN` sees and changes all records; a `DOCTOR` sees the patients assigned to them, and in an emergency asks for
another. An error says what to do next ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). Every answer has an
`X-Request-ID`, by which log and audit know the request.
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
CLIENT_FIELDS = ("grant_type", "scope", "client_id", "client_secret")
CLUMSY, PLAIN = "Body_import_patients", "PatientFile"


def openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's page, with every error that an operation can give, and examples."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=TITLE,
            version=__version__,
            description=DESCRIPTION,
            tags=TAGS,
            routes=app.routes,
            license_info={"name": "MIT", "identifier": "MIT"},
            servers=[{"url": app.root_path}] if app.root_path else None,
        )
        page = json.loads(json.dumps(made).replace(CLUMSY, PLAIN))
        models = page["components"]["schemas"]
        complete_models(models)
        routes = {route.name: route for route in app.routes if isinstance(route, APIRoute)}
        for operations in page["paths"].values():
            for method, operation in operations.items():
                show_words(operation)
                show_example(operation)
                document_errors(routes[operation["operationId"]], app.root_path, operation)
                describe(method, operation, models)
        ask_for_length(models, app.state.settings.password_min_length)
        app.openapi_schema = page
    return app.openapi_schema


def complete_models(models: dict[str, Any]) -> None:
    del models["HTTPValidationError"], models["ValidationError"]
    models["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    models |= models["Problem"].pop("$defs")
    for name in CLIENT_FIELDS:  # read, as RFC 6749 has them, but of no use to anybody
        del models["LoginForm"]["properties"][name]
    for name, record in RECORDS.items():
        models[name]["examples"] = [record]


def show_words(operation: dict[str, Any]) -> None:
    """Sentences are not in title case, and a success has a name."""
    operation["summary"] = operation["summary"].capitalize()
    for status, answer in operation["responses"].items():
        if answer["description"] == "Successful Response":
            answer["description"] = HTTPStatus(int(status)).phrase


def show_example(operation: dict[str, Any]) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if bodies := BODIES.get(operation["operationId"]):  # a file is chosen
            content["examples"] = {name: {"summary": name, "value": body} for name, body in bodies.items()}
