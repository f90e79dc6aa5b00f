"""The units: readable by systemd, and shut off from what they do not need."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machines.programs import found
from tests.process import ROOT

UNITS = ROOT / "deploy" / "systemd"
PYTHON = "/opt/clinic-api/.venv/bin/python"
MOST_EXPOSED = 20  # of systemd's 0 (shut off) to 100; a unit that says nothing has 96


def analyze(*arguments: str) -> str:
    done = subprocess.run([found("systemd-analyze", "systemd"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace(PYTHON, sys.executable))
    said = analyze("verify", "--man=no", "--recursive-errors=no", *(str(unit) for unit in tmp_path.iterdir()))
    assert [line for line in said.splitlines() if "clinic-api" in line] == []


@pytest.mark.parametrize("unit", ["clinic-api.service", "clinic-api-backup.service"])
def test_a_unit_is_shut_off_from_what_it_does_not_need(unit: str) -> None:
    analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", str(UNITS / unit))


def test_commands_by_hand_run_as_the_service_does() -> None:
    page, unit = (path.read_text() for path in (ROOT / "docs" / "operations.md", UNITS / "clinic-api.service"))
    properties = re.findall(r" -p (\w+=\S+)", page)
    assert len(properties) == 3
    assert all(f"\n{each}" in unit for each in (*properties, "User=clinic"))
    assert "--uid=clinic" in page
