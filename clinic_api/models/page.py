"""What every list can be asked: how much of it, and in what order."""

from typing import Annotated

from pydantic import Field as Rule

from clinic_api.models.base import Input
from clinic_api.models.fields import Line, Number, Optional

Search = Annotated[
    str | None,
    Rule(
        max_length=100,
        description="Words, each the beginning of a word of the names, record number, e-mail or phone: `nun jos`.",
    ),
    Optional,
    Line,
]
Retired = Annotated[bool, Rule(description="List what DELETE retired instead; for an ADMIN.")]


class ListQuery(Input):
    limit: Annotated[int, Rule(ge=1, le=500, description="How many at most: 1 to 500."), Number] = 50
    offset: Annotated[int, Rule(ge=0, le=10_000, description="How many to skip: up to 10,000."), Number] = 0
    sort: Annotated[
        str | None,
        Rule(
            max_length=1000,
            description="Fields, the first counts most, `-` for descending; in an address: `family_name,-created_at`.",
        ),
        Optional,
        Line,
    ] = None
    cursor: Annotated[
        str | None,
        Rule(
            max_length=4000,
            description='Where the last page ended: take it from that answer\'s `Link` header, `rel="next"`.',
        ),
    ] = None
    total: Annotated[bool, Rule(description="Also count all of them: header `X-Total-Count`.")] = False
