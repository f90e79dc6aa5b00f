"""What a request with an Idempotency-Key was answered, for when it is repeated."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import DateTime, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class IdempotencyKey(SQLModel, table=True):
    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "answered_at"),)

    user_id: Annotated[int, Field(foreign_key="users.id", primary_key=True)]
    key: Annotated[str, Field(max_length=255, primary_key=True)]
    answered_at: Annotated[datetime, Field(sa_type=DateTime(timezone=True))] = None  # type: ignore[assignment]
    hashed_request: Annotated[str, Field(max_length=64)]
    status: int
    headers: Annotated[dict[str, Any], Field(sa_type=JSONB)]
    body: Annotated[bytes, Field(sa_type=LargeBinary)]
    patient_id: int | None = None
    """The patient whom the answer shows."""
