"""What every table and every schema is made of."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import MISSING, ConfigDict
from pydantic import Field as Rule
from sqlalchemy import Connection, DateTime, Index, Text, event, func, text
from sqlalchemy.orm import Mapper, declared_attr
from sqlmodel import Field, SQLModel

from clinic_api.search import stored_words

SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


MOMENT = Rule(description="In UTC (RFC 3339).", examples=["2026-01-31T09:30:00Z"])
Created = Annotated[
    datetime,
    Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()}),
    MOMENT,
]
Updated = Annotated[
    datetime,
    Field(sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now(), "onupdate": func.now()}),
    MOMENT,
]


class Row(SQLModel):
    """What every stored record has; the database and the mapper fill it in, nobody sends it."""

    id: Annotated[int, Field(primary_key=True), Rule(description="Given once, and to no other.", examples=[1])]
    created_at: Created
    updated_at: Updated
    version: Annotated[int, Rule(description="Counts the changes; the ETag of the record.", examples=[1])]

    def refuse_contradictions(self) -> None:
        """Raise Invalid for what no single field can tell."""

    @declared_attr.directive
    def __tablename__(cls) -> str:
        return f"{cls.__name__.lower()}s"

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.__table__.c.version, "eager_defaults": True}  # type: ignore[attr-defined]


class Input(SQLModel):
    """What comes in: a field that does not exist is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]


class Partial(Input):
    """Makes each inherited field omissible; one that is sent is checked as on creation."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        for field in cls.model_fields.values():
            field.default = MISSING
        cls.model_rebuild(force=True)


class Record(Row):
    """The record of a person: it is found by its words, and retired rather than deleted."""

    searched: ClassVar[tuple[str, ...]]
    """The fields whose words find it."""

    search_words: Annotated[str, Field(sa_type=Text)]
    retired_at: Annotated[datetime | None, Field(sa_type=DateTime(timezone=True))] = None

    def prepare(self, connection: Connection) -> None:
        """Before it is written: make what is made by itself."""


@event.listens_for(Record, "before_insert", propagate=True)
@event.listens_for(Record, "before_update", propagate=True)
def complete(mapper: Mapper[Any], connection: Connection, record: Record) -> None:
    record.refuse_contradictions()
    record.prepare(connection)
    record.search_words = stored_words(*(getattr(record, name) for name in record.searched))


def unique_in_use(table: str, column: str) -> Index:
    """A value that no two records in use share; retiring a record frees it."""
    return Index(f"uq_{table}_{column}", column, unique=True, postgresql_where=text("retired_at IS NULL"))


def in_use(table: str, column: str) -> Index:
    """The records in use by this field, and then by id."""
    return Index(f"ix_{table}_{column}", column, "id", postgresql_where=text("retired_at IS NULL"))
