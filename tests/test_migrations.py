"""Alembic from the project's root: up, down, up again, nothing left to generate."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, inspect, text

from clinic_api.models import metadata
from tests.process import ROOT, run, text_of

HARMS = {
    "CREATE TABLE users ()": 'relation "users" already exists',
    "CREATE TABLE alembic_version AS SELECT '0000' AS version_num": "Can't locate revision identified by '0000'",
}
UNMIGRATED = (
    "The database could not be migrated, and is as it was ({})."
    " Check whether it is another program's, or restore a backup."
)


def tables(url: URL) -> set[str]:
    return set(inspect(create_engine(url, poolclass=NullPool)).get_table_names())


@pytest.fixture
def settings(spare_database: URL) -> dict[str, str]:
    return {"ENV": "dev", "DATABASE_URL": text_of(spare_database)}


def test_the_schema_goes_up_down_and_up_again(spare_database: URL, settings: dict[str, str]) -> None:
    for target, found in [
        ("head", {"alembic_version", *metadata.tables}),
        ("base", {"alembic_version"}),
    ] * 2:
        command = "upgrade" if target == "head" else "downgrade"
        done = run("alembic", command, target, cwd=ROOT, **settings)
        assert done.returncode == 0, done.stderr
        assert tables(spare_database) == found


@pytest.mark.parametrize("harm", HARMS)
def test_a_database_that_cannot_be_migrated_is_told_in_a_sentence(
    harm: str, spare_database: URL, settings: dict[str, str]
) -> None:
    with create_engine(spare_database, poolclass=NullPool).begin() as connection:
        connection.execute(text(harm))
    done = run("clinic_api", "migrate", cwd=ROOT, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1:] == [UNMIGRATED.format(HARMS[harm])]
    assert "Traceback" not in done.stderr


def test_the_models_and_the_migrations_agree(settings: dict[str, str]) -> None:
    assert run("alembic", "upgrade", "head", cwd=ROOT, **settings).returncode == 0
    done = run("alembic", "check", cwd=ROOT, **settings)
    assert (done.returncode, "No new upgrade operations detected" in done.stdout) == (0, True), done.stderr


def test_a_new_revision_gets_the_next_number(tmp_path: Path, settings: dict[str, str]) -> None:
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic")
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    assert run("alembic", "upgrade", "head", cwd=tmp_path, **settings).returncode == 0
    newest = max(path.name[:4] for path in (tmp_path / "alembic/versions").glob("0*.py"))
    done = run("alembic", "revision", "--autogenerate", "-m", "add nothing", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "alembic/versions" / f"{int(newest) + 1:04d}_add_nothing.py"
    assert "    pass" in made.read_text()
    assert run("alembic", "upgrade", "head", cwd=tmp_path, **settings).returncode == 0


def test_an_address_in_alembic_ini_wins(spare_database: URL, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic")
    ini = (ROOT / "alembic.ini").read_text()
    address = text_of(spare_database.set(drivername="postgres")).replace("%", "%%")
    (tmp_path / "alembic.ini").write_text(ini.replace("sqlalchemy.url =", f"sqlalchemy.url = {address}"))
    done = run("alembic", "upgrade", "head", cwd=tmp_path, ENV="dev", DATABASE_URL="postgresql://127.0.0.1:1/nothing")
    assert done.returncode == 0, done.stderr
    assert "patients" in tables(spare_database)


def test_the_patients_of_an_older_clinic_are_found(spare_database: URL, settings: dict[str, str]) -> None:
    assert run("alembic", "upgrade", "0003", cwd=ROOT, **settings).returncode == 0
    fields = "version, given_name, family_name, birth_date, gender, active, medical_record_number"
    with create_engine(spare_database, poolclass=NullPool).begin() as connection:
        for number, words in enumerate((" 000 00030abc x z", " y"), start=1):
            values = f"1, 'A', 'B', '1984-02-29', 'other', true, 'P-{number}'"
            connection.execute(text(f"INSERT INTO patients ({fields}, search_words) VALUES ({values}, '{words}')"))
        connection.execute(text("UPDATE patients SET retired_at = now() WHERE id = 2"))
    done = run("alembic", "upgrade", "head", cwd=ROOT, **settings)
    assert done.returncode == 0, done.stderr
    with create_engine(spare_database, poolclass=NullPool).begin() as connection:
        stored = connection.execute(text("SELECT search_words FROM patients ORDER BY id")).scalars().all()
        assert stored == [" 0 000 00030abc 30abc x z", " y"]
        kept = connection.execute(text("SELECT word FROM patient_words ORDER BY word")).scalars().all()
        assert kept == ["0", "000", "00030abc", "30abc", "x", "z"]
        assert connection.execute(text("SELECT patient_id FROM unassigned_patients")).scalars().all() == [1, 2]
