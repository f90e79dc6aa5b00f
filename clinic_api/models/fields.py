"""The vocabulary: each kind of field once, with its constraint, description and example.

`Rule` is pydantic's own `Field`, for it knows patterns and examples; SQLModel's `Field` adds what the table needs.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import email_validator
from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler
from pydantic import Field as Rule
from pydantic_core import CoreSchema, PydanticCustomError
from sqlalchemy import Enum as Choice
from sqlmodel import Field

MAX_ID = 2**31 - 1
LONGEST_LIFE = 150  # years
LONGEST_EMAIL = 254
LONGEST_INPUT = 4096  # characters; no field takes nearly as many
BLANKS = "".join(re.findall(r"[^\S\x1c-\x1f\x85]", "".join(map(chr, range(0x3001)))))  # what is trimmed
CHARACTER = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CONTROL_BUT_BREAK = re.compile(r"(?!\n)[\x00-\x1f\x7f-\x9f\u2028\u2029]")
VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f]"
THREE_DIGITS = rf"^\s*((?=(.*\d){{3}}){CHARACTER}{{3,40}})?\s*$"
NO_EMAIL = "must be an e-mail address such as name@example.org"
IN_FUTURE = "must not be in the future"
PLAIN_EMAIL = re.compile(
    r"(?=.{1,64}@.{1,63}\Z)[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@([a-z0-9]+(-[a-z0-9]+)*\.)+([a-z0-9]+-)*[a-z0-9]*[a-z]"
)

# An intranet's addresses (clinic.local, clinic.test) are addresses too; nothing is ever sent to them from here.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def composed(value: Any) -> Any:
    """Text in NFC. What is far too long is refused first: Python composes in quadratic time."""
    if not isinstance(value, str):
        return value
    if len(value) > LONGEST_INPUT:
        raise PydanticCustomError("far_too_long", "is far too long")
    return unicodedata.normalize("NFC", value)


def tidy(value: Any, *, breaks: bool = False) -> Any:
    """Text in one spelling: NFC, trimmed, without control characters (line breaks only where they belong)."""
    if not isinstance(value, str):
        return value
    if value.isascii() and value.isprintable() and len(value) <= LONGEST_INPUT:  # what follows would find nothing
        return value.strip(" ")
    value = composed(value.replace("\r\n", "\n")).strip(BLANKS)
    if (CONTROL_BUT_BREAK if breaks else CONTROL).search(value):
        raise PydanticCustomError("control_character", "must not contain control characters")
    return value if any(unicodedata.category(character) not in ("Cf", "Zs") for character in value) else ""


@dataclass(frozen=True)
class Text(BeforeValidator):
    """Tidies a text, and says on the OpenAPI page what may be sent; a length is counted without blanks at the ends."""

    character: str = CHARACTER

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        for kind in schema.get("anyOf", [schema]):
            if kind["type"] == "string" and handler.mode == "validation":
                first = VISIBLE if kind.pop("minLength", 0) else ""
                most = kind.pop("maxLength") - bool(first)
                kind["pattern"] = rf"^\s*{first}{self.character}{{0,{most}}}\s*$"
        return schema


def plain_number(value: Any) -> Any:
    """In an address only digits are a number: pydantic would also take `1.0`, `+1`, `01` and `1_0`.

    In JSON `1.0` is the same number as `1`.
    """
    if isinstance(value, str) and not re.fullmatch(r"0|[1-9][0-9]*", value):
        raise PydanticCustomError("whole_number", "must be a whole number")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def aware(value: datetime) -> datetime:
    """In UTC; a moment without an offset could be any of 26 hours."""
    if value.tzinfo is None:
        raise PydanticCustomError("moment", "must end in Z or an offset such as +02:00")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("moment", "must be a moment between the years 1 and 9999") from None


def moment(value: Any) -> Any:
    """Only RFC 3339: pydantic would also take numbers and dates."""
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", value, re.ASCII):
        raise PydanticCustomError("moment", "must be a moment such as 2026-01-31T09:30:00Z")
    return value


def none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def upper(value: Any) -> Any:
    return composed(value.upper()) if isinstance(value, str) else value


def canonical_email(value: str) -> str:
    """The one spelling of an address that is stored and compared: lower case, the domain in Unicode."""
    if PLAIN_EMAIL.fullmatch(value):  # what follows would take a hundred times as long to find nothing to change
        return value
    try:
        address = email_validator.validate_email(value, check_deliverability=False)
    except email_validator.EmailNotValidError:
        raise PydanticCustomError("email", NO_EMAIL) from None
    canonical = unicodedata.normalize("NFC", address.normalized.lower())
    if len(canonical) > LONGEST_EMAIL:
        raise PydanticCustomError("email", f"must have at most {LONGEST_EMAIL} characters")
    return canonical if canonical == address.normalized else canonical_email(canonical)  # `İ` is longer in lower case


def has_three_digits(value: str | None) -> str | None:
    if value is not None and not re.search(r"\d.*\d.*\d", value):
        raise PydanticCustomError("phone", "must contain at least three digits")
    return value


def strict_date(value: Any) -> Any:
    """Only `YYYY-MM-DD`: pydantic would also take 86400 and moments."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if not (isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII)):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("date", "must be a date that exists, written YYYY-MM-DD") from None


