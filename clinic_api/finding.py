"""How records are found by their words, and patients by an index whatever else is asked of them.

Under a LIMIT PostgreSQL likes to walk along the wanted order until enough rows have passed its filters, which may be
never. So which index is used is decided here, and the statement leaves no other choice:

- `filtered`: no words, and no order but among a doctor's own. Along the index, or the table of ids, of one condition.
- `walked_by_one_word`: one word and nothing else. Along the index of words.
- `looked_up`: something is rare, or an order is wanted. The ids of all narrow conditions are intersected, the other
  conditions tested on each row.
- `walked_along`: nothing is rare. Along the first word; the others are tested, by a hash of ids or on the row.
- `each_tested`: among so few that each row is looked at.

Between `looked_up` and `walked_along` `found_patients` chooses by PostgreSQL's estimates.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import compress
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    SelectBase,
    SQLColumnExpression,
    Text,
    any_,
    bindparam,
    false,
    func,
    intersect,
    literal,
    true,
)
from sqlalchemy.dialects.postgresql import array
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_api.estimates import estimated
from clinic_api.models import Patient, PatientWord
from clinic_api.models.base import Record
from clinic_api.reading import how_many
from clinic_api.search import typed_words
from clinic_api.selecting import KEPT, Key, Selection, entity

Found = TypeVar("Found", bound=Record)
BEYOND = "\U0010ffff"
"""Sorts behind all that words are made of."""
EVERY_ID = select(Patient.id)
RARE, MOST_RARE = 100, 10_000
"""What a hundredth of the patients or fewer fulfil, and so few that they are sorted in some milliseconds."""
BROAD = 10
"""What more than a tenth fulfil is seen on the row rather than looked up."""
LOOKS_FOR_IDS = 20
"""To look at a patient takes as long as so many ids of an index."""
MOST_HASHED = 100_000
"""Ids of which a hash is made in some ten milliseconds."""


class Condition(NamedTuple):
    """What is asked of a patient: the ids that an index tells, and the same asked of the row at hand."""

    ids: SelectOfScalar[int]
    holds: ColumnElement[bool]
    along: SelectBase | None = None
    """Where the ids stand in a table of their own: what an index of it has, in that order, and the id last."""
    between: tuple[SQLColumnExpression[Any], ColumnElement[bool]] | None = None
    """Where an index has the field in front of the id: the field, and that it lies between the value and itself.

    Of `=` PostgreSQL would know that the index is in the order of ids, and might prefer to walk along those.
    """


def filtered(
    statement: SelectOfScalar[Patient], panels: Sequence[Condition], others: Sequence[Condition], *, is_sorted: bool
) -> Selection[Patient]:
    """Those of whom all this is true, by id along the first that stands apart; sorted, those of the panels."""
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
    words = typed_words(typed)
    found = each_tested(among.statement, len(words)) if words else nobody(among.statement)
    return found._replace(values=among.values | values_of(words))


@lru_cache(KEPT)
def nobody(statement: SelectOfScalar[Found]) -> Selection[Found]:
    return Selection(statement.where(false()))


@lru_cache(KEPT)
def each_tested(statement: SelectOfScalar[Found], count: int) -> Selection[Found]:
    table = entity(statement)
    has_all = statement.where(*(has_word(table, nth_word(number)) for number in range(count)))
    return Selection(has_all, order=best_first(table))


def found_patients(
    connection: Connection,
    among: Selection[Patient],
    typed: str | None,
    others: tuple[Condition, ...],
    *,
    is_sorted: bool,
) -> Selection[Patient]:
    """Those of these patients in use whom the typed words find and of whom the other conditions are true.

    Without a word it is for a sorted list, which PostgreSQL may walk along its order unless something is rare.
    """
    words = [] if typed is None else typed_words(typed)
    if typed is not None and not words:
        return nobody(among.statement)._replace(values=among.values)
    values = among.values | values_of(words)
    wanted = (*map(begun, range(len(words))), *others)
    if len(wanted) == 1 and not is_sorted:
        return walked_by_one_word(among.statement)._replace(values=values)
    total, *sizes = estimated(connection, (EVERY_ID, *(condition.ids for condition in wanted)), values)
    smallest = min(sizes)
    is_rare = smallest <= min(total // RARE, MOST_RARE)
    broadest = total // BROAD if words else 0  # PostgreSQL walks along a wanted order by itself
    most = LOOKS_FOR_IDS * smallest if is_rare else broadest
    narrow = tuple(size <= most for size in sizes)
    if is_sorted or is_rare:
        order = best_first(Patient) if words else ()
        return looked_up(among.statement, wanted, narrow)._replace(values=values, order=order)
    counted = how_many(looked_up(among.statement, wanted, narrow).statement)
    hashed = tuple(size <= min(most, MOST_HASHED) for size in sizes[1:])
    return walked_along(among.statement, wanted[1:], hashed)._replace(values=values, counted=counted)


def values_of(words: Sequence[str]) -> dict[str, Any]:
    return {f"word_{number}": word for number, word in enumerate(words)}


def nth_word(number: int) -> BindParameter[str]:
    """The word of this number, folded: letters, marks and digits, which mean themselves in a LIKE too."""
    return bindparam(f"word_{number}", type_=Text)


@cache
def begun(number: int) -> Condition:
    """That the word of this number begins one of the patient's."""
    word = nth_word(number)
    return Condition(select(PatientWord.patient_id).where(begins(word)), has_word(Patient, word))


