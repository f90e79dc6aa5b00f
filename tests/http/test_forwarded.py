"""What a proxy says counts when it is one of TRUSTED_PROXIES, and from nobody else."""

import pytest
from fastapi.testclient import TestClient

from clinic_api.config import get_settings
from clinic_api.main import create_app
from tests.factories import make_patient

PROXY, STRANGER = "10.0.0.5", "192.0.2.7"
SAID = {"x-forwarded-for": "198.51.100.9", "x-forwarded-proto": "https", "x-forwarded-host": "clinic.example"}


def next_url_and_address(admin: TestClient, peer: str, headers: dict[str, str]) -> tuple[str, str]:
    """What the API takes for the caller's own address of it, and for the caller's address."""
    for _ in range(2):
        make_patient(admin)
    app = create_app(get_settings().model_copy(update={"trusted_proxies": "10.0.0.0/8"}))
    with TestClient(app, headers=dict(admin.headers), client=(peer, 1)) as client:
        answer = client.get("/patients?limit=1", headers=headers)
        app.state.looks.flush()
        return answer.links["next"]["url"].partition("/patients")[0], client.get("/audit?action=list").json()[0][
            "address"
        ]


def test_a_trusted_proxy_is_believed(admin: TestClient) -> None:
    assert next_url_and_address(admin, PROXY, SAID) == ("https://clinic.example", "198.51.100.9")


def test_anybody_else_is_not(admin: TestClient) -> None:
    assert next_url_and_address(admin, STRANGER, SAID) == ("http://testserver", STRANGER)


@pytest.mark.parametrize("hosts", ["a.example, b.example", ""])
def test_hosts_that_contradict_each_other_count_for_nothing(hosts: str, admin: TestClient) -> None:
    assert next_url_and_address(admin, PROXY, SAID | {"x-forwarded-host": hosts})[0] == "https://testserver"


@pytest.mark.parametrize("host", ["a b>", "a" * 256, f"[{':' * 46}]"])
def test_a_forwarded_host_is_refused_like_any_other(host: str, admin: TestClient) -> None:
    app = create_app(get_settings().model_copy(update={"trusted_proxies": PROXY}))
    with TestClient(app, headers=dict(admin.headers), client=(PROXY, 1)) as client:
        assert client.get("/patients", headers={"x-forwarded-host": host}).status_code == 400
