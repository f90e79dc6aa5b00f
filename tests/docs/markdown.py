"""The pages of the project, as what a reader sees in them: blocks, code between words, links, headings."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.process import ROOT

NOT_OURS = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split())]
not_ours = shutil.ignore_patterns(*NOT_OURS)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    """Of the page, where the text begins."""
    language: str
    marks: tuple[str, ...]
    """What stands after the language: `operator`, or `file=…`."""
    text: str

    @property
    def file(self) -> str | None:
        """Which one it is, or changes, if it says so."""
        return next((mark.removeprefix("file=") for mark in self.marks if mark.startswith("file=")), None)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    found: list[Path] = []
    for folder, folders, files in os.walk(ROOT):
        left_out = not_ours(folder, [*folders, *files])
        folders[:] = sorted(set(folders) - left_out)
        found += [Path(folder, name) for name in sorted(set(files) - left_out) if name.endswith(".md")]
    return found


def tokens(page: Path) -> Iterator[Token]:
    """All of them, from the top to the bottom, those within a line too."""
    for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def blocks(page: Path) -> list[Block]:
    found = []
    for token in tokens(page):
        if token.type == "fence" and token.map:
            language, *marks = token.info.split() or [""]
            found.append(Block(page, token.map[0] + 2, language, tuple(marks), token.content))
    return found


def words(page: Path) -> list[str]:
    """What is set as code between words."""
    return [token.content for token in tokens(page) if token.type == "code_inline"]


def links(page: Path) -> list[str]:
    found = [token.attrGet("href") or token.attrGet("src") for token in tokens(page)]
    return [str(address) for address in found if address and not re.match("[a-z]+:", str(address))]


def anchors(page: Path) -> set[str]:
    """The names by which GitHub lets one link to a heading."""
    inside = list(tokens(page))
    headings = [inside[place + 1].content for place, token in enumerate(inside) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
