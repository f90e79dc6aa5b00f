"""What stands in the docs as a command or as Python is done, page by page, in a copy of the project.

A block that only an operator can do has `operator` after its language; one with `file=…` is written there, or a diff
is applied to it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.docs.markdown import Block, blocks, pages
from tests.docs.reader import reading
from tests.process import ROOT

DONE = {"sh", "python"}
OTHER_NAMES = {"bash", "shell", "console", "shell-session", "zsh", "py", "python3", "pycon"}
BLOCKS = {page: blocks(page) for page in pages()}
SLOW = {ROOT / "docs" / "contributing.md"}


def is_done(block: Block) -> bool:
    return block.file is not None or (block.language in DONE and not block.marks)


PAGES = [
    pytest.param(page, id=str(page.relative_to(ROOT)), marks=[pytest.mark.slow] if page in SLOW else [])
    for page in BLOCKS
    if any(map(is_done, BLOCKS[page]))
]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page: Path) -> None:
    with TemporaryDirectory() as place, reading(Path(place) / "clinic") as reader:
        for block in filter(is_done, BLOCKS[page]):
            reader.follow(block)


@pytest.mark.parametrize("block", [block for each in BLOCKS.values() for block in each], ids=str)
def test_a_block_is_done_or_says_why_not(block: Block) -> None:
    assert block.language not in OTHER_NAMES, "write sh or python"
    if block.language in DONE:
        assert block.marks == ("operator",) or is_done(block)


def test_there_are_pages_and_blocks() -> None:
    assert ROOT / "README.md" in BLOCKS
    assert any(is_done(block) for block in BLOCKS[ROOT / "README.md"])
