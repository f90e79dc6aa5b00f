"""`import` and `export`, as processes."""

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, text

from tests.factories import make_patient
from tests.process import environment, run, text_of
from tests.terminal import on_terminal

SHEET = "given_name,birth_date\nJosé,1984-02-29\nAda,1990-12-31\n"


@pytest.fixture
def settings(database_url: URL) -> dict[str, str]:
    return {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}


def test_import_adds_all_rows(admin: TestClient, tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "patients.csv").write_text(SHEET)
    checked = run("clinic_api", "import", "--dry-run", "patients.csv", cwd=tmp_path, **settings)
    assert (checked.returncode, "Nothing is wrong in 2 rows" in checked.stdout) == (0, True), checked.stderr
    assert admin.get("/patients").json() == []
    done = run("clinic_api", "import", "patients.csv", cwd=tmp_path, **settings)
    assert (done.returncode, "Imported 2 patients" in done.stdout) == (0, True), done.stderr
    assert [patient["given_name"] for patient in admin.get("/patients").json()] == ["José", "Ada"]
    (event,) = admin.get("/audit?action=import").json()
    assert (event["actor_id"], event["entity_ids"]) == (None, [1, 2])
    again = run("clinic_api", "import", "patients.csv", cwd=tmp_path, **settings)
    assert (again.returncode, "2 rows may tell of somebody who is there" in again.stdout) == (0, True)


def test_import_reads_what_is_piped(admin: TestClient, tmp_path: Path, settings: dict[str, str]) -> None:
    command = [sys.executable, "-m", "clinic_api", "import", "-"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(**settings), input=SHEET.encode(), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert len(admin.get("/patients").json()) == 2


def test_import_shows_what_is_wrong_by_row_and_without_values(
    admin: TestClient, tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / "patients.csv").write_text(f"{SHEET}Hidden,tomorrow\nHidden,1984-02-30\n")
    done = run("clinic_api", "import", "patients.csv", cwd=tmp_path, **settings)
    assert done.returncode == 1
    assert "2 errors in 2 of 4 rows. Nothing was imported." in done.stderr
    assert [line.split()[1] for line in done.stderr.splitlines() if "birth_date" in line] == ["4", "5"]
    for hidden in ("Hidden", "tomorrow", "Traceback"):
        assert hidden not in done.stderr
    assert admin.get("/patients").json() == []


@pytest.mark.parametrize("birth_date", ["tomorrow", "1984-02-29"])
def test_import_shows_the_first_rows_and_how_many_more_there_are(
    birth_date: str, admin: TestClient, tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / "patients.csv").write_text("given_name,birth_date\n" + f"Ada,{birth_date}\n" * 31)
    for _ in range(2):  # the second time they are there already
        done = run("clinic_api", "import", "patients.csv", cwd=tmp_path, **settings)
    assert "… and 11 more: import --dry-run --json tells up to 1,000." in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("│")]) == 20


def test_import_counts_one_as_one(admin: TestClient, tmp_path: Path, settings: dict[str, str]) -> None:
    for name, birth_date, said in [
        ("wrong.csv", "tomorrow", "1 error in 1 of 1 row. Nothing was imported."),
        ("right.csv", "1984-02-29", "Imported 1 patient in"),
        ("right.csv", "1984-02-29", "1 row may tell of somebody"),
    ]:
        (tmp_path / name).write_text(f"given_name,birth_date\nAda,{birth_date}\n")
        done = run("clinic_api", "import", name, cwd=tmp_path, **settings)
        assert said in done.stdout + done.stderr


def test_scripts_read_how_an_import_went(admin: TestClient, tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "patients.csv").write_text(SHEET)
    for likely in (0, 2):
        done = run("clinic_api", "import", "patients.csv", "--json", cwd=tmp_path, **settings)
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads(done.stdout)
        assert (told["rows"], told["imported"], told["likely_duplicates"]["count"]) == (2, 2, likely)


