"""docs/contributing.md is followed to the letter in a scratch copy, so that it stays true."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.pages.blocks import Block, apply, blocks_of, scratch_copy
from tests.process import ROOT, environment


@pytest.mark.slow
def test_an_entity_is_added_as_the_page_says() -> None:
    with TemporaryDirectory() as place:  # what is in tmp_path, the next pytest closes to PostgreSQL
        project = scratch_copy(Path(place) / "clinic")
        for block in blocks_of(ROOT / "docs" / "contributing.md"):
            (run if block.language == "sh" else apply)(block, project)


def run(block: Block, project: Path) -> None:
    command, settings = ["bash", "-euc", block.text], environment(PYTHONPATH=str(project), PYTHONWARNINGS="")
    done = subprocess.run(command, cwd=project, env=settings, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
