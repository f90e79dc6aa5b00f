"""The commands, as processes."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import typer
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import URL, NullPool, create_engine, text

from clinic_api import migrations
from clinic_api.cli.serve import refuse_taken_port
from tests.process import environment, free_port, run, server, text_of
from tests.terminal import on_terminal

SECRET = "Vh8-3kq_Zr1xTnB5mWcQ7yLdPf0sGjKe"
ADMIN = {"ADMIN_EMAIL": "root@example.org", "ADMIN_PASSWORD": "a long night at the harbour"}


@pytest.fixture
def settings(spare_database: URL) -> dict[str, str]:
    return {"ENV": "dev", "DATABASE_URL": text_of(spare_database), "JWT_SECRET": SECRET}


def test_serve_refuses_while_a_migration_is_missing(tmp_path: Path, settings: dict[str, str]) -> None:
    done = run("clinic_api", "serve", "--port", free_port(), cwd=tmp_path, **settings)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Run: python -m clinic_api migrate")


def test_migrate_makes_the_first_administrator_once(
    tmp_path: Path, settings: dict[str, str], spare_database: URL
) -> None:
    for _ in range(2):
        done = run("clinic_api", "migrate", cwd=tmp_path, **settings, **ADMIN)
        assert done.returncode == 0, done.stderr
    with create_engine(spare_database, poolclass=NullPool).connect() as connection:
        assert list(connection.scalars(text("SELECT email FROM users"))) == ["root@example.org"]


def test_migrate_lets_a_newer_schema_be_for_an_older_version_may_come_back(
    tmp_path: Path, settings: dict[str, str], spare_database: URL
) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    with create_engine(spare_database, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    done = run("clinic_api", "migrate", cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert "newer (revision 9999)" in done.stdout


def test_migrate_names_the_setting_that_is_wrong(tmp_path: Path, settings: dict[str, str]) -> None:
    for name, value in [("ADMIN_EMAIL", "boss"), ("ADMIN_PASSWORD", "abc")]:
        done = run("clinic_api", "migrate", cwd=tmp_path, **(settings | ADMIN | {name: value}))
        assert done.returncode == 1
        assert done.stderr.startswith(f"{name} must ")


def test_a_data_dir_that_cannot_be_used_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("clinic_api", "migrate", cwd=tmp_path, ENV="dev", DATA_DIR=str(tmp_path / "file"))
    assert done.returncode == 1
    assert "DATA_DIR must be a folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_create_admin_makes_one_who_signs_in(tmp_path: Path, settings: dict[str, str]) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    made = run("clinic_api", "create-admin", "--email", "Root@Example.org", cwd=tmp_path, **settings, **ADMIN)
    assert made.returncode == 0, made.stderr
    again = run("clinic_api", "create-admin", "--email", "root@example.org", cwd=tmp_path, **settings, **ADMIN)
    assert (again.returncode, again.stderr.strip()) == (
        1,
        "root@example.org has an account already. Another one: --email. Another password for it: reset-password.",
    )
    with server(cwd=tmp_path, **settings) as (address, _):
        form = {"username": "root@example.org", "password": ADMIN["ADMIN_PASSWORD"]}
        assert httpx.post(f"{address}/auth/login", data=form).status_code == 200


def test_create_admin_asks_for_nothing_that_is_set(client: TestClient, database_url: URL, tmp_path: Path) -> None:
    """In .env too, and on a terminal; an option says otherwise."""
    (tmp_path / ".env").write_text("\n".join(f"{name}={value}" for name, value in ADMIN.items()))
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    for options, made in [([], "root@example.org"), (["--email", "second@example.org"], "second@example.org")]:
        with on_terminal("clinic_api", "create-admin", *options, cwd=tmp_path, settings=settings) as terminal:
            terminal.wait_for(f"Made {made} an administrator.")
            assert terminal.status() == 0
        form = {"username": made, "password": ADMIN["ADMIN_PASSWORD"]}
        assert client.post("/auth/login", data=form).status_code == 200


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("nobody", "long enough", "EMAIL must be an e-mail address"),
        ("a@example.org", "short", "password must have at least 8 characters."),
    ],
)
def test_create_admin_says_what_is_wrong(
    email: str, password: str, sentence: str, tmp_path: Path, settings: dict[str, str]
) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    done = run("clinic_api", "create-admin", "--email", email, "--password", password, cwd=tmp_path, **settings)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL is missing"),
        ({"JWT_SECRET": ""}, "JWT_SECRET is missing"),
        ({"DATABASE_URL": "mysql://h/d"}, "DATABASE_URL must be a PostgreSQL address"),
        ({}, "There is no administrator. Set ADMIN_EMAIL and ADMIN_PASSWORD"),
    ],
)
def test_production_refuses_to_serve_and_names_what_is_missing(
    changes: dict[str, str], sentence: str, tmp_path: Path, settings: dict[str, str]
) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    production = settings | {"ENV": "prod"} | changes
    done = run("clinic_api", "serve", "--port", free_port(), cwd=tmp_path, **production)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_in_production_strangers_register_nobody(tmp_path: Path, settings: dict[str, str]) -> None:
    production = settings | {"ENV": "prod"} | ADMIN
    run("clinic_api", "migrate", cwd=tmp_path, **production)
    with server(cwd=tmp_path, **production) as (address, _):
        for role in ("ADMIN", "DOCTOR"):
            body = {"email": "x@example.org", "password": "a long night at sea", "role": role}
            assert httpx.post(f"{address}/auth/register", json=body).status_code == 401


def test_in_production_a_doctor_cannot_make_the_first_administrator(tmp_path: Path, settings: dict[str, str]) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    production = settings | {"ENV": "prod", "REGISTRATION": "open"}
    with server("uvicorn", "clinic_api.main:app", cwd=tmp_path, **production) as (address, _):
        doctor = {"email": "x@example.org", "password": "a long night at sea"}
        assert httpx.post(f"{address}/auth/register", json=doctor | {"role": "DOCTOR"}).status_code == 201
        form = {"username": doctor["email"], "password": doctor["password"]}
        token = httpx.post(f"{address}/auth/login", data=form).json()["access_token"]
        admin = {"email": "y@example.org", "password": "a long night at sea", "role": "ADMIN"}
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.post(f"{address}/auth/register", json=admin, headers=headers).status_code == 403


def test_serve_starts_before_the_database_and_serves_once_it_is_there(
    tmp_path: Path, settings: dict[str, str], spare_database: URL
) -> None:
    later = spare_database.set(database=f"{spare_database.database}_later")
    maintenance = create_engine(spare_database, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with maintenance.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {later.database}"))
        try:
            with server(cwd=tmp_path, **(settings | {"DATABASE_URL": text_of(later)})) as (address, _):
                for path in ("/health", "/health/ready", "/patients"):
                    answer = httpx.get(
                        address + path, headers={"Authorization": "Bearer x"} if path == "/patients" else {}
                    )
                    assert answer.status_code == (401 if path == "/patients" else 503)
                assert httpx.get(f"{address}/health/ready").headers["retry-after"]
                connection.execute(text(f"CREATE DATABASE {later.database}"))
                run("clinic_api", "migrate", cwd=tmp_path, **(settings | {"DATABASE_URL": text_of(later)}))
                assert httpx.get(f"{address}/health/ready").status_code == 200
        finally:
            connection.execute(text(f"DROP DATABASE IF EXISTS {later.database} WITH (FORCE)"))


def test_serve_with_workers_stops_cleanly(tmp_path: Path, settings: dict[str, str]) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    for arguments in (["--workers", "2"], []):
        with server("clinic_api", "serve", *arguments, cwd=tmp_path, **settings) as (address, process):
            assert httpx.get(f"{address}/health/ready").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path, settings: dict[str, str]) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    with server(cwd=tmp_path, **settings) as (address, _):
        done = run("clinic_api", "serve", "--port", address.rpartition(":")[2], cwd=tmp_path, **settings)
    assert done.returncode == 1
    assert "Choose another port with --port." in done.stderr


def test_an_unknown_host_is_said_in_a_sentence(tmp_path: Path, settings: dict[str, str]) -> None:
    done = run("clinic_api", "serve", "--host", "nowhere.invalid", cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr.startswith("There is no address nowhere.invalid")) == (1, True)


def test_an_unreachable_database_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = run("clinic_api", "migrate", cwd=tmp_path, ENV="dev", DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x")
    assert done.returncode == 1
    assert done.stderr.startswith("The database refuses or does not answer.")
    assert "hunter2" not in done.stderr


def test_reset_password_replaces_the_password_and_ends_all_sessions(
    client: TestClient, admin: TestClient, database_url: URL, tmp_path: Path
) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "NEW_PASSWORD": "quite another password"}
    done = run("clinic_api", "reset-password", "--email", "Admin@Example.org", cwd=tmp_path, **settings)
    assert (done.returncode, "new password" in done.stdout) == (0, True), done.stderr
    assert admin.get("/auth/me").status_code == 401
    form = {"username": "admin@example.org", "password": settings["NEW_PASSWORD"]}
    assert client.post("/auth/login", data=form).status_code == 200


def test_an_administrator_types_their_password_unseen(database_url: URL, client: TestClient, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "PASSWORD_MIN_STRENGTH": "3"}
    with on_terminal("clinic_api", "create-admin", cwd=tmp_path, settings=settings) as terminal:
        terminal.wait_for("E-mail: ")
        terminal.type("Root@Example.org\n")
        for typed in ("password1", ADMIN["ADMIN_PASSWORD"]):  # a poor one is asked for again
            for question in ("Password: ", "Repeat for confirmation: "):
                terminal.wait_for(question)
                terminal.type(f"{typed}\n")
            terminal.wait_for("Password is too easy to guess." if typed == "password1" else "Made root@example.org")
        assert terminal.status() == 0
    form = {"username": "root@example.org", "password": ADMIN["ADMIN_PASSWORD"]}
    assert client.post("/auth/login", data=form).status_code == 200


def test_nothing_that_is_typed_unseen_is_shown(admin: TestClient, database_url: URL, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    command = ("clinic_api", "reset-password", "--email", "admin@example.org", "--json")
    with on_terminal(*command, cwd=tmp_path, settings=settings) as terminal:
        for question in ("Password: ", "Repeat for confirmation: "):
            terminal.wait_for(question)
            terminal.type("quite another password\n")
        assert terminal.status() == 0
    assert json.loads(terminal.seen) == {"id": 1, "email": "admin@example.org"}


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_who_thinks_better_of_it_at_a_question_changes_nothing(
    key: str, admin: TestClient, database_url: URL, tmp_path: Path
) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    with on_terminal("clinic_api", "create-admin", cwd=tmp_path, settings=settings) as terminal:
        terminal.wait_for("E-mail: ")
        terminal.type(key)
        assert terminal.status() == 130
        assert terminal.seen.split("\n")[-2].strip().endswith("Interrupted. Nothing was changed.\x1b[0m")
    assert len(admin.get("/users").json()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "There is no terminal to ask on. Give --email."),
        (["--email", "a@example.org"], "There is no terminal to ask on. Give the password as ADMIN_PASSWORD."),
    ],
)
def test_nobody_is_asked_where_there_is_no_terminal(
    arguments: list[str], sentence: str, database_url: URL, tmp_path: Path
) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    done = run("clinic_api", "create-admin", *arguments, cwd=tmp_path, **settings)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{sentence}\n")


def test_scripts_read_what_was_made(tmp_path: Path, settings: dict[str, str]) -> None:
    for administrator in ("made", "there"):
        done = run("clinic_api", "migrate", "--json", cwd=tmp_path, **settings, **ADMIN)
        assert json.loads(done.stdout) == {"revision": migrations.newest(), "administrator": administrator}
    command = ("create-admin", "--email", "Second@Example.org", "--json")
    made = run("clinic_api", *command, cwd=tmp_path, **settings, ADMIN_PASSWORD="a long night at sea")
    assert json.loads(made.stdout) == {"id": 2, "email": "second@example.org"}


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [("nobody@example.org", "quite another password", "no account"), ("admin@example.org", "password1", "too easy")],
)
def test_reset_password_says_what_is_wrong(
    email: str, password: str, sentence: str, admin: TestClient, database_url: URL, tmp_path: Path
) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "NEW_PASSWORD": password}
    done = run("clinic_api", "reset-password", "--email", email, cwd=tmp_path, **settings)
    assert (done.returncode, sentence in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    assert admin.get("/auth/me").status_code == 200


def test_several_workers_with_limits_in_memory_say_what_that_means(database_url: URL, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    with server("clinic_api", "serve", "--workers", "2", cwd=tmp_path, **settings) as (address, _):
        assert httpx.get(f"{address}/health").status_code == 200
    assert "up to 2 times its limits" in (tmp_path / "server.log").read_text()


def test_the_page_of_all_calls_is_the_one_that_is_served(app: FastAPI, tmp_path: Path) -> None:
    printed = run("clinic_api", "openapi", cwd=tmp_path, ENV="test", DATABASE_URL="postgresql://u@127.0.0.1:1/x")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert json.loads(printed.stdout) == app.openapi()
    written = run("clinic_api", "openapi", "openapi.json", cwd=tmp_path, ENV="test")
    assert (written.returncode, written.stdout) == (0, "")
    assert json.loads((tmp_path / "openapi.json").read_text()) == app.openapi()
    assert [file.name for file in tmp_path.iterdir()] == ["openapi.json"]


def test_a_page_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = run("clinic_api", "openapi", "no/where.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "Cannot use no/where.json (No such file or directory).\n")


def test_ctrl_c_while_a_command_still_begins_ends_it_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)")  # is imported instead
    done = run("clinic_api", "check", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.skipif(os.name != "posix", reason="Windows has another shell")
@pytest.mark.parametrize(
    ("command", "status"), [("openapi >&-", 0), ("check >&-", 1), ("import - <&-", 1), ("create-admin <&-", 1)]
)
def test_a_stream_that_is_closed_is_an_empty_one(
    command: str, status: int, tmp_path: Path, settings: dict[str, str]
) -> None:
    run("clinic_api", "migrate", cwd=tmp_path, **settings)
    given = environment(**(settings | {"POOL_SIZE": "500"} if "check" in command else settings))
    line = f"exec {shlex.quote(sys.executable)} -m clinic_api {command}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Traceback" in done.stderr) == (status, False)


@pytest.mark.parametrize("host", ["ä" + "x" * 70, "a..b", "no\0where", "no.such.invalid"])
def test_serve_says_that_there_is_no_such_host(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        refuse_taken_port(host, int(free_port()))
    assert f"There is no address {host}" in capsys.readouterr().err