def test_scripts_read_what_is_wrong_with_a_file(admin: TestClient, tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "patients.csv").write_text(f"{SHEET}Hidden,tomorrow\n")
    done = run("clinic_api", "import", "patients.csv", "--json", cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr) == (1, "1 error in 1 of 3 rows. Nothing was imported.\n")
    told = json.loads(done.stdout)
    assert (told["rows"], told["wrong_rows"], told["error_count"]) == (3, 1, 1)
    assert [(error["row"], error["field"]) for error in told["errors"]] == [(4, "birth_date")]


def test_scripts_read_how_an_export_went(admin: TestClient, tmp_path: Path, settings: dict[str, str]) -> None:
    make_patient(admin)
    done = run("clinic_api", "export", "patients.csv", "--json", cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["file"], told["patients"]) == ("patients.csv", 1)


def test_import_says_that_a_file_is_not_there(tmp_path: Path, settings: dict[str, str]) -> None:
    done = run("clinic_api", "import", "nothing.csv", cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr.strip()) == (1, "Cannot read nothing.csv (No such file or directory).")


def test_what_is_exported_is_for_its_owner_and_can_be_imported(
    admin: TestClient, engine: Engine, tmp_path: Path, settings: dict[str, str]
) -> None:
    make_patient(admin, phone="+49 30 123")
    retired = make_patient(admin)["id"]
    admin.delete(f"/patients/{retired}").raise_for_status()
    for _ in range(2):  # an earlier export is replaced
        done = run("clinic_api", "export", "patients.csv", cwd=tmp_path, **settings)
        assert (done.returncode, "Exported 1 patient in" in done.stdout) == (0, True), done.stderr
    assert stat.S_IMODE((tmp_path / "patients.csv").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["patients.csv"]
    assert (tmp_path / "patients.csv").read_bytes() == admin.get("/patients", headers={"Accept": "text/csv"}).content
    (event, *_) = admin.get("/audit?action=export").json()
    assert event["changes"] == {"filter": [None, None], "count": [None, 1]}
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE patients, assignments"))
    assert run("clinic_api", "import", "patients.csv", cwd=tmp_path, **settings).returncode == 0
    assert [patient["phone"] for patient in admin.get("/patients").json()] == ["+49 30 123"]


def test_export_replaces_nothing_else(database_url: URL, tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "notes.csv").write_text("mine")
    done = run("clinic_api", "export", "notes.csv", cwd=tmp_path, **settings)
    assert (done.returncode, "exists and is no export" in done.stderr) == (1, True)
    assert (tmp_path / "notes.csv").read_text() == "mine"
    done = run("clinic_api", "export", "no/where.csv", cwd=tmp_path, **settings)
    assert (done.returncode, "Cannot use" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_an_export_that_finds_no_room_says_so_and_leaves_nothing(
    admin: TestClient, tmp_path: Path, settings: dict[str, str]
) -> None:
    run("clinic_api", "seed", "--patients", "300", cwd=tmp_path, **settings)
    command = [
        "bash",
        "-c",
        'trap "" XFSZ; ulimit -f 8; exec "$@"',
        "-",
        sys.executable,
        "-m",
        "clinic_api",
        "export",
        "x",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment(**settings), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "A file cannot be read or written (File too large).\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_says_so_and_stores_nothing(
    sign: signal.Signals, admin: TestClient, engine: Engine, tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / "patients.csv").write_text(SHEET)
    with (
        engine.begin() as blocker,
        on_terminal("clinic_api", "import", "patients.csv", cwd=tmp_path, settings=settings) as terminal,
    ):
        blocker.execute(text("LOCK TABLE patients IN ACCESS EXCLUSIVE MODE"))
        terminal.wait_for("Connecting")
        terminal.process.send_signal(sign)
        assert terminal.status() == 128 + sign
    assert "Interrupted. Nothing was imported." in terminal.seen
    assert admin.get("/patients").json() == []
