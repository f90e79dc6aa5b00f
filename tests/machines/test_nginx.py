"""nginx with the configuration of docker-compose.scale.yml, before two real servers."""

import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import URL

from tests.factories import patient_body
from tests.faults.waiting import until
from tests.machines.programs import Program, found, running
from tests.process import ROOT, free_port, server, text_of

PERSON = {"email": "admin@example.org", "password": "a long night at the harbour", "role": "ADMIN"}
LOGIN = {"username": PERSON["email"], "password": PERSON["password"]}
NGINX = ROOT / "deploy" / "nginx"
WITHIN = 30  # seconds
CERTIFY = (
    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "privkey.pem", "-out", "fullchain.pem",
)  # fmt: skip


class Front:
    """nginx, its replicas as processes, and what it logs."""

    def __init__(self, address: str, servers: list[tuple[str, Any]], log: Path) -> None:
        self.address, self.log = address, log
        self.addresses, self.replicas = zip(*servers, strict=True)
        self.http = httpx.Client(base_url=address, timeout=WITHIN)


@pytest.fixture
def front(database_url: URL, tmp_path: Path) -> Iterator[Front]:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "DATA_DIR": str(tmp_path)}
    with ExitStack() as stack:
        servers = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            own = server(cwd=tmp_path / name, TRUSTED_PROXIES="127.0.0.1", **settings)
            servers.append(stack.enter_context(own))
        address = stack.enter_context(nginx([address for address, _ in servers], tmp_path))
        front = Front(address, servers, tmp_path / "access.log")
        stack.enter_context(front.http)
        assert front.http.post("/auth/register", json=PERSON).status_code == 201
        token = front.http.post("/auth/login", data=LOGIN).json()["access_token"]
        front.http.headers["Authorization"] = f"Bearer {token}"
        yield front


@contextmanager
def nginx(replicas: list[str], folder: Path, api: str = "containers.conf") -> Iterator[str]:
    """Its address, in front of these."""
    program, port, config = found("nginx", "nginx-light"), free_port(), folder / "nginx.conf"
    config.write_text(configured(port, replicas, folder, api))
    with running(Program([program, "-c", str(config), "-g", "daemon off;"], port, folder / "log")):
        yield f"http://127.0.0.1:{port}"


def configured(port: str, replicas: list[str], folder: Path, api: str = "containers.conf") -> str:
    """The configuration, but for the places of this test, and its user."""
    text = (NGINX / "nginx.conf").read_text()
    (folder / "api.conf").write_text(api_conf(api, replicas, folder))
    addresses = " ".join(f"server {replica.removeprefix('http://')};" for replica in replicas)
    changes = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "    server {\n": f"    upstream replicas {{ {addresses} }}\n    server {{\n",
        "/etc/nginx/tls": str(folder / "tls"),
        "/etc/nginx/api.conf;": f"{folder / 'api.conf'};",
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "worker_processes auto;": "worker_processes 1;" + (" user root;" if os.geteuid() == 0 else ""),
    }
    return changed(text, changes)


def api_conf(name: str, replicas: list[str], folder: Path) -> str:
    log = str(folder / "access.log")
    if name == "host.conf":
        changes = {"127.0.0.1:8000": replicas[0].removeprefix("http://"), "/var/log/nginx/access.log": log}
    else:
        changes = {"set $api api:8000;": "set $api replicas;", "/dev/stdout": log}
    return changed((NGINX / name).read_text(), changes)


def changed(text: str, changes: dict[str, str]) -> str:
    for what, instead in changes.items():
        assert text.count(what) == 1, what
        text = text.replace(what, instead)
    return text


def test_on_the_machine_of_the_api_it_serves_and_logs(database_url: URL, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "TRUSTED_PROXIES": "127.0.0.1"}
    with server(cwd=tmp_path, **settings) as (api, _), nginx([api], tmp_path, "host.conf") as address:
        assert httpx.get(f"{address}/health/ready").status_code == 200
        until(lambda: '"path":"/health/ready","status":200' in (tmp_path / "access.log").read_text(), WITHIN)


def test_a_client_is_known_by_its_address_and_not_by_what_it_says(front: Front) -> None:
    for told in ("203.0.113.7", "127.0.0.1, 203.0.113.7"):
        front.http.post(
            "/auth/login", data=LOGIN, headers={"X-Forwarded-For": told, "X-Forwarded-Host": "evil.example"}
        )
    events = front.http.get("/audit", params={"action": "login"}).json()
    assert {event["address"] for event in events} == {"127.0.0.1"}
    following = front.http.get("/audit?limit=1", headers={"X-Forwarded-Host": "evil.example"}).links["next"]["url"]
    assert following.startswith(f"{front.address}/audit?")


