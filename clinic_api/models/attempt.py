"""An attempt to guess a secret (a password, or a patient in an emergency), counted before it is known to be wrong."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, Index, func
from sqlmodel import Field, SQLModel


class Attempt(SQLModel, table=True):
    __tablename__ = "attempts"
    __table_args__ = (Index(None, "hashed_target", "at"), Index(None, "address", "at"), Index(None, "at"))

    id: Annotated[int | None, Field(primary_key=True, sa_type=BigInteger)] = None
    at: Annotated[
        datetime, Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.clock_timestamp()})
    ] = None  # type: ignore[assignment]
    hashed_target: Annotated[str, Field(max_length=64)]
    """Of what kind of secret and whose; an e-mail is whatever was typed there."""
    address: Annotated[str | None, Field(max_length=64)] = None
    from_known: bool = False
    """Whether the account signed in from this address lately, which then has an allowance of its own."""
    failed: bool = False
    """Known to be wrong; until then it may still give its place back."""
