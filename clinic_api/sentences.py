"""What is said in words: how many, and what is wrong with a field (pydantic's errors, without what was sent)."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic_core.core_schema import ErrorType

LONGEST_NAME = 40
NO_PARAMETER = "is no parameter of this address"
MADE = {"id", "created_at", "updated_at", "version"}
NAME = re.compile(r"[\w.\-\[\] ]+")
BUILT_IN = get_args(ErrorType)
SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "does not exist here",
    "json_invalid": "is not readable JSON",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_type": "must be text",
    "string_unicode": "must be valid Unicode text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of a sensible size",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "model_attributes_type": "must be a JSON object",
    "datetime_parsing": "must be a moment that exists, such as 2026-01-31T09:30:00Z",
    "datetime_from_date_parsing": "must be a moment that exists, such as 2026-01-31T09:30:00Z",
}


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def reason(error: Exception) -> str:
    """Why the database did not do it, in the first line of what it says: the others quote values."""
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]


def field_error(part: Mapping[str, Any]) -> dict[str, str]:
    """One of pydantic's errors; its place begins with where the field stands, in the body for example."""
    kind, place = part["type"], part["loc"]
    field = "body" if kind == "json_invalid" else ".".join(map(str, place[1:]))
    if not NAME.fullmatch(field):
        field = str(place[0])  # a JSON body that was sent as a form has become a name
    return {"field": field[:LONGEST_NAME], "message": sentence(part, field), "code": kind}


def sentence(part: Mapping[str, Any], field: str) -> str:
    """What is wrong, for somebody who writes a program."""
    kind, place, sent = part["type"], part["loc"][0], part.get("input", ...)
    if kind == "extra_forbidden" and place == "query":
        return NO_PARAMETER
    if kind == "extra_forbidden" and field in MADE:
        return "is made by the clinic: leave it out"
    if kind.endswith("_type") and sent is None:
        return "must not be null"
    if kind not in BUILT_IN:
        return str(part["msg"])
    words = SENTENCES.get(kind, "is not valid").format(**part.get("ctx", {}))
    return f"{words}, not in quotes" if kind in ("int_type", "bool_type") and isinstance(sent, str) else words