def not_in_future(value: date | None) -> date | None:
    if value is not None and value > (datetime.now(UTC) + timedelta(hours=14)).date():
        raise PydanticCustomError("future_date", IN_FUTURE)
    return value


def within_a_life(value: date) -> date:
    today = datetime.now(UTC).date()
    if (value.year + LONGEST_LIFE, value.month, value.day) < (today.year, today.month, today.day):
        raise PydanticCustomError("past_date", f"must not be more than {LONGEST_LIFE} years ago")
    return value


class Gender(StrEnum):
    """FHIR's administrative gender."""

    male = "male"
    female = "female"
    other = "other"
    unknown = "unknown"


class Action(StrEnum):
    """What an audit event tells of."""

    login = "login"
    login_failed = "login_failed"
    logout = "logout"
    password_change = "password_change"
    create = "create"
    update = "update"
    delete = "delete"
    restore = "restore"
    assign = "assign"
    unassign = "unassign"
    emergency_access = "emergency_access"
    merge = "merge"
    purge = "purge"
    import_ = "import"
    read = "read"
    list = "list"
    export = "export"


class Entity(StrEnum):
    """What kind of record it tells of."""

    user = "user"
    doctor = "doctor"
    patient = "patient"


class Role(StrEnum):
    """What an account may do."""

    ADMIN = "ADMIN"
    DOCTOR = "DOCTOR"


def choice(of: type[StrEnum]) -> Choice:
    """A column that holds one of these words; text with a check, so that a migration can change it."""
    return Choice(
        of,
        native_enum=False,
        create_constraint=True,
        name=of.__name__.lower(),
        length=20,
        values_callable=lambda words: [word.value for word in words],
    )


Line = Text(tidy)
Lines = Text(lambda value: tidy(value, breaks=True), character=rf"({CHARACTER}|\r?\n)")
Optional = BeforeValidator(none_if_empty)

Number = BeforeValidator(plain_number)

