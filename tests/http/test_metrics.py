"""What Prometheus is told, by what was done before."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import URL, Engine, text

from clinic_api.cli.workers import MEMORY, remove_those_of_the_dead
from clinic_api.config import get_settings
from clinic_api.http.metrics import ROOM, Reserved, Together, shared_where_there_is_room
from clinic_api.main import create_app
from tests.factories import make_patient
from tests.faults.waiting import until
from tests.machines.programs import found
from tests.process import free_port, run, server, text_of

ALONE = """
from prometheus_client.parser import text_string_to_metric_families as read
from types import SimpleNamespace
from clinic_api.http import metrics
metrics.NOTED.clear()
metrics.traffic.count("GET", "/", 200, 0.1)
text = metrics.Figures(SimpleNamespace(looks=SimpleNamespace(failures=0))).text().decode()
print(*(s.value for family in read(text) for s in family.samples if s.name == "clinic_requests_total"))
"""
WITHIN = 15  # seconds
WRONG = {"username": "nobody@example.org", "password": "not the password"}


class Scrape:
    """The figures at one moment."""

    def __init__(self, client: httpx.Client) -> None:
        self.text = client.get("/metrics").raise_for_status().text
        self.samples = [sample for family in text_string_to_metric_families(self.text) for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    @property
    def series(self) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        return {(sample.name, frozenset(sample.labels.items())) for sample in self.samples}


@contextmanager
def locked(engine: Engine, table: str) -> Iterator[None]:
    with engine.begin() as other:
        other.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield


def test_requests_are_counted_and_timed_by_method_route_and_status(admin: TestClient) -> None:
    id, route = make_patient(admin)["id"], "/patients/{patient_id}"
    before = Scrape(admin)
    for path in (id, id, 77):
        admin.get(f"/patients/{path}")
    after = Scrape(admin)

    def grown(name: str, **labels: str) -> float:
        return after.sum(name, **labels) - before.sum(name, **labels)

    assert grown("clinic_requests_total", method="GET", route=route, status="200") == 2
    assert grown("clinic_requests_total", method="GET", route=route, status="404") == 1
    assert grown("clinic_request_seconds_count", route=route) == 3
    assert grown("clinic_request_seconds_bucket", route=route, le="+Inf") == 3
    assert grown("clinic_request_seconds_sum", route=route) > 0


def test_a_download_is_counted_but_how_long_it_took_is_no_sign_of_slowness(admin: TestClient) -> None:
    make_patient(admin)
    before = Scrape(admin)
    assert admin.get("/patients", headers={"Accept": "text/csv"}).status_code == 200
    after = Scrape(admin)
    for name, grown in [("clinic_requests_total", 1), ("clinic_request_seconds_count", 0)]:
        assert after.sum(name, route="/patients") - before.sum(name, route="/patients") == grown


def test_pages_are_told_from_what_is_not_there(client: TestClient) -> None:
    before = Scrape(client)
    paths = {"/docs": "/docs", "/openapi.json": "/openapi.json", "/static/docs.js": "/static", "/.env": "other"}
    for path in paths:
        client.get(path)
    after = Scrape(client)
    for route in paths.values():
        assert after.sum("clinic_requests_total", route=route) - before.sum("clinic_requests_total", route=route) == 1


def test_what_anybody_types_makes_no_new_figure(client: TestClient) -> None:
    def misuse() -> None:
        word = f"kanarek{secrets.token_hex(4)}"
        for path in (f"/{word}", f"/patients/{word}", f"/patients?q={word}", f"/static/{word}"):
            client.get(path)
        client.request(word, "/patients")
        client.post("/auth/login", data={"username": f"{word}@example.org", "password": word})
        client.post("/auth/login", data={word: word})

    misuse()
    before = Scrape(client)
    misuse()
    after = Scrape(client)
    assert after.series == before.series
    assert "kanarek" not in after.text


def test_failed_logins_and_what_is_limited_are_counted(client: TestClient) -> None:
    before = Scrape(client)
    for _ in range(12):
        client.post("/auth/login", data=WRONG)
    for _ in range(31):
        client.get("/health")
    after = Scrape(client)
    assert after.sum("clinic_logins_failed_total") - before.sum("clinic_logins_failed_total") == 10
    for limit, refused in [("guesses", 2), ("health", 1), ("registrations", 0), ("emergency_guesses", 0)]:
        name = "clinic_limits_hit_total"
        assert after.sum(name, limit=limit) - before.sum(name, limit=limit) == refused


def test_the_lag_of_the_audit_shows_while_it_cannot_be_written(admin: TestClient, engine: Engine) -> None:
    id = make_patient(admin)["id"]
    failures = Scrape(admin).sum("clinic_audit_write_failures_total")
    with locked(engine, "audit_events"):
        admin.get(f"/patients/{id}")
        until(lambda: Scrape(admin).sum("clinic_audit_lag_seconds") > 1, WITHIN)
        assert Scrape(admin).sum("clinic_audit_looks_waiting") == 1
        until(lambda: Scrape(admin).sum("clinic_audit_write_failures_total") > failures, WITHIN)
    until(lambda: Scrape(admin).sum("clinic_audit_lag_seconds") == 0, WITHIN)
    assert Scrape(admin).sum("clinic_audit_looks_waiting") == 0


def test_what_waits_for_the_database_shows(admin: TestClient, engine: Engine) -> None:
    size = get_settings().pool_size
    assert Scrape(admin).sum("clinic_database_connections_limit") == size + 4
    with ThreadPoolExecutor(size + 2) as people:
        with locked(engine, "patients"):
            for _ in range(size + 2):
                people.submit(admin.get, "/patients")
            until(lambda: Scrape(admin).sum("clinic_database_connections") == size, WITHIN)
            until(lambda: Scrape(admin).sum("clinic_requests_waiting") == 2, WITHIN)
            at_once = Scrape(admin)
        assert at_once.sum("clinic_requests_running") == size + 3  # who asks for the figures too
    assert Scrape(admin).sum("clinic_requests_running") == 1


def test_figures_are_told_without_a_database() -> None:
    nowhere = f"postgresql://clinic@127.0.0.1:{free_port()}/clinic_test"
    app = create_app(get_settings().model_copy(update={"test_database_url": nowhere}))
    with TestClient(app) as client:
        assert client.get("/health/ready").status_code == 503
        assert Scrape(client).sum("clinic_requests_total", route="/health/ready", status="503") > 0


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/openmetrics-text;version=x", "text/plain;version=1.0.0;q=0.5"]
)
def test_the_format_is_always_that_of_prometheus(accept: str, client: TestClient) -> None:
    answer = client.get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_head_is_answered_without_the_figures(client: TestClient) -> None:
    answer = client.head("/metrics")
    assert (answer.status_code, answer.content) == (200, b"")


def test_several_workers_count_together_and_a_dead_one_keeps_no_connections(database_url: URL, tmp_path: Path) -> None:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    limit = 2 * (get_settings().pool_size + 4)
    before = folders()
    with (
        server("clinic_api", "serve", "--workers", "2", cwd=tmp_path, **settings) as (address, process),
        httpx.Client(base_url=address) as client,
    ):
        until(lambda: len(workers(client)) == 2, WITHIN)
        seen = Scrape(client).sum("clinic_requests_total", route="/health/live")
        for _ in range(40):  # each on a connection of its own, so that both workers have some
            httpx.get(f"{address}/health/live")
        assert Scrape(client).sum("clinic_requests_total", route="/health/live") == seen + 40
        killed = workers(client).pop()
        psutil.Process(int(killed)).send_signal(signal.SIGKILL)
        with httpx.Client(base_url=address, transport=httpx.HTTPTransport(retries=5)) as other:
            until(lambda: len(workers(other) - {killed}) == 2, WITHIN)
            until(lambda: Scrape(other).sum("clinic_database_connections_limit") == limit, WITHIN)
            after = Scrape(other)
        assert killed not in workers(client)
        assert after.sum("clinic_requests_total", route="/health/live") == seen + 40
        process.terminate()
        assert process.wait(WITHIN * 2) == 0
    assert folders() <= before


def folders() -> set[Path]:
    return set(MEMORY.glob("clinic-api-metrics-*"))


def test_a_file_of_figures_has_its_room_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    figures = Reserved(str(tmp_path / "counter_1.db"))
    for number in range(2 * ROOM // 64):
        figures.write_value(f"{number:032}", 1, 0)  # type: ignore[no-untyped-call]
    figures.close()  # type: ignore[no-untyped-call]
    file = (tmp_path / "counter_1.db").stat()
    assert file.st_blocks * 512 >= file.st_size > ROOM


def test_a_figure_that_finds_no_room_is_counted_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    (tmp_path / f"counter_{os.getpid()}.db").symlink_to("/dev/full")
    figure = shared_where_there_is_room("counter", "a", "a_total", [], [], "About.")
    figure.inc(2)
    assert figure.get() == 2


def test_a_worker_that_is_just_starting_or_ending_keeps_nobody_from_the_figures(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").touch()
    (tmp_path / "gauge_livesum_1.db").symlink_to(tmp_path / "removed")
    figures = Reserved(str(tmp_path / "counter_2.db"))
    figures.write_value('["a", "a_total", {}, "About."]', 2, 0)  # type: ignore[no-untyped-call]
    figures.close()  # type: ignore[no-untyped-call]
    (told,) = Together(str(tmp_path)).collect()
    assert [sample.value for sample in told.samples] == [2]


@pytest.mark.parametrize("name", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
@pytest.mark.parametrize("folder", ["", "/nowhere", "."])
def test_a_folder_that_somebody_set_for_figures_is_not_used(name: str, folder: str, tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").write_bytes(b"a stranger's")
    (tmp_path / "script.py").write_text(ALONE)
    done = run("script", cwd=tmp_path, ENV="test", **{name: folder})
    assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
    assert [file.name for file in tmp_path.glob("*.db")] == ["counter_1.db"]


def test_folders_of_figures_that_killed_processes_have_left_are_removed(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    left = tmp_path / f"clinic-api-metrics-{ended.pid}-abc"
    kept = {tmp_path / f"clinic-api-metrics-{os.getpid()}-abc", tmp_path / "clinic-api-metrics-abc-def"}
    for folder in {left} | kept:
        folder.mkdir()
    (left / "counter_1.db").touch()
    remove_those_of_the_dead(tmp_path)
    assert set(tmp_path.iterdir()) == kept


def workers(client: httpx.Client) -> set[str]:
    try:
        return {s.labels["pid"] for s in Scrape(client).samples if s.name == "process_open_fds"}
    except httpx.TransportError:  # the one that was asked has just been killed
        return set()


def test_prometheus_finds_nothing_to_complain_about(client: TestClient) -> None:
    promtool = found("promtool", "prometheus")
    checked = subprocess.run([promtool, "check", "metrics"], input=Scrape(client).text, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
