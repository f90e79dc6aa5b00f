"""The blocks of a page that say to which file of a scratch copy they belong."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from tests.process import ROOT

BLOCK = re.compile(r"^```(\w+) file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".clinic", ".env", "__pycache__", ".pytest_cache", ".hypothesis")


class Block(NamedTuple):
    language: str
    file: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text())]


def scratch_copy(place: Path) -> Path:
    """The project as it is, with the environment that runs this."""
    shutil.copytree(ROOT, place, ignore=LEFT_OUT)
    (place / ".venv").symlink_to(ROOT / ".venv")
    return place


def apply(block: Block, project: Path) -> None:
    """Write a new file, or change one where the diff says so."""
    file = project / block.file
    if block.language != "diff":
        assert not file.exists(), f"{block.file} is there already"
        file.write_text(block.text)
        return
    lines, whole = block.text.splitlines(keepends=True), file.read_text()
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    assert whole.count(old) == 1, f"{block.file} does not have this once:\n{old}"
    file.write_text(whole.replace(old, new))
