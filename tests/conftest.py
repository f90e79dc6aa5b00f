"""The place (a real PostgreSQL, emptied before each test) and the people (administrator, doctor, strangers)."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
os.environ |= {
    "ENV": "test",
    "BCRYPT_ROUNDS": "4",
    "DATA_DIR": os.environ.get("DATA_DIR", str(ROOT / ".clinic" / "test")),
}

from clinic_api.config import Settings, get_settings  # noqa: E402

Settings.model_config["env_file"] = None  # a developer's .env is not the tests'

from fastapi import FastAPI  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url, text  # noqa: E402

from clinic_api import migrations  # noqa: E402
from clinic_api.database import located  # noqa: E402
from clinic_api.http.limits import limiter  # noqa: E402
from clinic_api.main import create_app  # noqa: E402
from clinic_api.models import metadata  # noqa: E402
from tests.factories import doctor_body, register, signed_in  # noqa: E402


def pytest_configure() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored, by all commands too


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The walkthrough runs last, so that what it leaves in the tables can be looked at."""
    items.sort(key=lambda item: "test_walkthrough" in item.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    address = os.environ.get("TEST_DATABASE_URL")
    if address and exitstatus in (0, 1):
        terminalreporter.write_line(f"The tables are left to look at: {make_url(address)!r}")
        if "postgres@/" in address:
            terminalreporter.write_line(
                "It runs while you serve it: ENV=test DATA_DIR=.clinic/test python -m clinic_api serve"
            )


@pytest.fixture(scope="session")
def database_url() -> Iterator[URL]:
    """The test database, made anew by the migrations. Any other is refused: its tables would be emptied."""
    settings = get_settings()
    with located(settings) as url:
        if url.database != settings.test_db_name:
            pytest.exit(
                f"The tests empty their database, so its name must be {settings.test_db_name} (TEST_DB_NAME).", 2
            )
        os.environ["TEST_DATABASE_URL"] = url.render_as_string(hide_password=False)
        get_settings.cache_clear()
        with create_engine(url, poolclass=NullPool).begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        migrations.upgrade(url)
        yield url


@pytest.fixture(scope="session")
def engine(database_url: URL) -> Engine:
    return create_engine(database_url, poolclass=NullPool)


@pytest.fixture(autouse=True)
def empty_tables(request: pytest.FixtureRequest) -> None:
    """Before each test that uses the database, so that what the last one wrote can be looked at afterwards."""
    limiter.reset()
    if "app" in request.fixturenames:
        request.getfixturevalue("app").state.looks.flush()
    if "database_url" in request.fixturenames:
        empty(request.getfixturevalue("engine"))


def empty(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
        connection.execute(text("ALTER SEQUENCE medical_record_numbers RESTART"))


@pytest.fixture(scope="session")
def app(database_url: URL) -> Iterator[FastAPI]:
    app = create_app(get_settings())
    with TestClient(app):
        yield app


@pytest.fixture
def spare_database(database_url: URL) -> Iterator[URL]:
    """An empty database beside the tests' own, for what changes the schema."""
    with database_beside(database_url, "spare") as spare:
        yield spare


@contextmanager
def database_beside(database_url: URL, name: str) -> Iterator[URL]:
    beside = database_url.set(database=f"{database_url.database}_{name}")
    server = create_engine(database_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        if not connection.scalar(text("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")):
            pytest.skip("TEST_DATABASE_URL's role may not create databases")
        connection.execute(text(f"DROP DATABASE IF EXISTS {beside.database} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {beside.database}"))
        yield beside
        connection.execute(text(f"DROP DATABASE {beside.database} WITH (FORCE)"))


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """Somebody who is not signed in."""
    return TestClient(app)


@pytest.fixture
def admin(client: TestClient) -> TestClient:
    register(client, "admin@example.org", role="ADMIN")
    return signed_in(client, "admin@example.org")


@pytest.fixture
def doctor_id(admin: TestClient) -> int:
    """The doctor who signs in as `doctor`."""
    return int(admin.post("/doctors", json=doctor_body(email="ada@example.org")).json()["id"])


@pytest.fixture
def doctor(admin: TestClient, doctor_id: int) -> TestClient:
    register(admin, "ada@example.org", doctor_id=doctor_id)
    return signed_in(admin, "ada@example.org")


@pytest.fixture
def other_doctor(admin: TestClient) -> TestClient:
    """A doctor with an account and patients of their own, of whom `doctor` knows nothing."""
    admin.post("/doctors", json=doctor_body(email="bob@example.org")).raise_for_status()
    register(admin, "bob@example.org")
    return signed_in(admin, "bob@example.org")