Id = Annotated[int, Rule(ge=1, le=MAX_ID, examples=[1]), Number]
GivenName = Annotated[
    str,
    Rule(
        min_length=1,
        max_length=100,
        description="First and middle names, as the person writes them.",
        examples=["José"],
    ),
    Line,
]
FamilyName = Annotated[
    str, Rule(min_length=1, max_length=100, description="Surname, as the person writes it.", examples=["Núñez"]), Line
]
OptionalFamilyName = Annotated[
    str, Rule(max_length=100, description="Surname; empty for a person with a single name.", examples=["Núñez"]), Line
]
FullName = Annotated[
    str | None,
    Rule(max_length=100, description="How the person is addressed.", examples=["Dr. Ada Lovelace"]),
    Optional,
    Line,
]
Specialty = Annotated[
    str, Rule(min_length=1, max_length=100, description="Field of medicine.", examples=["Cardiology"]), Line
]
Email = Annotated[
    str,
    Rule(
        max_length=LONGEST_EMAIL,
        description="Kept and compared in lower case.",
        examples=["ada.lovelace@example.org"],
        json_schema_extra={"format": "idn-email"},
    ),
    BeforeValidator(tidy),
    AfterValidator(canonical_email),
]
OptionalEmail = Annotated[
    str | None,
    Rule(
        max_length=LONGEST_EMAIL,
        description="Kept and compared in lower case; not unique, for families share one.",
        examples=["nunez@example.org"],
        json_schema_extra={
            "anyOf": [
                {"type": "string", "format": "idn-email", "maxLength": LONGEST_EMAIL},
                {"type": "string", "pattern": r"^\s*$"},
                {"type": "null"},
            ]
        },
    ),
    Optional,
    BeforeValidator(tidy),
    AfterValidator(lambda value: value and canonical_email(value)),
]
Password = Annotated[
    str,
    Rule(
        min_length=1,
        max_length=256,
        description="Any characters; length counts for more than symbols.",
        examples=["correct horse battery staple"],
        json_schema_extra={"format": "password"},
    ),
    BeforeValidator(composed),
]
Phone = Annotated[
    str | None,
    Rule(
        max_length=40,
        description="With at least three digits.",
        examples=["+49 30 1234567"],
        json_schema_extra={"anyOf": [{"type": "string", "pattern": THREE_DIGITS}, {"type": "null"}]},
    ),
    Optional,
    Line,
    AfterValidator(has_three_digits),
]
Address = Annotated[
    str | None,
    Rule(max_length=300, description="Postal address; line breaks are kept.", examples=["12 Harbour Street\nBerlin"]),
    Optional,
    Lines,
]
LicenseNumber = Annotated[
    str | None,
    Rule(
        max_length=40, description="Licence to practise; unique when given, kept in upper case.", examples=["MD-48213"]
    ),
    BeforeValidator(upper),
    Optional,
    Line,
]
RecordNumber = Annotated[
    str,
    Rule(min_length=1, max_length=40, description="Unique, kept in upper case.", examples=["MRN-2041"]),
    BeforeValidator(upper),
    Line,
]
MedicalRecordNumber = Annotated[
    str | None,
    Field(nullable=False),
    Rule(
        max_length=40,
        description="Unique, kept in upper case; made (P-000001 …) when left out.",
        examples=["MRN-2041"],
    ),
    BeforeValidator(upper),
    Optional,
    Line,
]
BirthDate = Annotated[
    date,
    Rule(description="YYYY-MM-DD; not in the future, not over 150 years ago.", examples=["1984-02-29"]),
    BeforeValidator(strict_date),
    AfterValidator(not_in_future),
    AfterValidator(within_a_life),
]
DeceasedDate = Annotated[
    date | None,
    Rule(description="YYYY-MM-DD; neither before birth nor in the future.", examples=[None]),
    BeforeValidator(lambda value: value if value is None else strict_date(value)),
    AfterValidator(not_in_future),
]
Moment = Annotated[datetime, Rule(examples=["2026-01-31T09:30:00Z"]), BeforeValidator(moment), AfterValidator(aware)]
AdministrativeGender = Annotated[
    Gender,
    Field(sa_type=choice(Gender)),
    Rule(description="For administration, as FHIR has it.", examples=["female"]),
]
EmergencyReason = Annotated[
    str,
    Rule(
        min_length=1,
        max_length=100,
        description="Why the patient cannot wait for an administrator; it stays in the audit.",
        examples=["Unconscious in the emergency room"],
    ),
    Line,
]
IsActive = Annotated[bool, Rule(strict=True, description="Whether the account may sign in; `false` ends its sessions.")]
Active = Annotated[
    bool, Rule(strict=True, description="Whether in use; an inactive record stays visible but takes no new assignment.")
]
UserRole = Annotated[
    Role,
    Field(sa_type=choice(Role)),
    Rule(description="ADMIN runs the clinic; DOCTOR sees the patients assigned to them.", examples=["DOCTOR"]),
]
