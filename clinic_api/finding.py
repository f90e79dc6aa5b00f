"""How records are found by their words, and patients by an index whatever else is asked of them.

Under a LIMIT PostgreSQL likes to walk along the wanted order until enough rows have passed its filters, which may be
never. So which index is used is decided here, by PostgreSQL's estimates, and the statement leaves no other choice.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    SelectBase,
    SQLColumnExpression,
    any_,
    false,
    func,
    intersect,
    literal,
    true,
)
from sqlalchemy.dialects.postgresql import array
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.database import Key, Selection, entity
from clinic_api.estimates import estimated
from clinic_api.models import Patient, PatientWord
from clinic_api.models.base import Record
from clinic_api.reading import how_many
from clinic_api.search import typed_words

Found = TypeVar("Found", bound=Record)
BEYOND = "\U0010ffff"
"""Sorts behind all that words are made of."""


class Condition(NamedTuple):
    """What is asked of a patient: the ids that an index tells, and the same asked of the row at hand."""

    ids: SelectOfScalar[int]
    holds: ColumnElement[bool]
    along: SelectBase | None = None
    """Where the ids stand in a table of their own: what an index of it has, in that order, and the id last."""
    between: tuple[SQLColumnExpression[Any], ColumnElement[bool]] | None = None
    """Where an index has the field in front of the id: the field, and that it lies between the value and itself."""


def filtered(
    statement: SelectOfScalar[Patient], panels: Sequence[Condition], others: Sequence[Condition], *, is_sorted: bool
) -> Selection[Patient]:
    """Those of whom all this is true, by id along the first that stands apart. A panel is small enough to be sorted."""
    if is_sorted:
        statement = by_ids(statement, *(panel.ids for panel in panels))
        return Selection(statement.where(*(each.holds for each in others)))
    wanted = [*panels, *others]
    if len(wanted) == 1 and wanted[0].between is not None:
        field, lies_between = wanted[0].between
        return Selection(statement.where(lies_between), order=(Key(field), Key(col(Patient.id))))
    apart = next((each for each in wanted if each.along is not None), None)
    statement = statement.where(*(each.holds for each in wanted if each is not apart))
    if apart is None or apart.along is None:
        return Selection(statement)
    *_, id = keys = apart.along.subquery().c
    page = statement.join(id.table, looked_up_by(id))
    counted = None if panels else how_many(statement.join(id.table, col(Patient.id) == id))
    return Selection(page, order=tuple(map(Key, keys)), counted=counted)


def found_among_few(among: Selection[Found], typed: str | None) -> Selection[Found]:
    """Those that have each typed word as the beginning of one of theirs; each is looked at."""
    if typed is None:
        return among
    table, words = entity(among.statement), typed_words(typed)
    if not words:
        return among._replace(statement=among.statement.where(false()))
    statement = among.statement.where(*(has_word(table, word) for word in words))
    return among._replace(statement=statement, order=best_first(table, words[0]))


def found_patients(
    connection: Connection, among: Selection[Patient], typed: str, others: Sequence[Condition], *, is_sorted: bool
) -> Selection[Patient]:
    """Those of these patients in use whom the typed words find and of whom the other conditions are true.

    What is rare is looked up first. Where nothing is, the first word is walked along, as the words are in order.
    """
    statement, words = among.statement, typed_words(typed)
    if not words:
        return among._replace(statement=statement.where(false()))
    wanted = [*map(begins_a_word, words), *others]
    if len(wanted) == 1 and not is_sorted:
        each_once = select(PatientWord.patient_id).where(begins(words[0])).distinct()
        return along_the_words(among, words[0], [], how_many(each_once))
    rows = [select(Patient.id), *(condition.ids for condition in wanted)]
    total, *sizes = estimated(connection, rows, among.values)
    smallest = min(sizes)
    is_rare = smallest <= min(total // 100, 10_000)
    most = 20 * smallest if is_rare else total // 10  # to look at a patient takes as long as 20 ids of an index
    narrowed = looked_up(statement, [(each, size <= most) for each, size in zip(wanted, sizes, strict=True)])
    if is_sorted or is_rare:
        return among._replace(statement=narrowed, order=best_first(Patient, words[0]))
    others_sized = zip(wanted[1:], sizes[1:], strict=True)
    rest = [in_a_hash(each) if size <= min(most, 100_000) else each.holds for each, size in others_sized]
    return along_the_words(among, words[0], rest, how_many(narrowed))


def begins_a_word(typed: str) -> Condition:
    ids = select(PatientWord.patient_id).where(begins(typed))
    return Condition(ids, has_word(Patient, typed))


def begins(typed: str) -> ColumnElement[bool]:
    return col(PatientWord.word).between(typed, typed + BEYOND)


def has_word(table: type[Record], typed: str) -> ColumnElement[bool]:
    return col(table.search_words).like(f"% {typed}%")


def best_first(table: type[Record], typed: str) -> tuple[Key, ...]:
    """Whole words first, then the older. The words are sorted, so the first that is met comes first."""
    rest = from_match(table, typed)
    return Key(func.split_part(func.substr(rest, 2), " ", 1).collate("C")), Key(col(table.id))


def from_match(table: type[Record], typed: str) -> ColumnElement[str]:
    text = col(table.search_words)
    return func.substr(text, func.strpos(text, f" {typed}"))


def looked_up(statement: SelectOfScalar[Patient], wanted: Iterable[tuple[Condition, bool]]) -> SelectOfScalar[Patient]:
    """By the ids that fulfil all narrow conditions; whoever has these is looked at."""
    sets, rest = [], []
    for condition, is_narrow in wanted:
        if is_narrow:
            sets.append(condition.ids)
        else:
            rest.append(condition.holds)
    return by_ids(statement, *sets).where(*rest)


def by_ids(statement: SelectOfScalar[Patient], *sets: Select[Any]) -> SelectOfScalar[Patient]:
    """Those with an id in each of these sets. An array of them keeps PostgreSQL from all other ways."""
    if not sets:
        return statement
    ids = intersect(*sets) if len(sets) > 1 else sets[0]
    return statement.where(col(Patient.id) == any_(func.array(ids.scalar_subquery())))


def looked_up_by(id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """The patient with this id. Of `=` PostgreSQL may hash or merge all patients, and so pass over most of them."""
    return col(Patient.id) == any_(array([id]))


def in_a_hash(condition: Condition) -> ColumnElement[bool]:
    """`IS true`, or PostgreSQL would make a join of it and forget the order of the words."""
    return col(PatientWord.patient_id).in_(condition.ids).is_(true())


def along_the_words(
    among: Selection[Patient], typed: str, rest: Sequence[ColumnElement[bool]], counted: Select[Any]
) -> Selection[Patient]:
    """In the order of the words that begin so; each patient at the first of theirs."""
    word = col(PatientWord.word)
    is_first = func.starts_with(from_match(Patient, typed), literal(" ").concat(word))
    statement = among.statement.join(PatientWord, looked_up_by(col(PatientWord.patient_id)))
    # Without `coalesce` PostgreSQL takes it for something that hardly any row fulfils.
    statement = statement.where(begins(typed), func.coalesce(is_first, false()), *rest)
    order = (Key(word), Key(col(PatientWord.patient_id)))
    return among._replace(statement=statement, order=order, counted=counted)
