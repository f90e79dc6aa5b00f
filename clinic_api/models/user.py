"""An account that signs in: an administrator, or a doctor."""

from typing import Annotated

from pydantic import Field as Rule
from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from clinic_api.models.base import Created, Input, Partial, Row
from clinic_api.models.fields import Email, FullName, Id, IsActive, Password, UserRole


class Standing(SQLModel):
    """What an administrator may change."""

    role: UserRole
    full_name: FullName = None
    doctor_id: Annotated[
        Id | None,
        Field(foreign_key="doctors.id"),
        Rule(strict=True, description="The doctor who signs in with this account; none for an ADMIN.", examples=[None]),
    ] = None


class Identity(SQLModel):
    email: Email


class UserBase(Standing, Identity):
    pass


class Account(UserBase, Row):
    is_active: IsActive = True


class User(Account, table=True):
    hashed_password: str
    password_set_at: Created = None  # type: ignore[assignment]
    """A better hash of the same password leaves it as it is."""

    __table_args__ = (
        UniqueConstraint("email"),
        UniqueConstraint("doctor_id"),
        CheckConstraint("role = 'DOCTOR' OR doctor_id IS NULL", name="admin_is_no_doctor"),
    )


class UserRegister(Input, UserBase):
    password: Password


class UserUpdate(Partial, Standing):
    is_active: IsActive


class UserPublic(Account):
    pass


class PasswordSet(Input):
    new_password: Password


class PasswordChange(PasswordSet):
    current_password: Password
