"""What the pages name is there: files, what is in them, tests, other pages; and the picture of the house is right."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.process import ROOT
from tests.test_house import FLOORS, HOUSE

CHANGELOG = ROOT / "CHANGELOG.md"
PAGES = [ROOT / "README.md", CHANGELOG, *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"`([\w./-]+\.py|alembic/versions|tests/[\w/]+)(?:(?:: |::)(\w+))?`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def named() -> set[tuple[str, str]]:
    """Files, and what they are said to have; of the blocks in them others take care."""
    return {found for page in PAGES for found in NAMED.findall(FENCED.sub("", page.read_text()))}


@cache
def names_in(path: Path) -> set[str]:
    """All that this module defines."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


@pytest.mark.parametrize(("file", "name"), sorted(named()))
def test_what_a_page_names_is_there(file: str, name: str) -> None:
    path = next((root / file for root in (ROOT, HOUSE) if (root / file).exists()), None)
    assert path is not None, f"there is no {file}"
    assert not name or name in names_in(path), f"{file} has no {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_a_file(page: Path) -> None:
    assert not [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]


def test_the_picture_of_the_house_shows_its_floors() -> None:
    boxes = re.findall(r'f(\d)\["(.*?)"\]', (ROOT / "docs" / "architecture.md").read_text())
    drawn = {int(number): set(re.split(r" · |<br/>", rooms)) for number, rooms in boxes}
    assert drawn == dict(enumerate(FLOORS))


def test_the_changelog_tells_operators_of_every_migration() -> None:
    migrations = {path.name[:4] for path in (ROOT / "alembic" / "versions").glob("*.py")}
    assert set(re.findall(r"^\| (\d{4}) \|", CHANGELOG.read_text(), re.MULTILINE)) == migrations
