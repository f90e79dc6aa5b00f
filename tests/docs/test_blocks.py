"""What stands in the docs as a command or as Python is done, page by page, in a copy of the project.

A block that only an operator can do has `operator` after its language. A block that belongs to a file (`file=…`) is
followed by the test of its page.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.docs.markdown import Block, blocks, pages
from tests.docs.reader import reading
from tests.process import ROOT

DONE = {"sh", "python"}
OTHER_NAMES = {"bash", "shell", "console", "shell-session", "zsh", "py", "python3", "pycon"}
FOLLOWED = {ROOT / "docs" / "contributing.md"}
BLOCKS = {page: blocks(page) for page in pages()}


def shown(page: Path) -> str:
    return str(page.relative_to(ROOT))


def is_done(block: Block) -> bool:
    return block.language in DONE and not block.marks


@pytest.mark.parametrize("page", [page for page in BLOCKS if any(map(is_done, BLOCKS[page]))], ids=shown)
def test_a_page_does_what_it_says(page: Path) -> None:
    with TemporaryDirectory() as place, reading(Path(place) / "clinic") as reader:
        for block in filter(is_done, BLOCKS[page]):
            reader.follow(block)


@pytest.mark.parametrize("block", [block for each in BLOCKS.values() for block in each], ids=str)
def test_a_block_is_done_or_says_why_not(block: Block) -> None:
    assert block.language not in OTHER_NAMES, "write sh or python"
    if block.language in DONE:
        known = {("operator",), ()}
        assert block.marks in known or (block.page in FOLLOWED and block.marks[0].startswith("file="))


def test_there_are_pages_and_blocks() -> None:
    assert ROOT / "README.md" in BLOCKS
    assert any(is_done(block) for block in BLOCKS[ROOT / "README.md"])
