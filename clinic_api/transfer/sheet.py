"""CSV as spreadsheets write and read it: rows by the numbers they show, and no cell that they would run."""

import csv
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from typing import IO

from clinic_api.models.fields import BLANKS
from clinic_api.transfer import nothing

DELIMITERS = ",;\t"
AT_ONCE = 25  # lines
TURN = 0.001  # seconds, until others are to have the interpreter
LONGEST_ROW = 64 * 1024  # characters
NO_TEXT = re.compile("[\udc80-\udcff]")
"""What Python puts in the place of a byte that is not UTF-8."""
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""What a spreadsheet runs, also behind a mark that says not to, which would be taken off again."""


class Unreadable(Exception):
    """From this row on the file cannot be read. `message` completes a sentence that begins with "The file"."""

    def __init__(self, row: int, message: str, code: str) -> None:
        super().__init__(message)
        self.row, self.message, self.code = row, message, code


def defused(text: str) -> str:
    """As a cell that is shown and not run."""
    return f"'{text}" if FORMULA.match(text) else text


def restored(cell: str) -> str:
    """The text that was defused."""
    return cell[1:] if cell[:1] == "'" and FORMULA.match(cell) else cell


class Lines:
    """The lines of a file, of which a row may take several, but not any number."""

    def __init__(self, text: TextIOWrapper, pace: Callable[[], None]) -> None:
        self.text = text
        self.pace = pace
        self.lines = 0
        self.since = time.perf_counter()
        self.row = 1
        self.size = 0
        """Characters of this row so far."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.lines += 1
        if self.lines % AT_ONCE == 0 and time.perf_counter() > self.since + TURN:
            self.pace()
            self.since = time.perf_counter()
        line = self.text.readline(LONGEST_ROW)
        self.size += len(line)
        if self.size >= LONGEST_ROW:
            raise Unreadable(self.row, "has a row far too long: perhaps a quotation mark is not closed", "row_too_long")
        if not line:
            raise StopIteration
        if not line.isascii() and NO_TEXT.search(line):
            raise Unreadable(self.row, "is not in UTF-8: save it as “CSV UTF-8”", "not_utf_8")
        return line


@contextmanager
def opened(
    file: IO[bytes], columns: Collection[str], pace: Callable[[], None] = nothing
) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Its rows with their numbers, the first of which names columns; of delimiters the one that finds most of these.

    Blank rows are counted and left out. `pace` is called every now and then. Reading on raises Unreadable.
    """
    text = TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield rows(Lines(text, pace), columns)
    finally:
        text.detach()  # the file is somebody else's to close


def rows(lines: Lines, columns: Collection[str]) -> Iterator[tuple[int, list[str]]]:
    first = next(lines, "")
    cells = csv.reader(chain([first], lines), delimiter=delimiter(first, columns), strict=True)
    while True:
        try:
            row = next(cells, None)
        except csv.Error:
            raise Unreadable(
                lines.row, "has a quotation mark that is not closed, or is followed by more", "broken_quotes"
            ) from None
        if row is None:
            return
        if any(cell.strip(BLANKS) for cell in row):
            yield lines.row, row
        lines.row, lines.size = lines.row + 1, 0


def delimiter(line: str, columns: Collection[str]) -> str:
    """The one that makes most columns of ours, or else most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        cells = {cell.strip('" \r\n') for cell in line.split(delimiter)}
        return len(cells.intersection(columns)), len(cells)

    return max(DELIMITERS, key=found)
