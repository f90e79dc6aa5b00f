"""Settings, read once from the environment or `.env`."""

import os
import re
import secrets
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

SAMPLE_PASSWORD = "clinic"  # of docker-compose.yml
SECRET_BYTES = 32
# Words of samples, rows of keys, and the key of FastAPI's tutorial.
SAMPLES = r"change.?me|example|sample|secret|your.?key|insecure|password|production|qwert|1234|abcd|09d25e094faa6ca2"
HOW_TO_MAKE_A_SECRET = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
HOST = r"([\w.\-]+|\[[\da-fA-F]*:[\da-fA-F:.]+\])(:\d+)?"
UNREADABLE = "is not a readable address; in a password write @ as %40, / as %2F, # as %23, ? as %3F, [ as %5B"
Seconds = Annotated[float, Field(ge=1, le=300)]


class Settings(BaseSettings):
    """What an operator decides. Every field is an environment variable of the same name."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    env: Literal["dev", "test", "prod"] = "dev"
    database_url: str | None = None
    test_database_url: str | None = None
    test_db_name: str = "clinic_test"
    data_dir: Path = Path(".clinic")
    pool_size: int = Field(default=16, ge=1, le=500)
    connect_timeout: Seconds = 3
    lock_timeout: Seconds = 3
    statement_timeout: Seconds = 4
    request_timeout: Seconds = 4.5
    transfer_timeout: float = Field(default=600, ge=1, le=86_400)

    jwt_secret: SecretStr | None = None
    jwt_old_secrets: SecretStr = SecretStr("")
    access_token_minutes: int = Field(default=60, ge=1, le=720)
    bcrypt_rounds: int = Field(default=12, ge=4, le=16)
    password_min_length: int = Field(default=8, ge=1, le=256)
    password_min_strength: Annotated[int, Field(ge=0, le=4)] | None = None
    registration: Literal["open", "admin"] | None = None
    admin_email: str | None = None
    admin_password: SecretStr | None = None

    rate_limit_storage_uri: str = "memory://"
    cors_origins: str = ""
    trusted_proxies: str = ""
    public_url: str = ""
    root_path: str = ""
    log_format: Literal["console", "json"] | None = None

    @field_validator("database_url", "test_database_url")
    @classmethod
    def is_postgresql(cls, value: str | None) -> str | None:
        if value is not None:
            postgresql_url(value)
        return value

    @field_validator("rate_limit_storage_uri")
    @classmethod
    def is_storage(cls, value: str) -> str:
        if not re.match(r"(memory|rediss?|redis\+(cluster|sentinel))://", value):
            raise ValueError("must be memory:// or the address of a Redis: redis://:password@host:6379/0.")
        try:
            login, hosts = split_login(value.partition("://")[2])
            if re.search(r"[#\[\]]", login):
                raise ValueError
            for host in re.split(r"[/?#]", hosts)[0].split(","):
                _ = urlsplit(f"//{host}").port
        except ValueError:
            raise ValueError(f"{UNREADABLE}: redis://:password@host:6379/0.") from None
        return value

    @field_validator("root_path")
    @classmethod
    def is_prefix(cls, value: str) -> str:
        return f"/{value.strip('/')}" if value.strip("/") else ""

    @field_validator("public_url")
    @classmethod
    def is_web_address(cls, value: str) -> str:
        if value and not re.fullmatch(rf"https?://{HOST}(/[\w.~\-]+)*/?", value, re.ASCII):
            raise ValueError("must be an address without a query: https://clinic.example.org/api.")
        return value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def are_addresses(cls, value: str) -> str:
        for address in listed(value):
            try:
                ip_network(address)
            except ValueError:
                raise ValueError("must be addresses or networks with commas: 10.0.0.5, 10.1.0.0/16.") from None
        return value

    @field_validator("cors_origins")
    @classmethod
    def are_origins(cls, value: str) -> str:
        if not all(re.fullmatch(rf"https?://{HOST}", origin, re.ASCII) for origin in listed(value)):
            raise ValueError("must be origins with commas, each by name: https://clinic.example.org.")
        return value

    @field_validator("admin_email")
    @classmethod
    def is_email(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise ValueError("must be an e-mail address such as admin@example.org.")
        return value

    @model_validator(mode="after")
    def is_fit_for_production(self) -> Self:
        if self.env != "prod":
            return self
        complaints = []
        if self.database_url is None:
            complaints.append("DATABASE_URL is missing: ENV=prod needs a PostgreSQL of your own.")
        elif (os.environ.get("PGPASSWORD") or (self.url and self.url.password)) == SAMPLE_PASSWORD:
            complaints.append(
                "The database's password is the sample one: choose another (POSTGRES_PASSWORD with compose)."
            )
        keys = [("JWT_SECRET", self.jwt_secret.get_secret_value() if self.jwt_secret else "")]
        for name, secret in keys + [("One of JWT_OLD_SECRETS", secret) for secret in self.old_secrets]:
            if weakness := weakness_of(secret):
                complaints.append(f"{name} {weakness}; {HOW_TO_MAKE_A_SECRET}")
        if complaints:
            raise ValueError("\n".join(complaints))
        return self

    @property
    def url(self) -> URL | None:
        """The database to use; none means the embedded one."""
        text = self.test_database_url if self.env == "test" else self.database_url
        return postgresql_url(text) if text else None

    @property
    def anybody_may_register(self) -> bool:
        """Whether a DOCTOR account may be made without an administrator."""
        return (self.registration or ("admin" if self.env == "prod" else "open")) == "open"

    @property
    def secret(self) -> str:
        """The key that signs tokens; outside prod it is made once and kept in DATA_DIR, readable by its owner alone."""
        return self.jwt_secret.get_secret_value() if self.jwt_secret else kept_secret(self.data_dir / "jwt_secret")

    @property
    def old_secrets(self) -> list[str]:
        """Keys that signed tokens until lately: they are still read, and sign no more."""
        return listed(self.jwt_old_secrets.get_secret_value())

    @property
    def least_strength(self) -> int:
        """The zxcvbn score, 0 to 4, that a password must reach."""
        return self.password_min_strength if self.password_min_strength is not None else 3 if self.env == "prod" else 1

    @property
    def logs_json(self) -> bool:
        return (self.log_format or ("json" if self.env == "prod" else "console")) == "json"


def listed(text: str) -> list[str]:
    """The parts of a setting that has several, with commas between them."""
    return [part.strip() for part in text.split(",") if part.strip()]


def postgresql_url(text: str) -> URL:
    """Any spelling of a PostgreSQL address as SQLAlchemy's, with psycopg2 as the driver.

    `h1:5432,h2:5433` becomes `?host=h1:5432&host=h2:5433`, and asyncpg's `ssl=` becomes libpq's `sslmode=`.
    Raises ValueError for anything that is not PostgreSQL.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(r"postgres(ql)?(\+\w+)?", scheme):
        raise ValueError("must be a PostgreSQL address such as postgresql://user:password@host:5432/clinic.")
    try:
        login, rest = split_login(rest)
        rest, _, query = rest.partition("?")
        hosts, _, name = rest.partition("/")
        if "," in hosts:
            several = "&".join(f"host={quote(host, safe=':')}" for host in hosts.split(","))
            hosts, query = "", f"{several}&{query}" if query else several
        url = make_url(f"postgresql+psycopg2://{login}{hosts}/{name}?{query}")
        url.get_dialect()().create_connect_args(url)  # reads the ports
    except (ArgumentError, ValueError):
        raise ValueError(f"{UNREADABLE}: postgresql://user:password@host:5432/clinic.") from None
    if "ssl" in url.query:
        url = url.update_query_dict({"sslmode": url.query["ssl"]}).difference_update_query(["ssl"])
    return url


