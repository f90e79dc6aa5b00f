"""What `check` finds out without the database: settings, secrets, limits, disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import ValidationError

from clinic_api.cli.console import sentences
from clinic_api.config import Settings, waiting, weakness_of

LEAST_FREE = 1e9  # bytes
REDIS_WITHIN = 2  # seconds
FOR_OTHERS = 0o007  # of a file's mode

State = Literal["fine", "hint", "wrong", "unknown"]


class Finding(NamedTuple):
    about: str
    state: State
    sentence: str


def read_settings(**known: Any) -> tuple[Settings, list[str]]:
    """The settings, and what is wrong with them; what is wrong stands at its default."""
    try:
        return Settings(**known), []
    except ValidationError as error:
        names = {str(part["loc"][0]) for part in error.errors() if part["loc"]}
        if names:
            defaults = {name: Settings.model_fields[name].get_default(call_default_factory=True) for name in names}
            settings, more = read_settings(**known, **defaults)
        else:  # what ENV=prod demands
            settings, more = Settings(**known, env="dev").model_copy(update={"env": "prod"}), []
        return settings, [*sentences(error), *more]


def settings_of(settings: Settings, complaints: list[str]) -> Iterator[Finding]:
    for complaint in "\n".join(complaints).splitlines():
        yield Finding("settings", "wrong", complaint)
    if not complaints:
        place = "the environment and .env" if Path(".env").exists() else "the environment"
        yield Finding("settings", "fine", f"ENV={settings.env}, from {place}.")
    if settings.statement_timeout > settings.request_timeout:
        longer = f"STATEMENT_TIMEOUT ({settings.statement_timeout:g} s) is longer than REQUEST_TIMEOUT"
        advice = f"{longer} ({settings.request_timeout:g} s), which ends the request before. Make it shorter."
        yield Finding("settings", "hint", advice)
    if settings.env == "prod":
        yield from of_the_address(settings)


def of_the_address(settings: Settings) -> Iterator[Finding]:
    """What is seldom left out on purpose where real patients are."""
    if not settings.trusted_proxies:
        sentence = "TRUSTED_PROXIES is not set: behind a proxy all callers seem to have one address. Name the proxy."
        yield Finding("settings", "hint", sentence)
    if not settings.public_url:
        yield Finding("settings", "hint", "PUBLIC_URL is not set: links lead wherever a request says it went. Set it.")
    elif settings.public_url.startswith("http://"):
        yield Finding("settings", "hint", "PUBLIC_URL begins with http: passwords travel openly. Use https.")


def secrets_of(settings: Settings) -> Iterator[Finding]:
    kept = settings.data_dir / "jwt_secret"
    weakness = weakness_of(settings.jwt_secret.get_secret_value() if settings.jwt_secret else "")
    if not weakness:
        yield Finding("secrets", "fine", "JWT_SECRET is set.")
    elif settings.env == "prod":
        pass  # it is said with the settings
    elif settings.jwt_secret:
        yield Finding("secrets", "hint", f"JWT_SECRET is set. ENV=prod would refuse it: it {weakness}.")
    elif kept.exists():
        yield secrecy(kept)
    else:
        yield Finding("secrets", "fine", f"{kept} is made when needed.")
    if Path(".env").exists():
        yield secrecy(Path(".env"))


def secrecy(file: Path) -> Finding:
    mode = S_IMODE(file.stat().st_mode)
    if os.name == "posix" and mode & FOR_OTHERS:
        complaint = f"Everybody on this machine may use {file} ({mode:o}). Run: chmod 600 {file}"
        return Finding("secrets", "wrong", complaint)
    return Finding("secrets", "fine", f"{file} is closed to others ({mode:o}).")


def limits_of(settings: Settings) -> Finding:
    uri = settings.rate_limit_storage_uri
    if uri.startswith("memory:"):
        return Finding("limits", "fine", "Counted in memory, by each process for itself.")
    place = urlsplit(f"//{uri.rpartition('://')[2].rpartition('@')[2]}").netloc
    if answers(uri):
        return Finding("limits", "fine", f"Counted in Redis at {place}, which answers.")
    sentence = f"Redis at {place} does not answer, so each process counts for itself. Check RATE_LIMIT_STORAGE_URI."
    return Finding("limits", "wrong" if settings.env == "prod" else "hint", sentence)


def answers(uri: str) -> bool:
    from limits.storage import storage_from_string

    try:
        storage = storage_from_string(uri, **waiting(uri, REDIS_WITHIN))
        return storage.check() is True
    except Exception:  # Redis has many, and clusters others
        return False


def disk_of(settings: Settings) -> Finding:
    if settings.url is not None and settings.jwt_secret is not None:
        return Finding("disk", "fine", "DATA_DIR is not used: database and JWT_SECRET are elsewhere.")
    folder = settings.data_dir.resolve()
    here = next(place for place in (folder, *folder.parents) if place.exists())
    if not here.is_dir() or not os.access(here, os.W_OK):
        return Finding("disk", "wrong", f"{here} is no folder that you may write to. Choose another DATA_DIR.")
    free = shutil.disk_usage(here).free
    if free < LEAST_FREE:
        return Finding("disk", "wrong", f"{here} has {free / 1e9:,.1f} GB free. Make room: {LEAST_FREE / 1e9:.0f} GB.")
    return Finding("disk", "fine", f"{here} has {free / 1e9:,.1f} GB free.")
