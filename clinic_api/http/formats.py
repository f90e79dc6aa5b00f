"""In which format the caller wants the answer (RFC 9110, 12.5.1)."""

from fastapi import Request

from clinic_api.errors import NotAcceptable

JSON = ("application/json", "application/*", "*/*")


def refuse_other_formats(request: Request) -> None:
    """Raises NotAcceptable for a caller who does not take JSON."""
    if (accept := ",".join(request.headers.getlist("accept"))) and not any(map(is_json, accept.split(","))):
        raise NotAcceptable


def is_json(media_range: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in media_range.split(";"))
    return kind in JSON and not any(is_never(parameter) for parameter in parameters)


def is_never(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and not value.strip(" 0.")
