import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, text

from clinic_api import __version__
from clinic_api.config import get_settings
from clinic_api.main import create_app
from tests.factories import password_of, patient_body, register


def test_health_is_limited_to_thirty_a_minute(client: TestClient) -> None:
    answers = [client.get("/health") for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert answers[0].json() == {"status": "ok", "database": "ok", "version": __version__}
    assert 30 < int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["content-type"] == "application/problem+json"


def test_a_forwarded_address_is_not_believed(client: TestClient) -> None:
    headers = [{"X-Forwarded-For": f"10.0.0.{number}"} for number in range(31)]
    assert client.get("/health", headers=headers[0]).status_code == 200
    assert [client.get("/health", headers=header).status_code for header in headers][-1] == 429


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_orchestrators_are_not_limited(path: str, client: TestClient) -> None:
    assert {client.get(path).status_code for _ in range(40)} == {200}


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_a_monitor_may_ask_for_the_head_alone(path: str, client: TestClient) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert path in client.get("/openapi.json").json()["paths"]
    assert client.post(path).headers["allow"] == "GET, HEAD"


def test_a_missing_migration_is_unready_and_a_newer_schema_is_fine(client: TestClient, engine: Engine) -> None:
    def set_revision(revision: str) -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    with engine.connect() as connection:
        newest = connection.scalar(text("SELECT version_num FROM alembic_version"))
    try:
        for revision, status in [("0000", 503), ("9999", 200)]:
            set_revision(revision)
            for path in ("/health", "/health/ready"):
                answer = client.get(path)
                assert answer.status_code == status
        set_revision("0000")
        answer = client.get("/health/ready")
        assert "python -m clinic_api migrate" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/health/live").status_code == 200
    finally:
        set_revision(str(newest))


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/static/swagger-ui-bundle.js", "/static/redoc.standalone.js"])
def test_the_docs_are_served_from_here(path: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "//cdn." not in answer.text


@pytest.mark.parametrize("stripped", [True, False])
def test_everything_works_under_a_path_prefix(stripped: bool, database_url: URL) -> None:
    app = create_app(get_settings().model_copy(update={"root_path": "/clinic"}))
    with TestClient(app, base_url="http://testserver" if stripped else "http://testserver/clinic") as client:
        for path in ("/docs", "/redoc", "/static/swagger-ui.css", "/openapi.json", "/health/ready"):
            assert client.get(path).status_code == 200, path
        assert client.get("/", follow_redirects=False).headers["location"] == "/clinic/docs"
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/clinic"}]
        assert client.put("/patients").headers["allow"] == "GET, POST"
        register(client, "admin@example.org", role="ADMIN")
        login = client.post(
            "/auth/login", data={"username": "admin@example.org", "password": password_of("admin@example.org")}
        )
        token = {"Authorization": f"Bearer {login.json()['access_token']}"}
        made = client.post("/patients", json=patient_body(), headers=token)
        assert made.headers["location"] == "/clinic/patients/1"


def test_the_front_page_is_the_docs(client: TestClient) -> None:
    answer = client.get("/", follow_redirects=False, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
