"""The reader notices what does not work, and knows what goes on running."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.docs.markdown import Block
from tests.docs.reader import Reader, hurried, is_a_server
from tests.process import ROOT


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with TemporaryDirectory() as place:
        yield Reader(Path(place) / "clinic")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sh", "echo hello\nfalse\necho and on"),
        ("sh", "echo hello; nobody_knows_this"),
        ("sh", "echo hello; false | cat"),
        ("python", "print('hello', flush=True)\nraise SystemExit(1)"),
        ("python", "print('hello', flush=True)\nmisspelt"),
    ],
)
def test_what_fails_is_told_with_page_line_and_output(language: str, text: str, reader: Reader) -> None:
    block = Block(ROOT / "docs" / "page.md", 7, language, (), text)
    with pytest.raises(AssertionError, match=r"docs/page\.md:7 ended with [1-9](.|\n)*hello"):
        reader.follow(block)


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [("diff", " nobody wrote this\n+more\n", "does not have this once"), ("python", "", "is there already")],
)
def test_a_file_that_is_not_as_the_page_thinks_is_told(language: str, text: str, said: str, reader: Reader) -> None:
    block = Block(ROOT / "docs" / "page.md", 7, language, ("file=clinic_api/main.py",), text)
    with pytest.raises(AssertionError, match=rf"docs/page\.md:7: clinic_api/main\.py {said}"):
        reader.follow(block)


def test_a_server_that_does_not_start_is_told_with_its_log(reader: Reader) -> None:
    with pytest.raises(AssertionError, match="No such option"):
        reader.follow(Block(ROOT / "README.md", 1, "sh", (), ".venv/bin/python -m clinic_api serve --nothing"))


def test_the_copy_has_no_settings_and_no_data_of_ours(reader: Reader) -> None:
    assert not {".git", ".env", ".clinic"} & {path.name for path in reader.project.iterdir()}


@pytest.mark.parametrize(
    ("line", "serves"),
    [
        ("make run     # environment, server", True),
        (".venv/bin/python -m clinic_api serve --workers 2", True),
        ("uvicorn clinic_api.main:app", True),
        ("python -m clinic_api serve --help", False),
        ("make test", False),
        ("", False),
    ],
)
def test_a_line_that_serves_is_known(line: str, serves: bool) -> None:
    assert is_a_server(line) == serves


def test_only_what_takes_very_long_is_not_done() -> None:
    assert hurried("make test  # all") == "make -n test  # all"
    assert hurried("make check") == "make check"