def begins(typed: BindParameter[str]) -> ColumnElement[bool]:
    return col(PatientWord.word).between(typed, typed.concat(BEYOND))


def has_word(table: type[Record], typed: BindParameter[str]) -> ColumnElement[bool]:
    return col(table.search_words).like(literal("% ").concat(typed).concat("%"))


@cache
def best_first(table: type[Record]) -> tuple[Key, ...]:
    """Whole words first, then the older. The words are sorted, so the first that is met comes first."""
    rest = from_match(table)
    return Key(func.split_part(func.substr(rest, 2), " ", 1).collate("C")), Key(col(table.id))


def from_match(table: type[Record]) -> ColumnElement[str]:
    text = col(table.search_words)
    return func.substr(text, func.strpos(text, literal(" ").concat(nth_word(0))))


@lru_cache(KEPT)
def looked_up(
    statement: SelectOfScalar[Patient], wanted: tuple[Condition, ...], narrow: tuple[bool, ...]
) -> Selection[Patient]:
    """By the ids that fulfil all narrow conditions; whoever has these is looked at."""
    sets = [each.ids for each in compress(wanted, narrow)]
    rest = [each.holds for each, is_narrow in zip(wanted, narrow, strict=True) if not is_narrow]
    return Selection(by_ids(statement, *sets).where(*rest))


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


@lru_cache(KEPT)
def walked_along(
    statement: SelectOfScalar[Patient], others: tuple[Condition, ...], hashed: tuple[bool, ...]
) -> Selection[Patient]:
    """Along the first word. Whoever is met there must be in the hash of each of the hashed conditions."""
    return along_the_words(
        statement,
        *(in_a_hash(each) if is_hashed else each.holds for each, is_hashed in zip(others, hashed, strict=True)),
    )


@lru_cache(KEPT)
def walked_by_one_word(statement: SelectOfScalar[Patient]) -> Selection[Patient]:
    each_once = select(PatientWord.patient_id).where(begins(nth_word(0))).distinct()
    return along_the_words(statement)._replace(counted=how_many(each_once))


def along_the_words(statement: SelectOfScalar[Patient], *rest: ColumnElement[bool]) -> Selection[Patient]:
    """In the order of the words that begin so; each patient at the first of theirs."""
    word = col(PatientWord.word)
    is_first = func.starts_with(from_match(Patient), literal(" ").concat(word))
    statement = statement.join(PatientWord, looked_up_by(col(PatientWord.patient_id)))
    # Without `coalesce` PostgreSQL takes it for something that hardly any row fulfils.
    statement = statement.where(begins(nth_word(0)), func.coalesce(is_first, false()), *rest)
    return Selection(statement, order=(Key(word), Key(col(PatientWord.patient_id))))
