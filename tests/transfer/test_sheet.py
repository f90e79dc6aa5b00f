"""CSV as spreadsheets write it, and what is no CSV at all."""

from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from clinic_api.transfer.exporting import as_csv
from clinic_api.transfer.sheet import FORMULA, LONGEST_ROW, Unreadable, defused, opened, restored
from tests.models.test_fields import quick

COLUMNS = ("given_name", "birth_date")
cells = some.text(some.one_of(some.sampled_from("'=+-@\t\r\n,;\" a"), some.characters(exclude_categories=["Cs"])))


def rows(text: str | bytes) -> list[tuple[int, list[str]]]:
    with opened(BytesIO(text.encode() if isinstance(text, str) else text), COLUMNS) as sheet:
        return list(sheet)


@quick
@given(text=cells)
@example(text="''=1+1")
@example(text="'")
def test_a_cell_is_never_a_formula_and_comes_back_as_it_was(text: str) -> None:
    assert restored(defused(text)) == text
    assert not defused(text)[:1] or defused(text)[0] == "'" or not FORMULA.match(defused(text))


@quick
@given(table=some.lists(some.lists(cells, min_size=2, max_size=2), min_size=1))
def test_what_is_written_is_read(table: list[list[str]]) -> None:
    written = [line for line in table if any(cell.strip() for cell in line)]
    read = [[restored(cell) for cell in line] for _, line in rows(as_csv([COLUMNS, *written]))]
    assert read == [list(COLUMNS), *written]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiters_and_line_ends_of_every_spreadsheet_are_read(delimiter: str, end: str, mark: str) -> None:
    table = [["given_name", "birth_date"], ["José", "1984-02-29"]]
    text = mark + end.join(delimiter.join(line) for line in table)
    assert rows(text) == rows(text + end) == list(enumerate(table, 1))


def test_columns_of_another_language_are_told_apart() -> None:
    assert rows("Vorname;Nachname\nJosé;Núñez\n")[0] == (1, ["Vorname", "Nachname"])


def test_rows_have_the_numbers_that_the_spreadsheet_shows() -> None:
    text = 'given_name,birth_date\n"two\nlines",1\n\n,\n \t,\nb,2\n'
    assert [row for row, _ in rows(text)] == [1, 2, 6]


@pytest.mark.parametrize(
    ("text", "row", "code"),
    [
        ("given_name\n\nJosé\n".encode("latin-1"), 3, "not_utf_8"),
        ("given_name\n".encode("utf-16"), 1, "not_utf_8"),
        (b"given_name\n\xed\xa0\x80\n", 2, "not_utf_8"),
        ('given_name\na\n"b', 3, "broken_quotes"),
        ('given_name\n"a"b\n', 2, "broken_quotes"),
        ("given_name\n" + "a" * LONGEST_ROW, 2, "row_too_long"),
        ("," * 1_000_000, 1, "row_too_long"),
        ('given_name\n"' + "a\n" * LONGEST_ROW, 2, "row_too_long"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_row(text: str | bytes, row: int, code: str) -> None:
    with pytest.raises(Unreadable) as error:
        rows(text)
    assert (error.value.row, error.value.code) == (row, code)


def test_the_file_stays_open_for_who_gave_it() -> None:
    file = BytesIO(b"given_name\na\n")
    with opened(file, COLUMNS) as sheet:
        list(sheet)
    assert not file.closed
