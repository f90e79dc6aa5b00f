"""What schemathesis checks besides its own: why something is refused, and that no refusal repeats what was sent."""

from collections.abc import Iterator
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response

UNSAYABLE = {
    "future_date": "today moves",
    "past_date": "150 years ago moves too",
    "before_birth": "a date is compared with another",
    "too_easy": "zxcvbn judges a password",
    "password_is_email": "a password is compared with the e-mail",
    "wrong_password": "the current password is stored",
    "key_reused": "an Idempotency-Key belongs to the first request that had it",
    "unknown_doctor": "a doctor must be there",
    "cursor": "a cursor is made by the server",
    "offset_with_cursor": "one parameter excludes another",
    "admin_is_no_doctor": "of what is stored, where a PATCH changes one of the two",
}
"""What the OpenAPI page describes in words alone, by the code of its 422, and why no JSON schema can say it."""
LONG = 12  # characters; what is shorter may stand in a sentence by chance


@schemathesis.check
def refused_for_a_reason(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """What the page allows is refused only for a reason that it cannot state."""
    if case.path == "/patients/import":  # what is in a file, no schema can say
        return
    if response.status_code == 422 and case.meta is not None and case.meta.generation.mode.is_positive:
        codes = {error["code"] for error in response.json()["errors"]}
        assert codes <= set(UNSAYABLE), f"The page does not tell of {codes - set(UNSAYABLE)}"


@schemathesis.check
def repeats_nothing(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """An error shows no value that was sent."""
    if response.status_code >= 400:
        shown = response.json()
        for value in [*texts(case.body), *texts(case.query)]:
            assert value not in f"{shown['detail']} {shown.get('errors')}", "A value that was sent is repeated"


def texts(sent: Any) -> Iterator[str]:
    for value in sent.values() if isinstance(sent, dict) else sent if isinstance(sent, list) else [sent]:
        if isinstance(value, dict | list):
            yield from texts(value)
        elif isinstance(value, str) and len(value) >= LONG:
            yield value
