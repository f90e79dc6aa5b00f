"""What the docs name is there: files and what is in them, headings, settings, commands, options, targets of make."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from clinic_api.cli import app
from clinic_api.config import Settings
from clinic_api.migrations import scripts
from tests.docs.markdown import anchors, blocks, links, not_ours, pages, words
from tests.process import ROOT

SETTINGS = {name.upper() for name in Settings.model_fields}
COMMAND = re.compile(r"-m clinic_api +([a-z][a-z-]*)([^#|;&>\n`]*)")
PLACE = re.compile(r"([\w.-]+(?:/[\w.-]+)*/?)(?:(?:: |::)(.+))?")
SAMPLE = ROOT / ".env.example"
PROGRAMS = {path.name for path in ROOT.iterdir() if path.is_dir() and not not_ours(str(ROOT), [path.name])}
each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_a_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} is not there"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@each_page
def test_a_file_that_is_named_is_there_and_has_what_is_said(page: Path) -> None:
    for path, name in filter(None, map(place_in, words(page))):
        found = [root / path for root in (ROOT, ROOT / "clinic_api", page.parent) if (root / path).exists()]
        assert found, f"{path} is not there"
        assert not name or name in defined_in(found[0]), f"{path} has no {name}"


def place_in(word: str) -> tuple[str, str] | None:
    """The file or folder, and what it is said to have, as in `audit.py: tell` and `tests/test_cli.py::test_…`."""
    place = PLACE.fullmatch(word)
    if place and (place[1].split("/")[0] in PROGRAMS or place[1].endswith(".py")):
        return place[1], place[2] or ""
    return None


@cache
def defined_in(file: Path) -> set[str]:
    """The classes, functions and variables of a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


@each_page
def test_a_variable_that_is_named_is_read_somewhere(page: Path) -> None:
    named = {name for word in words(page) for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", word)}
    assert named <= SETTINGS | words_of_all_that_runs()


@cache
def words_of_all_that_runs() -> set[str]:
    """Those of what reads the environment: programs, containers, files of settings."""
    files = [*ROOT.glob("docker-compose*.yml"), SAMPLE, ROOT / "Makefile", ROOT / "Dockerfile"]
    for name in ("clinic_api", "examples", "benchmarks", "tests/faults"):
        files += (ROOT / name).rglob("*.py")
    return {word for path in files for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command that stands on a page, with its options."""
    for text in [*words(page), *(block.text for block in blocks(page))]:
        for name, rest in COMMAND.findall(text):
            yield name, re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)


@each_page
def test_a_command_and_its_options_exist(page: Path) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, options in commands(page):
        assert name in group.commands, f"there is no command {name}"
        known = {option for each in group.commands[name].params for option in [*each.opts, *each.secondary_opts]} | {
            "--help"
        }
        assert set(options) <= known, f"{name} has no {set(options) - known}"


@each_page
def test_a_target_of_make_exists(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = [*words(page), *(line for block in blocks(page) for line in block.text.splitlines())]
    for text in shown:
        if goals := re.match(r"make ([a-z][\w -]*)", text):
            assert set(goals[1].split()) <= targets, text


def test_every_setting_stands_in_the_sample_and_on_the_first_page() -> None:
    in_the_sample = set(re.findall(r"^# ([A-Z_]+)=", SAMPLE.read_text(), re.MULTILINE))
    assert in_the_sample == SETTINGS | {"POSTGRES_PASSWORD"}  # the compose file's
    on_the_first_page = {name for word in words(ROOT / "README.md") for name in re.findall(r"[A-Z_]+", word)}
    assert on_the_first_page >= SETTINGS


def test_the_sample_shows_the_defaults() -> None:
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.+)$", SAMPLE.read_text(), re.MULTILINE))
    defaults = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    for name in shown.keys() - {"DATABASE_URL", "TEST_DATABASE_URL", "POSTGRES_PASSWORD"}:
        assert shown[name] == str(defaults[name]), name


def test_the_changelog_tells_operators_of_every_migration() -> None:
    told = re.findall(r"^\| (\d{4}) \|", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert told == [path.name[:4] for path in scripts()]
