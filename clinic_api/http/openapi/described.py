"""What the OpenAPI page says beyond what FastAPI knows: of parameters, of headers, of new passwords."""

from typing import Any

NEW_PASSWORDS = {"UserRegister": "password", "PasswordSet": "new_password", "PasswordChange": "new_password"}


def always(description: str, kind: str = "string", **rules: Any) -> dict[str, Any]:
    """A header that no such answer lacks."""
    return {"required": True, "description": description, "schema": {"type": kind, **rules}}


HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": always("The request's id, for log and audit: the one that was sent, or a new one."),
    "ETag": always("The record's version, in quotes."),
    "Location": always("The path of the new record."),
    "Idempotent-Replayed": {
        "description": "The answer of the first time.",
        "schema": {"const": "true"},
    },
    "X-Total-Count": {"description": "With `total=true`: how many there are.", "schema": {"type": "integer"}},
    "Link": {
        "description": 'The next page, if there is one: `<address>; rel="next"`.',
        "schema": {"type": "string"},
    },
    "X-Unassigned-Patients": always("How many patients are left without a doctor.", "integer"),
    "WWW-Authenticate": always("How to sign in.", const="Bearer"),
    "Retry-After": always("Seconds to wait.", "integer", minimum=1),
}


def on_request(name: str, description: str) -> dict[str, Any]:
    """A header that a request may carry."""
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


IF_MATCH = on_request("If-Match", "The ETag of the version that you want to change; if there is a newer one: 412.")
IF_NONE_MATCH = on_request("If-None-Match", "The ETag of the version that you have; if there is none newer: 304.")


def records(models: dict[str, Any]) -> set[str]:
    """The models of what has an ETag."""
    return {name for name, model in models.items() if {"id", "version"} <= model.get("properties", {}).keys()}


def describe_conditions(method: str, operation: dict[str, Any], models: dict[str, Any]) -> None:
    """Say of one operation what it makes of an ETag."""
    parameters = operation.setdefault("parameters", [])
    if method in ("put", "patch", "delete"):
        parameters.append(IF_MATCH)
    if method == "get" and records(models) & models_of(operation["responses"]["200"]):
        parameters.append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "There is none newer."}


def describe(method: str, operation: dict[str, Any], models: dict[str, Any]) -> None:
    """Say of one operation what its parameters take and what headers its answers carry."""
    describe_conditions(method, operation, models)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            kind = parameter["name"].removesuffix("_id")
            parameter["description"] = f"The {kind}'s id: see `GET /{kind}s`."
        if parameter["name"] == "sort":
            parameter |= {"schema": fields_of(operation, models), "explode": False, "allowEmptyValue": True}
        else:
            parameter["schema"] = never_null(parameter["schema"])
        if parameter["name"] == "dry_run":
            parameter["allowEmptyValue"] = True
    for status, answer in operation["responses"].items():
        carried = {name: HEADERS[name] for name in headers_of(operation, status, answer, models)}
        answer.setdefault("headers", {}).update(carried)


def never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter, which is left out rather than null. Swagger UI would send its examples."""
    for kind in schema.pop("anyOf", []):
        if kind != {"type": "null"}:
            schema = {name: rule for name, rule in kind.items() if name != "examples"} | schema
    return schema


def fields_of(operation: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """The fields by which a list can be sorted: those that it shows. They have a name, for generated clients."""
    shown = operation["responses"]["200"]["content"]["application/json"]["schema"]["items"]["$ref"].rpartition("/")[2]
    fields = models[shown]["properties"]
    names = [name for name, field in fields.items() if not {"array", "object"} & kinds_of(field)]
    name = f"{shown.removesuffix('Public')}Order"
    models[name] = {"type": "string", "enum": [sign + name for name in names for sign in ("", "-")]}
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


def kinds_of(schema: dict[str, Any]) -> set[str]:
    return {kind.get("type", "") for kind in schema.get("anyOf", [schema])}


def schemas_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [content["schema"] for content in answer.get("content", {}).values()]


def models_of(answer: dict[str, Any]) -> set[str]:
    return {schema.get("$ref", "").rpartition("/")[2] for schema in schemas_of(answer)}


def headers_of(operation: dict[str, Any], status: str, answer: dict[str, Any], models: dict[str, Any]) -> list[str]:
    """What an answer carries, by its status and by what it shows."""
    repeatable = any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"])
    is_list = any(schema.get("type") == "array" for schema in schemas_of(answer))
    carries = {
        "X-Request-ID": True,
        "ETag": bool(models_of(answer) & records(models)) or status == "304",
        "Location": status == "201" and operation["operationId"].startswith("create_"),
        "Idempotent-Replayed": repeatable and status.startswith("2"),
        "X-Total-Count": is_list,
        "Link": is_list,
        "X-Unassigned-Patients": (operation["operationId"], status) == ("delete_doctor", "204"),
        "WWW-Authenticate": status == "401",
        "Retry-After": status in ("429", "503"),
    }
    return [header for header, carried in carries.items() if carried]


def ask_for_length(models: dict[str, Any], least: int) -> None:
    """How long a new password must be is a setting."""
    for model, field in NEW_PASSWORDS.items():
        models[model]["properties"][field]["minLength"] = least
