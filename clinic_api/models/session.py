"""A login and what follows from it, until it is ended or 12 hours have passed."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import DateTime, Index
from sqlmodel import Field, SQLModel

from clinic_api.models.base import Created


class LoginSession(SQLModel, table=True):
    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id", "address", "created_at"),)

    id: Annotated[int | None, Field(primary_key=True)] = None
    user_id: Annotated[int, Field(foreign_key="users.id")]
    address: Annotated[str, Field(max_length=64)]
    created_at: Created = None  # type: ignore[assignment]
    expires_at: Annotated[datetime, Field(sa_type=DateTime(timezone=True))]
    ended_at: Annotated[datetime | None, Field(sa_type=DateTime(timezone=True))] = None
    hashed_family: Annotated[str, Field(unique=True, max_length=64)]
    """Of what all refresh tokens of this session have in common."""
    hashed_refresh_token: Annotated[str, Field(max_length=64)]
    """Of the one that works; any other of the family was used already."""
