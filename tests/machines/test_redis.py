"""Limits that several processes count together in a Redis, which may go and come back."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import URL

from tests.faults.waiting import until
from tests.machines.programs import Program, found, running
from tests.process import free_port, run, server, text_of

PASSWORD = "a/secret:of@redis"
QUOTED = "a%2Fsecret%3Aof%40redis"
LIMIT = 30
BACK_WITHIN = 60  # seconds
WAITS = 0.5  # seconds, for a Redis that says nothing


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Program]:
    port = free_port()
    command = [found("redis-server", "redis-server"), "--port", port, "--requirepass", PASSWORD, "--save", ""]
    with running(Program(command, port, tmp_path / "redis.log")) as redis:
        yield redis


@pytest.fixture
def replicas(redis: Program, database_url: URL, tmp_path: Path) -> Iterator[list[httpx.Client]]:
    """Two processes, each by a client of its own."""
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "DATA_DIR": str(tmp_path)}
    settings["RATE_LIMIT_STORAGE_URI"] = f"redis://:{QUOTED}@127.0.0.1:{redis.port}/0"
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        addresses = [stack.enter_context(server(cwd=folder, **settings))[0] for folder in folders]
        yield [stack.enter_context(httpx.Client(base_url=address, timeout=30)) for address in addresses]


def health(client: httpx.Client) -> int:
    return client.get("/health").status_code


def test_processes_share_a_limit(replicas: list[httpx.Client]) -> None:
    statuses = Counter(health(replica) for _ in range(LIMIT) for replica in replicas)
    assert statuses == {200: LIMIT, 429: LIMIT}
    answer = replicas[0].get("/health")
    assert 0 < int(answer.headers["retry-after"]) <= 60


def test_without_redis_each_process_has_the_limit_for_itself_and_with_it_they_share_again(
    redis: Program, replicas: list[httpx.Client]
) -> None:
    one, two = replicas
    assert health(one) == 200
    redis.kill()
    assert Counter(health(one) for _ in range(LIMIT + 1)) == {200: LIMIT, 429: 1}
    redis.start()
    until(lambda: health(one) == 200, BACK_WITHIN)  # of a Redis that has forgotten
    assert Counter(health(replica) for _ in range(LIMIT) for replica in (two, one)) == {200: LIMIT - 1, 429: LIMIT + 1}


def test_a_frozen_redis_is_not_asked_by_each_request(redis: Program, replicas: list[httpx.Client]) -> None:
    assert health(replicas[0]) == 200
    redis.freeze()
    try:
        answers = [replicas[0].get("/health") for _ in range(LIMIT + 1)]
    finally:
        redis.thaw()
    assert Counter(answer.status_code for answer in answers) == {200: LIMIT, 429: 1}
    seconds = [answer.elapsed.total_seconds() for answer in answers]
    assert max(seconds) < 3 * WAITS
    assert sum(seconds) < LIMIT * WAITS / 3


def test_many_who_find_redis_silent_at_once_are_answered(redis: Program, replicas: list[httpx.Client]) -> None:
    def register(_: int) -> int:
        body = {"email": "a@example.org", "password": "password", "role": "DOCTOR"}
        return replicas[0].post("/auth/register", json=body).status_code

    assert register(0) == 422
    redis.freeze()
    try:
        with ThreadPoolExecutor(16) as pool:
            assert Counter(pool.map(register, range(LIMIT))) == {422: LIMIT}
        assert register(0) == 429
    finally:
        redis.thaw()


def test_check_says_that_it_answers_and_not_with_which_password(redis: Program, tmp_path: Path) -> None:
    settings = {"ENV": "dev", "RATE_LIMIT_STORAGE_URI": f"redis://:{QUOTED}@127.0.0.1:{redis.port}/0"}
    done = run("clinic_api", "check", cwd=tmp_path, **settings)
    assert f"Counted in Redis at 127.0.0.1:{redis.port}, which answers." in done.stdout
    assert QUOTED not in done.stdout + done.stderr
