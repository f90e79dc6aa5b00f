"""Settings: any spelling of PostgreSQL, and what production refuses."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from clinic_api.config import Settings

SECRET = "Vh8-3kq_Zr1xTnB5mWcQ7yLdPf0sGjKe"
PROD: dict[str, Any] = {"env": "prod", "database_url": "postgres://u:p@db/clinic", "jwt_secret": SECRET}


@pytest.mark.parametrize(
    ("spelling", "meaning"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"),
        ("postgresql://u:p@h:5433/d", "postgresql+psycopg2://u:p@h:5433/d"),
        ("postgresql+asyncpg://u:p@h/d?ssl=require", "postgresql+psycopg2://u:p@h/d?sslmode=require"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("postgresql://u:p%40x@h/d", "postgresql+psycopg2://u:p%40x@h/d"),
        ("postgresql:///d?host=/run/pg", "postgresql+psycopg2:///d?host=%2Frun%2Fpg"),
        (
            "postgres://u:p@h1:1,h2:2?sslmode=prefer",
            "postgresql+psycopg2://u:p@/?host=h1%3A1&host=h2%3A2&sslmode=prefer",
        ),
        (
            "postgresql://u:p@h1:5432,h2:5433/d?target_session_attrs=read-write",
            "postgresql+psycopg2://u:p@/d?host=h1%3A5432&host=h2%3A5433&target_session_attrs=read-write",
        ),
    ],
)
def test_any_spelling_of_postgresql_is_understood(spelling: str, meaning: str) -> None:
    url = Settings(env="dev", database_url=spelling).url
    assert url is not None
    assert url.render_as_string(hide_password=False) == meaning


@pytest.mark.parametrize(
    "spelling",
    ["sqlite:///x.db", "mysql://h/d", "clinic", "postgres", "postgresql://h:port/d", "postgresql://h1:1,h2:port/d"],
)
def test_anything_else_is_refused_without_repeating_it(spelling: str) -> None:
    with pytest.raises(ValidationError, match=r"postgresql://user:password@host:5432/clinic") as refusal:
        Settings(env="dev", database_url=f"{spelling}?password=hunter2")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("password", ["s3c@retPW", "s3c/retPW", "s3,c/retPW", "s3c?retPW", "s3/c@retPW"])
def test_a_password_that_is_not_escaped_is_refused_without_repeating_it(password: str) -> None:
    with pytest.raises(ValidationError, match="write @ as %40") as refusal:
        Settings(env="dev", database_url=f"postgresql://u:{password}@127.0.0.1:1/c")
    assert "retPW" not in str(refusal.value)


@pytest.mark.parametrize("address", ["h:x", ":s3cretPW#x@h:1", "u:s3c/retPW@h", ":s3[cretPW@h:1", ":s3c@retPW@h"])
def test_an_address_of_redis_that_cannot_be_read_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValidationError, match="write @ as %40") as refusal:
        Settings(env="dev", rate_limit_storage_uri=f"redis://{address}")
    assert "retPW" not in str(refusal.value)


@pytest.mark.parametrize("address", ["", ":p%40x@h:1/0", "unix/?db=1", "[::1]:6379", "u:p@h1:1,h2:2/mymaster"])
def test_an_address_of_redis_is_left_as_it_is(address: str) -> None:
    assert Settings(env="dev", rate_limit_storage_uri=f"redis://{address}").rate_limit_storage_uri.endswith(address)


def test_another_storage_of_limits_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValidationError, match=r"must be memory:// or the address of a Redis"):
        Settings(env="dev", rate_limit_storage_uri="mongodb://h")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"database_url": None}, "DATABASE_URL is missing"),
        ({"jwt_secret": None}, "JWT_SECRET is missing"),
        ({"jwt_secret": None, "database_url": None}, r"DATABASE_URL is missing(.|\n)*JWT_SECRET is missing"),
        ({"jwt_secret": "x" * 31}, "JWT_SECRET needs at least 32 bytes"),
        ({"jwt_secret": "x" * 64}, "JWT_SECRET is a sample value"),
        ({"jwt_old_secrets": f"{SECRET},short"}, "One of JWT_OLD_SECRETS needs at least 32 bytes"),
        ({"jwt_secret": "change-me-please-before-you-go-to-production"}, "JWT_SECRET is a sample value"),
        ({"database_url": "postgres://clinic:clinic@db/clinic"}, "The database's password is the sample one"),
    ],
)
def test_production_refuses_what_is_missing_or_a_sample(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Settings(**(PROD | changes))


def test_production_is_content_with_real_values() -> None:
    settings = Settings(**PROD)
    assert settings.secret == SECRET
    assert not settings.anybody_may_register
    assert settings.least_strength == 3
    assert settings.logs_json
    assert SECRET not in repr(settings)


def test_a_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first, second = (Settings(env="dev", jwt_secret=None, data_dir=tmp_path / "made").secret for _ in range(2))
    assert first == second
    assert len(first) >= 32
    if os.name == "posix":
        assert (tmp_path / "made" / "jwt_secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["jwt_secret"]


@pytest.mark.parametrize(("sent", "kept"), [("", ""), ("/", ""), ("clinic", "/clinic"), ("/a/b/", "/a/b")])
def test_a_path_prefix_has_one_spelling(sent: str, kept: str) -> None:
    assert Settings(env="dev", root_path=sent).root_path == kept


@pytest.mark.parametrize("host", ["clinic.example.org", "localhost:8000", "[::1]", "[2001:db8::7]:8000"])
def test_a_host_has_a_name_or_an_address(host: str) -> None:
    settings = Settings(env="dev", public_url=f"http://{host}/api/", cors_origins=f"http://{host}")
    assert (settings.public_url, settings.cors_origins) == (f"http://{host}/api", f"http://{host}")


@pytest.mark.parametrize(
    "host", ["", "::1", "[::1", "[x]", "[....]", "[::1]x", "a b", "a?b", "user@a", "a:b", "klinik-ä", "a:٣"]
)
def test_a_host_has_no_other_spelling(host: str) -> None:
    for name in ("public_url", "cors_origins"):
        setting: dict[str, Any] = {name: f"http://{host}"}
        with pytest.raises(ValidationError):
            Settings(env="dev", **setting)


def test_with_env_test_the_test_database_is_used() -> None:
    settings = Settings(env="test", database_url="postgres://h/real", test_database_url="postgres://h/clinic_test")
    assert settings.url is not None
    assert settings.url.database == "clinic_test"
