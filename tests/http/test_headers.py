import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import ValidationError

from clinic_api.config import Settings, get_settings
from clinic_api.main import create_app

ANSWERS: dict[str, tuple[str, str, int]] = {
    "data": ("GET", "/patients", 200),
    "stranger": ("GET", "/nothing", 404),
    "method": ("TRACE", "/patients", 405),
    "invalid": ("GET", "/patients?limit=0", 422),
    "missing": ("GET", "/patients/7", 404),
    "no content": ("POST", "/auth/logout", 204),
    "docs": ("GET", "/docs", 200),
    "redoc": ("GET", "/redoc", 200),
    "page": ("GET", "/openapi.json", 200),
    "static": ("GET", "/static/swagger-ui.css", 200),
    "no static": ("GET", "/static/nothing", 404),
    "long": ("GET", f"/{'x' * 8192}", 414),
    "redirect": ("GET", "/", 307),
    "health": ("GET", "/health/live", 200),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_has_the_security_headers(name: str, admin: TestClient) -> None:
    method, path, status = ANSWERS[name]
    answer = admin.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"]
    assert "no-store" in answer.headers["cache-control"]
    assert "server" not in answer.headers


def test_a_failure_is_a_problem_with_the_same_headers_and_says_nothing(admin: TestClient, app: FastAPI) -> None:
    looks, app.state.looks = app.state.looks, None
    try:
        admin.post("/patients", json={"given_name": "José", "birth_date": "1984-02-29"})
        answer = admin.get("/patients/1")
    finally:
        app.state.looks = looks
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "NoneType" not in answer.text


def test_the_docs_run_the_scripts_of_this_server_alone(client: TestClient) -> None:
    for path in ("/docs", "/redoc"):
        policy = client.get(path).headers["content-security-policy"]
        (scripts,) = re.findall(r"script-src ([^;]*)", policy)
        assert re.fullmatch(r"'self'( 'sha256-[\w+/=]+')*", scripts)
        assert "http" not in policy


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("my-id.7", True), ("x" * 64, True), ("x" * 65, False), ("two words", False), ("é", False), ("", False)],
)
def test_a_plain_request_id_is_kept_and_another_made(sent: str, kept: bool, client: TestClient) -> None:
    answer = client.get("/patients", headers={"X-Request-ID": sent.encode()})
    assert (answer.headers["x-request-id"] == sent) == kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/", "/patients/", "//evil.example", "/docs/"])
def test_the_host_header_never_makes_a_redirect(path: str, client: TestClient) -> None:
    answer = client.get(path, headers={"Host": "evil.example"}, follow_redirects=False)
    assert "evil" not in answer.headers.get("location", "")


def preflight(client: TestClient, origin: str) -> Any:
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    return client.options("/patients", headers=asked).headers.get("access-control-allow-origin")


def test_other_origins_are_let_in_only_when_listed(client: TestClient) -> None:
    assert preflight(client, "https://clinic.example.org") is None
    settings = get_settings().model_copy(update={"cors_origins": "https://clinic.example.org, http://localhost:3000"})
    with TestClient(create_app(settings)) as open_client:
        for origin in ("https://clinic.example.org", "http://localhost:3000"):
            assert preflight(open_client, origin) == origin
            answer = open_client.get("/patients", headers={"Origin": origin})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, origin)
        assert preflight(open_client, "https://evil.example") is None


def test_a_refused_preflight_is_a_problem() -> None:
    client = TestClient(create_app(get_settings().model_copy(update={"cors_origins": "https://clinic.example.org"})))
    for origin, method in [("https://evil.example", "GET"), ("https://clinic.example.org", "FETCH"), ("\xff", "GET")]:
        asked = {"Origin": origin.encode("latin-1"), "Access-Control-Request-Method": method}
        answer = client.options("/patients", headers=asked)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert "access-control-allow-origin" not in answer.headers
        assert origin not in answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors_origins", "*"), ("cors_origins", "clinic.example.org"), ("cors_origins", "https://*.example.org"),
        ("trusted_proxies", "*"), ("trusted_proxies", "proxy"), ("rate_limit_storage_uri", "redi://host"),
        ("password_min_strength", "5"), ("log_format", "xml"),
    ],
)  # fmt: skip
def test_a_setting_that_would_let_everybody_in_or_mean_nothing_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({name: value})
