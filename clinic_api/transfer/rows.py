"""Rows of a sheet as patients, each checked by the very model that checks a request."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from operator import attrgetter
from typing import IO, Any

from pydantic import ValidationError

from clinic_api.errors import Invalid, WrongCell
from clinic_api.models import Patient, PatientCreate, PatientPublic, PatientUpdate
from clinic_api.models.fields import BLANKS
from clinic_api.search import cut, fold, stored_words
from clinic_api.sentences import field_error
from clinic_api.transfer.record_numbers import made_number
from clinic_api.transfer.sheet import Unreadable, opened, restored

FIELDS = tuple(PatientCreate.model_fields)
BY_ITSELF = PatientPublic.model_fields.keys() - set(FIELDS)
"""What an exported file has besides: nobody sends it, so it is not read."""
REQUIRED = [name for name, field in PatientCreate.model_fields.items() if field.is_required()]
BOOLEANS = {name for name, field in PatientCreate.model_fields.items() if field.annotation is bool}
TRUTHS = {"true": True, "false": False}
COLUMNS = ("sheet_row", "search_words", "folded_name", "word", "is_guess", *FIELDS)
MOST_TOLD = 1_000
NO_DIGIT = re.compile("[^0-9]+")

fields = attrgetter(*FIELDS)
searched = attrgetter(*Patient.searched)

Row = tuple[Any, ...]
"""The values of COLUMNS. Of a row with an error only its number and its record number, which others may repeat."""


class Rows:
    """Reads a sheet, and remembers what is wrong in it. `pace` is called every now and then.

    To who brings no record number it gives the one that would be made: most of these guesses come true.
    """

    def __init__(self, first_number: int, pace: Callable[[], None]) -> None:
        self.numbers = count(first_number)
        self.pace = pace
        self.count = 0
        self.wrong_rows = 0
        self.errors = 0
        self.first: list[WrongCell] = []
        """The first of the errors."""

    def read(self, file: IO[bytes]) -> Iterator[Row]:
        try:
            with opened(file, PatientPublic.model_fields, self.pace) as sheet:
                _, names = next(sheet, (1, []))
                names = [name.strip(BLANKS) for name in names]
                if wrong := wrong_names(names):
                    self.note(wrong)
                    return
                for row, cells in sheet:
                    self.count += 1
                    if checked := self.checked(row, names, cells):
                        yield checked
        except Unreadable as error:
            self.note([WrongCell(error.row, "file", error.message, error.code)])

    def checked(self, row: int, names: Sequence[str], cells: Sequence[str]) -> Row | None:
        if len(cells) != len(names):
            self.note([WrongCell(row, "row", f"has {len(cells)} cells instead of {len(names)}", "wrong_width")])
            return None
        values = dict(filled(names, cells))
        try:
            patient = PatientCreate.model_validate(values)
            patient.refuse_contradictions()
        except ValidationError as error:
            self.note(told(row, error))
        except Invalid as error:
            self.note([WrongCell(row, error.field, error.message, error.code)])
        else:
            return self.complete(row, patient)
        number = record_number(values)
        return incomplete(row, number) if number else None

    def complete(self, row: int, patient: PatientCreate) -> Row:
        is_guess = patient.medical_record_number is None
        if is_guess:
            vars(patient)["medical_record_number"] = made_number(next(self.numbers))  # SQLModel's own way takes long
        name = folded_name(patient.given_name, patient.family_name)
        word = longest_word(patient.family_name or patient.given_name)
        return (row, stored_words(*searched(patient)), name, word, is_guess, *fields(patient))

    def note(self, wrong: list[WrongCell]) -> None:
        """Remember what is wrong in one row."""
        self.first += wrong[: MOST_TOLD - len(self.first)]
        self.wrong_rows += 1
        self.errors += len(wrong)


def wrong_names(names: Sequence[str]) -> list[WrongCell]:
    """What is wrong in the first row. A column without a name is none, as long as nothing stands in it."""
    if not any(names):
        return [WrongCell(1, "file", "is empty: its first row must name the columns", "empty")]
    known = {*FIELDS, *BY_ITSELF, ""}
    kinds = {
        "extra_forbidden": [name for name in dict.fromkeys(names) if name not in known],
        "repeated": [name for name, times in Counter(filter(known.__contains__, names)).items() if name and times > 1],
        "missing": [name for name in REQUIRED if name not in names],
    }
    return [wrong(1, kind, name, "must be there once") for kind, found in kinds.items() for name in found]


def wrong(row: int, kind: str, name: str, message: str = "") -> WrongCell:
    return WrongCell(row, **field_error({"type": kind, "loc": ("column", name), "msg": message}))


def told(row: int, error: ValidationError) -> list[WrongCell]:
    parts = error.errors(include_url=False, include_input=False)
    return [WrongCell(row, **field_error({**part, "loc": ("column", *part["loc"])})) for part in parts]


def filled(names: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, str | bool]]:
    """What stands in the cells, without those that are empty."""
    for name, cell in zip(names, cells, strict=True):
        if (text := cell.strip(BLANKS)) and name not in BY_ITSELF:
            yield name, TRUTHS.get(text.lower(), text) if name in BOOLEANS else restored(text)


def record_number(values: Mapping[str, Any]) -> str | None:
    """That of a row in which something else is wrong."""
    try:
        return PatientUpdate.model_validate(
            {"medical_record_number": values["medical_record_number"]}
        ).medical_record_number
    except (KeyError, ValidationError):
        return None


def incomplete(row: int, number: str) -> Row:
    return (row, *(number if name == "medical_record_number" else None for name in COLUMNS[1:]))


def folded_name(given_name: str, family_name: str) -> str:
    """What two rows have in common that are likely to tell of one person."""
    return f"{fold(given_name)} {fold(family_name)}"


@lru_cache(maxsize=5_000)
def longest_word(name: str) -> str:
    """Of a name, as it stands among the words by which such a person is found: most likely few have it."""
    words = [word for word in cut(fold(name)) if NO_DIGIT.fullmatch(word)]
    return f" {max(words, key=len)} " if words else ""
