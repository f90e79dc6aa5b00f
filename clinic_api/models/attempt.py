"""An attempt to guess a secret (a password, or a patient in an emergency), counted before it is known to be wrong."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, Index, func
from sqlmodel import Field, SQLModel


class Attempt(SQLModel, table=True):
    __tablename__ = "attempts"
    __table_args__ = (Index(None, "hashed_account", "at"), Index(None, "address", "at"), Index(None, "at"))

    id: Annotated[int | None, Field(primary_key=True, sa_type=BigInteger)] = None
    at: Annotated[
        datetime, Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.clock_timestamp()})
    ] = None  # type: ignore[assignment]
    hashed_account: Annotated[str, Field(max_length=64)]
    """Of the e-mail as it was typed, for it may be anything; with the address, where that one is known."""
    address: Annotated[str | None, Field(max_length=64)] = None
    failed: bool = False
    """Known to be wrong; until then it may still give its place back."""
