"""In which format the caller wants the answer (RFC 9110, 12.5.1)."""

import re
from collections.abc import Mapping

from fastapi import Request

from clinic_api.errors import NotAcceptable

JSON, CSV = "application/json", "text/csv"
QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


def format_of(request: Request, formats: Mapping[str, str]) -> str:
    """The one of these media types that the caller likes best, of equals the first. Raises NotAcceptable for none."""
    accept = ",".join(request.headers.getlist("accept"))
    said = {} if accept in ("", "*/*") else preferences(accept)  # as most send it
    if not said:
        return next(iter(formats))
    liked = {media_type: liking(media_type, said) for media_type in formats}
    best = max(liked, key=lambda media_type: liked[media_type])
    if not liked[best]:
        raise NotAcceptable(formats)
    return best


def preferences(accept: str) -> dict[str, float]:
    """How much each is liked: of one that is named twice, the most. Between commas may be nothing (RFC 9110, 5.6.1)."""
    return dict(sorted(parsed(media_range) for media_range in accept.split(",") if media_range.strip()))


def liking(media_type: str, said: Mapping[str, float]) -> float:
    """From 0 to 1; what is said of the type itself counts more than what is said of all of its kind, or of all."""
    general = f"{media_type.partition('/')[0]}/*"
    return next((said[name] for name in (media_type, general, "*/*") if name in said), 0)


def parsed(media_range: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in media_range.split(";"))
    pairs = [parameter.partition("=") for parameter in parameters]
    quality = next((value.strip() for key, _, value in pairs if key.strip() == "q"), "1")
    return name, float(quality) if QUALITY.fullmatch(quality) else 1.0