def waiting(uri: str, seconds: float) -> dict[str, Any]:
    """How long limits waits for a Redis: with sentinels, which have settings of their own, for these too."""
    limits: dict[str, Any] = {"socket_connect_timeout": seconds, "socket_timeout": seconds}
    if not uri.startswith("redis+sentinel:"):
        return limits
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = {**limits, "retry": Retry(NoBackoff(), 0)}  # else each sentinel is asked a dozen times
    return {**once, "sentinel_kwargs": once}


def split_login(address: str) -> tuple[str, str]:
    """The login with its @, and what follows. Raises ValueError where a password would be taken for something else."""
    login, at, rest = address.rpartition("@")
    if re.search(r"[/?]", login) or "@" in login.partition(":")[2]:
        raise ValueError
    return f"{login}{at}", rest


def weakness_of(text: str) -> str | None:
    """What is wrong with a signing key, if anything: that it is missing, too short, or reads like a sample."""
    if not text:
        return "is missing"
    if len(text.encode()) < SECRET_BYTES:
        return f"needs at least {SECRET_BYTES} bytes in ENV=prod"
    if re.search(SAMPLES, text, re.IGNORECASE) or len(set(text)) < 10:
        return "is a sample value, which ENV=prod refuses"
    return None


def kept_secret(path: Path) -> str:
    """The secret in this file, made when there is none; two processes that start at once agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_text()


@lru_cache
def get_settings() -> Settings:
    return Settings()