def test_the_log_has_neither_query_nor_secrets(front: Front) -> None:
    front.http.get("/patients?q=Nunez", headers={"Referer": "http://x/?q=Nunez"})
    front.http.get("/patients/7?q=Nunez")
    until(lambda: '"path":"/patients/7","status":404' in front.log.read_text(), WITHIN)
    log = front.log.read_text()
    assert "Nunez" not in log
    assert front.http.headers["Authorization"].removeprefix("Bearer ") not in log


def test_with_a_replica_killed_nobody_notices_and_with_none_it_is_503(front: Front) -> None:
    first, second = front.replicas
    first.kill()
    first.wait()
    statuses = {front.http.post("/patients", json=patient_body()).status_code for _ in range(4)}
    assert statuses == {201}
    second.kill()
    second.wait()
    answer = front.http.get("/patients")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert is_problem(answer)


def test_too_large_and_unreadable_is_said_as_by_the_api(front: Front) -> None:
    body = httpx.post(f"{front.address}/patients", content=b"x" * 1_100_000)
    header = httpx.get(f"{front.address}/health/live", headers={"X-Long": "x" * 30_000})
    address = httpx.get(f"{front.address}/{'x' * 30_000}")
    assert [answer.status_code for answer in (body, header, address)] == [413, 431, 414]
    assert all(is_problem(answer) for answer in (body, header, address))
    with socket.create_connection(("127.0.0.1", httpx.URL(front.address).port or 0)) as connection:
        connection.sendall(b"HELLO\r\n\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 400 ")


def test_the_figures_are_for_who_asks_a_replica_itself(front: Front) -> None:
    for path in (
        "/metrics",
        "//metrics",
        "/%6detrics",
        "/clinic/metrics",
        "/metrics?x=1",
        "/docs/../metrics",
        "/metrics/",
    ):
        answer = front.http.get(f"{front.address}{path}")
        assert (answer.status_code, is_problem(answer)) == (404, True), path
    assert "clinic_requests_total" in httpx.get(f"{front.addresses[0]}/metrics").text


@pytest.fixture
def secure(database_url: URL, tmp_path: Path) -> Iterator[tuple[str, httpx.Client]]:
    """nginx with the sample of its configuration for TLS: its plain address, and who asks it by TLS."""
    openssl, folder, port = found("openssl", "openssl"), tmp_path / "tls", free_port()
    folder.mkdir()
    subprocess.run([openssl, *CERTIFY], cwd=folder, check=True, capture_output=True)
    sample = (NGINX / "tls" / "tls.conf.example").read_text()
    sample = sample.replace("listen 443 ", f"listen 127.0.0.1:{port} ").replace("/etc/nginx/tls", str(folder))
    (folder / "tls.conf").write_text(sample)
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "TRUSTED_PROXIES": "127.0.0.1"}
    trust = ssl.create_default_context(cafile=folder / "fullchain.pem")
    by_tls = httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust, timeout=WITHIN)
    with server(cwd=tmp_path, **settings) as (replica, _), nginx([replica], tmp_path) as plain, by_tls:
        yield plain, by_tls


def test_by_tls_addresses_are_https_and_browsers_are_told_to_stay(secure: tuple[str, httpx.Client]) -> None:
    _, client = secure
    answer = client.post("/auth/register", json=PERSON)
    assert (answer.status_code, answer.headers["strict-transport-security"]) == (201, "max-age=31536000")
    client.headers["Authorization"] = f"Bearer {client.post('/auth/login', data=LOGIN).json()['access_token']}"
    following = client.get("/audit?limit=1").links["next"]["url"]
    assert following.startswith(f"{client.base_url}/audit?")


def test_with_tls_a_plain_request_is_sent_there(secure: tuple[str, httpx.Client]) -> None:
    plain, _ = secure
    answer = httpx.post(f"{plain}/patients?x=1", json=patient_body())
    assert (answer.status_code, answer.headers["location"]) == (308, "https://127.0.0.1/patients?x=1")
    assert "strict-transport-security" not in answer.headers


def is_problem(answer: httpx.Response) -> bool:
    said: dict[str, Any] = answer.json()
    is_typed = answer.headers["content-type"] == "application/problem+json"
    return is_typed and said["status"] == answer.status_code and said["request_id"] == answer.headers["x-request-id"]
