"""What every error looks like on the OpenAPI page."""

from pydantic import BaseModel, Field


class WrongField(BaseModel):
    """What is wrong with one field."""

    row: int = Field(default=0, description="Of an import: the row as the spreadsheet shows it.", examples=[])
    field: str = Field(description="Its name; of what belongs to no field `body`.", examples=["birth_date"])
    message: str = Field(
        description="Completes a sentence that begins with the name.", examples=["must not be in the future"]
    )
    code: str = Field(description="The same for programs.", examples=["future_date"])


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="The kind of error.", examples=["/problems/validation-error"])
    title: str = Field(description="The kind of error, in words.", examples=["Validation error"])
    status: int = Field(description="The status of the answer.", examples=[422])
    detail: str = Field(description="What went wrong, and the next step.", examples=["1 field is invalid: birth_date."])
    instance: str = Field(description="The path of the request.", examples=["/patients"])
    request_id: str = Field(description="The answer's X-Request-ID.", examples=["5f2b8c1d9e3a4f60"])
    errors: list[WrongField] = Field(default=[], description="Of a 409 or 422; of an import the first 1000.")
    error: str = Field(default="", description="Of a login: RFC 6749's word for it.", examples=[])
    error_description: str = Field(default="", description="Of a login: `detail` once more, for OAuth2.", examples=[])
    rows: int = Field(default=0, description="Of an import: how many rows tell of a patient.", examples=[])
    wrong_rows: int = Field(default=0, description="Of an import: how many rows have an error.", examples=[])
    error_count: int = Field(default=0, description="Of an import: how many errors there are in all.", examples=[])
