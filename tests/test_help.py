"""The pages of help, and what no command may do wrong: how it ends, and what it prints where."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process import ROOT, environment, run

COMMANDS = [
    "serve",
    "migrate",
    "check",
    "create-admin",
    "reset-password",
    "import",
    "export",
    "seed",
    "backup",
    "restore",
    "openapi",
]
WITH_JSON = set(COMMANDS) - {"serve", "openapi"}


def run_bytes(*arguments: str, cwd: Path, stdout: int = subprocess.PIPE, **settings: str) -> tuple[int, bytes, bytes]:
    command = [sys.executable, "-m", "clinic_api", *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**settings), stdout=stdout, stderr=subprocess.PIPE, timeout=120
    )
    return done.returncode, done.stdout or b"", done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_page_with_an_example(command: str, tmp_path: Path) -> None:
    done = run("clinic_api", command, "--help", cwd=tmp_path, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    page = [line.strip() for line in done.stdout.splitlines()]
    examples = page[max(page.index(title) for title in ("Example", "Examples") if title in page) + 1 :]
    assert examples[0].startswith(f"python -m clinic_api {command}")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert ("--json" in done.stdout) == (command in WITH_JSON)
    assert "<bool>" not in done.stdout


def test_the_first_page_names_each_command_in_one_line(tmp_path: Path) -> None:
    done = run("clinic_api", "--help", cwd=tmp_path, COLUMNS="80")
    assert done.returncode == 0
    named = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("│") and line[2:3].isalpha()]
    assert sorted(named) == sorted(COMMANDS)
    assert "<bool>" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_without_a_command_there_is_help(tmp_path: Path) -> None:
    assert "create-admin" in run("clinic_api", cwd=tmp_path).stdout


def test_the_version_is_told(tmp_path: Path) -> None:
    done = run("clinic_api", "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.startswith("Clinic API ")) == (0, True)


@pytest.mark.parametrize(
    "wrong", [["nonsense"], ["seed"], ["seed", "--patients", "many"], ["serve", "--port", "0"], ["backup"]]
)
def test_what_is_no_command_ends_with_2(wrong: list[str], tmp_path: Path) -> None:
    done = run("clinic_api", *wrong, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--help' for help" in done.stderr


@pytest.mark.parametrize("command", ["--help", "openapi", "check"])
def test_nothing_breaks_where_only_ascii_is_shown(command: str, tmp_path: Path) -> None:
    status, out, err = run_bytes(command, cwd=tmp_path, PYTHONIOENCODING="ascii", ENV="dev", COLUMNS="20")
    assert (status, err) == (0, b"")
    assert out.isascii()


@pytest.mark.parametrize("command", ["--help", "openapi", "check"])
def test_a_reader_who_leaves_is_no_error(command: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    status, _, err = run_bytes(command, cwd=tmp_path, stdout=writer, ENV="dev")
    os.close(writer)
    assert (status, err) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("command", ["--help", "openapi", "check"])
def test_a_full_disk_is_said_in_a_sentence(command: str, tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    status, _, err = run_bytes(command, cwd=tmp_path, stdout=full, ENV="dev")
    os.close(full)
    assert (status, err.decode()) == (1, "A file cannot be read or written (No space left on device).\n")


def test_settings_that_are_no_text_are_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"ADMIN_EMAIL=\xff")
    done = run("clinic_api", "migrate", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "The file .env is not in UTF-8. Save it anew.\n")


def test_a_setting_that_is_no_number_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = run("clinic_api", "migrate", cwd=tmp_path, POOL_SIZE="abc")
    assert (done.returncode, done.stderr) == (1, "POOL_SIZE must be a whole number.\n")


def test_the_installed_command_is_the_same(tmp_path: Path) -> None:
    script = "import sys; sys.argv = ['clinic-api', '--version']; from clinic_api.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.startswith("Clinic API ")) == (0, True)
    assert 'clinic-api = "clinic_api.__main__:main"' in (ROOT / "pyproject.toml").read_text()


def test_the_command_line_alone_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    script = "import sys; import clinic_api.cli; print({'rich', 'alembic', 'limits', 'fastapi'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr
