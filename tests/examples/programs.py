"""The programs of `examples/`, as processes and as what can be copied out of them."""

import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.process import ROOT, environment

EXAMPLES = ROOT / "examples"
ENDS_WITHIN = 60  # seconds
ADMIN = {"email": "admin@example.org", "password": "correct horse battery staple"}


def run(name: str, clinic: str, *arguments: str, cwd: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=cwd,
        env=environment(CLINIC=clinic, **settings),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN,
    )


def told(name: str, clinic: str, *arguments: str) -> str:
    """What it says when all goes well."""
    ended = run(name, clinic, *arguments)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    return ended.stdout


def copied(name: str, clinic: str, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Its functions and classes, for this clinic."""
    monkeypatch.setenv("CLINIC", clinic)
    return SimpleNamespace(**runpy.run_path(str(EXAMPLES / name)))
