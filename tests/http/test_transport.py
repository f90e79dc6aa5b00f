"""What arrives at the port, byte by byte: whatever it is, there is a problem as the answer, and an end."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy import URL, Engine, text

from clinic_api.cli.serve import allow_connections
from clinic_api.http.protocol import HEADERS_WITHIN, MOST_CONNECTIONS
from tests.factories import password_of, patient_body
from tests.process import server, text_of

PATIENCE = 30  # seconds
HOST = b"Host: localhost\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKED = b"POST /auth/refresh HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"


def get(line: bytes, headers: bytes = HOST) -> bytes:
    return line + b" HTTP/1.1\r\n" + headers + b"\r\n"


def post(headers: bytes, body: bytes = b"") -> bytes:
    return b"POST /auth/refresh HTTP/1.1\r\n" + JSON + headers + b"\r\n" + body


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def place(database_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server, and its log."""
    folder = tmp_path_factory.mktemp("transport")
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "LOG_FORMAT": "json"}
    with server(cwd=folder, **settings) as (address, _):
        yield address, folder / "server.log"


@pytest.fixture
def address(place: tuple[str, Path]) -> str:
    return place[0]


def connected(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def talk(address: str, *pieces: bytes) -> list[Answer]:
    """Send these, and nothing more; the answers until the server ends the connection, too."""
    with connected(address) as client:
        for piece in pieces:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        return answers_on(client)


def answers_on(client: socket.socket) -> list[Answer]:
    received = client.makefile("rb")
    answers = []
    while status_line := received.readline():
        status = int(status_line.split()[1])
        headers = dict(line.decode("latin-1").rstrip().split(": ", 1) for line in iter(received.readline, b"\r\n"))
        body = received.read(int(headers.get("content-length", 0))) if status != 100 else b""
        answers.append(Answer(status, headers, body))
    return answers


def is_problem(answer: Answer) -> bool:
    problem = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(problem)
    assert (problem["status"], problem["request_id"]) == (answer.status, answer.headers["x-request-id"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert problem["detail"].endswith(".")
    return True


BROKEN: dict[str, tuple[int, bytes]] = {
    "no HTTP": (400, b"hello\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "HTTP/0.9": (505, b"GET /\r\n\r\n"),
    "HTTP/1.2": (400, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    "HTTP/2.0": (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "HTTP/2": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "half a line": (400, b"GET /health"),
    "half the headers": (400, b"GET / HTTP/1.1\r\nHo"),
    "no path": (400, get(b"GET patients")),
    "CONNECT": (400, get(b"CONNECT localhost:443")),
    "bytes in the path": (400, get(b"GET /\xc3\xa9")),
    "bytes in the query": (400, get(b"GET /patients?q=\xff")),
    "NUL": (400, get(b"GET /pati\x00ents")),
    "fragment": (400, get(b"GET /health/live#x")),
    "long path": (414, get(b"GET /" + b"x" * 8192)),
    "long query": (414, get(b"GET /patients?q=" + b"x" * 8192)),
    "very long path": (414, get(b"GET /" + b"x" * 70_000)),
    "endless path": (414, b"GET /" + b"x" * 2**20),
    "large header": (431, get(b"GET /", HOST + b"X: " + b"x" * 16_400 + b"\r\n")),
    "large headers": (431, get(b"GET /", HOST + (b"X: " + b"x" * 9_000 + b"\r\n") * 4)),
    "many headers": (431, get(b"GET /", HOST + b"X: 1\r\n" * 100)),
    "endless header": (431, b"GET / HTTP/1.1\r\nX: " + b"x" * 2**20),
    "no Host": (400, get(b"GET /", b"")),
    "two Hosts": (400, get(b"GET /", HOST + HOST)),
    "odd Host": (400, get(b"GET /?x", b"Host: [\r\n")),
    "long Host": (400, get(b"GET /?x", b"Host: " + b"a" * 256 + b"\r\n")),
    "Host of bytes": (400, get(b"GET /?x", b"Host: \xff\r\n")),
    "NUL in a header": (400, get(b"GET /", HOST + b"X: a\x00b\r\n")),
    "blank in a name": (400, get(b"GET /", HOST + b"X y: 1\r\n")),
    "folded header": (400, get(b"GET /", HOST + b"X: 1\r\n 2\r\n")),
    "bare line feeds": (400, b"GET / HTTP/1.1\nHost: localhost\n\n"),
    "negative length": (400, post(b"Content-Length: -1\r\n")),
    "wordy length": (400, post(b"Content-Length: two\r\n", b"{}")),
    "huge length": (400, post(b"Content-Length: 99999999999999999999\r\n", b"{}")),
    "two lengths": (400, post(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}")),
    "too short": (400, post(b"Content-Length: 9\r\n", b"{}")),
    "length and chunks": (400, post(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")),
    "chunks and length": (400, post(b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"0\r\n\r\n")),
    "unknown coding": (400, post(b"Transfer-Encoding: wrapped\r\n", b"{}")),
    "another coding": (400, post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n")),
    "chunks last but one": (400, post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n")),
    "wordy chunk": (400, CHUNKED + b"xyz\r\n{}\r\n0\r\n\r\n"),
    "huge chunk": (400, CHUNKED + b"f" * 17 + b"\r\n{}"),
    "short chunk": (400, CHUNKED + b"2\r\n{}}\r\n0\r\n\r\n"),
    "no last chunk": (400, CHUNKED + b"2\r\n{}\r\n"),
    "endless trailer": (431, CHUNKED + b"0\r\nX: " + b"x" * 2**20),
    "expectation": (417, post(b"Expect: a wonder\r\nContent-Length: 2\r\n", b"{}")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_well_formed_is_a_problem(name: str, address: str) -> None:
    status, sent = BROKEN[name]
    (answer,) = talk(address, sent)
    assert answer.status == status
    assert is_problem(answer)
    assert b"xxxx" not in answer.body


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (get(b"GET /health/live HTTP/1.0").replace(b" HTTP/1.0 HTTP/1.1", b" HTTP/1.0"), 200),
        (b"GET /health/live HTTP/1.0\r\n\r\n", 200),
        (get(b"GET http://localhost/health/live"), 200),
        (get(b"GET /health/live", HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), 200),
        (get(b"GET /health/live", HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), 200),
        (get(b"GET /health/live", HOST + b"X: 1\r\n" * 99), 200),
        (get(b"GET /health/live", HOST + b"X: " + b"x" * 16_000 + b"\r\n"), 200),
        (get(b"GET /" + b"x" * 8191), 404),
        (get(b"GET /health/live;a=1"), 404),
        (get(b"OPTIONS *"), 404),
        (get(b"TRACE /health/live"), 405),
        (get(b"FETCH /health/live"), 405),
        (get(b"get /health/live"), 405),
        (post(b"Content-Length: 2\r\n", b"{}"), 422),
        (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\nX-Request-ID: late\r\n\r\n", 422),
        (post(b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n", b"{}"), 422),
    ],
)
def test_what_is_merely_unusual_is_answered(sent: bytes, status: int, address: str) -> None:
    (answer,) = talk(address, sent)
    assert answer.status == status
    assert answer.headers["x-request-id"] != "late"
    assert status == 200 or is_problem(answer)


def test_head_is_not_allowed_and_has_no_body(address: str) -> None:
    with connected(address) as client:
        client.sendall(get(b"HEAD /patients", HOST + b"Connection: close\r\n"))
        received = client.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 405 ")
    assert received.endswith(b"\r\n\r\n")


def test_an_unknown_method_is_told_which_there_are(address: str) -> None:
    (answer,) = talk(address, b"FETCH /patients/1 HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.headers["allow"] == "DELETE, GET, PATCH, PUT"


def test_expecting_100_continue_gets_it_and_then_an_answer(address: str) -> None:
    answers = talk(address, post(b"Expect: 100-continue\r\nContent-Length: 2\r\n"), b"{}")
    assert [answer.status for answer in answers] == [100, 422]


def test_answers_come_in_the_order_of_the_requests_and_the_broken_one_is_the_last(address: str) -> None:
    answers = talk(address, LIVE + get(b"GET /nothing") + LIVE + b"broken\r\n\r\n" + LIVE)
    assert [answer.status for answer in answers] == [200, 404, 200, 400]


def test_too_many_requests_at_once_on_one_connection_are_not_kept(address: str) -> None:
    statuses = [answer.status for answer in talk(address, LIVE * 100)]
    assert 32 <= len(statuses) < 100
    assert set(statuses[:-1]) == {200}
    assert statuses[-1] == 503


def test_a_large_body_that_is_not_waited_for_is_read_to_its_end(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        for path, status in [("/nothing", 404), ("/auth/refresh", 413)] * 2:  # on one connection
            answer = client.post(path, content=b"x" * 3_000_000, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_more_connections_than_there_may_be_are_refused_and_the_others_go_on(address: str) -> None:
    allow_connections()
    clients = [connected(address) for _ in range(MOST_CONNECTIONS + 20)]
    try:
        clients[0].sendall(LIVE)
        assert clients[0].recv(12) == b"HTTP/1.1 200"
        clients[-1].sendall(LIVE)
        (answer,) = answers_on(clients[-1])
        assert answer.status == 503
        assert is_problem(answer)
        assert int(answer.headers["retry-after"]) > 0
    finally:
        for client in clients:
            client.close()


SLOW = {
    "nothing": (b"", []),
    "half a line": (b"GET /hea", [408]),
    "half the headers": (b"GET /health/live HTTP/1.1\r\nHost: loc", [408]),
    "half a body": (post(b"Content-Length: 9\r\n", b"{"), [408]),
    "half a chunk": (CHUNKED + b"5\r\n{", [408]),
    "half a form": (
        b"POST /auth/login HTTP/1.1\r\n" + HOST
        + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na=",
        [408],
    ),
    "a body that nobody reads": (b"POST /nothing HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n", [404]),
    "no further request": (LIVE, [200]),
    "half of a further request": (LIVE + b"GET /hea", [200]),
}  # fmt: skip


def test_a_client_that_does_not_go_on_is_told_so_and_left(address: str) -> None:
    def wait(sent: bytes) -> tuple[list[Answer], float]:
        with connected(address) as client:
            began = time.monotonic()
            client.sendall(sent)
            return answers_on(client), time.monotonic() - began

    with ThreadPoolExecutor(len(SLOW)) as threads:
        ends = dict(zip(SLOW, threads.map(wait, [sent for sent, _ in SLOW.values()]), strict=True))
    for name, (answers, seconds) in ends.items():
        assert [answer.status for answer in answers] == SLOW[name][1], name
        assert seconds < 3 * HEADERS_WITHIN
        for answer in answers:
            if answer.status == 408:
                assert is_problem(answer)
                assert answer.headers["connection"] == "close"


def test_nothing_of_all_this_was_a_failure(place: tuple[str, Path]) -> None:
    lines = [json.loads(line) for line in place[1].read_text().splitlines() if line.startswith("{")]
    assert {line["event"] for line in lines} == {"start", "request"}
    assert [line for line in lines if line.get("status") in (0, 500)] == []


def log_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "server.log").read_text().splitlines() if line.startswith("{")]


def refuses(address: str) -> bool:
    try:
        connected(address).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_lets_running_requests_finish_and_refuses_new_ones(
    workers: str, database_url: URL, tmp_path: Path
) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "LOG_FORMAT": "json"}
    with (
        server("clinic_api", "serve", "--workers", workers, cwd=tmp_path, **settings) as (address, process),
        connected(address) as idle,
        connected(address) as running,
    ):
        running.sendall(post(b"Expect: 100-continue\r\nContent-Length: 2\r\n"))
        assert running.recv(100).startswith(b"HTTP/1.1 100 ")
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while not refuses(address):
            assert time.monotonic() < deadline
        assert idle.recv(1) == b""
        running.sendall(b"{}")
        (answer,) = answers_on(running)
        assert (answer.status, answer.headers["connection"]) == (422, "close")
        assert process.wait(PATIENCE) == 0
    assert {line["level"] for line in log_of(tmp_path)} == {"info"}


def test_a_request_that_outlasts_the_stop_is_cut_off_with_a_503(database_url: URL, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "LOG_FORMAT": "json"}
    with server(cwd=tmp_path, **settings) as (address, process), connected(address) as client:
        client.sendall(post(b"Content-Length: 1000\r\n", b"{"))
        process.send_signal(signal.SIGTERM)
        client.settimeout(1)
        began = time.monotonic()
        while True:
            assert time.monotonic() - began < 3 * 20
            try:
                client.sendall(b" ")
                client.recv(1, socket.MSG_PEEK)
                break
            except TimeoutError:
                pass
        client.settimeout(PATIENCE)
        (answer,) = answers_on(client)
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert int(answer.headers["retry-after"]) > 0
        assert is_problem(answer)
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def test_a_stop_writes_the_looks_that_wait(database_url: URL, engine: Engine, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    email = "admin@example.org"
    with server(cwd=tmp_path, **settings) as (address, process), httpx.Client(base_url=address) as admin:
        account = {"email": email, "password": password_of(email), "role": "ADMIN"}
        admin.post("/auth/register", json=account).raise_for_status()
        pair = admin.post("/auth/login", data={"username": email, "password": password_of(email)}).json()
        admin.headers["Authorization"] = f"Bearer {pair['access_token']}"
        admin.post("/patients", json=patient_body()).raise_for_status()
        for _ in range(50):
            admin.get("/patients/1").raise_for_status()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM audit_events WHERE action = 'read'")) == 50


def test_workers_end_when_the_process_that_started_them_is_killed(database_url: URL, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    with server("clinic_api", "serve", "--workers", "2", cwd=tmp_path, **settings) as (address, process):
        process.kill()
        deadline = time.monotonic() + PATIENCE
        while not refuses(address):
            assert time.monotonic() < deadline
