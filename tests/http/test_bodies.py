import asyncio
from itertools import count

import pytest
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from clinic_api.http.bodies import BodyLimit, Bounds

JSON = {"Content-Type": "application/json"}


async def read(scope: Scope, receive: Receive, _send: Send) -> None:
    await Request(scope, receive).body()


async def nothing(_: Message) -> None:
    pass


async def drip() -> Message:
    await asyncio.sleep(0)
    return {"type": "http.request", "body": b"", "more_body": True}


def test_a_body_that_never_ends_is_ended() -> None:
    with pytest.raises(HTTPException) as refusal:
        asyncio.run(BodyLimit(read, lambda: Bounds(within=0.05))({"type": "http", "headers": []}, drip, nothing))
    assert (refusal.value.status_code, refusal.value.headers) == (408, {"Connection": "close"})


def test_a_body_that_is_announced_too_large_is_not_waited_for() -> None:
    scope = {"type": "http", "headers": [(b"content-length", b"1048577")]}
    with pytest.raises(HTTPException) as refusal:
        asyncio.run(BodyLimit(read, lambda: Bounds(within=60))(scope, asyncio.Event().wait, nothing))  # type: ignore[arg-type]
    assert refusal.value.status_code == 413


def test_after_the_body_a_client_may_be_as_quiet_as_it_likes() -> None:
    asked = count()

    async def receive() -> Message:
        if next(asked):
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"{}"}

    async def wait_for_its_end(_scope: Scope, receive: Receive, _send: Send) -> None:
        assert [(await receive())["type"] for _ in range(2)] == ["http.request", "http.disconnect"]

    asyncio.run(
        BodyLimit(wait_for_its_end, lambda: Bounds(within=0.01))({"type": "http", "headers": []}, receive, nothing)
    )


def test_a_large_body_is_refused(admin: TestClient) -> None:
    answer = admin.post("/patients", content=b'{"given_name": "' + b"x" * 2**20 + b'"}', headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_a_large_body_of_unknown_length_is_refused(admin: TestClient) -> None:
    pieces = (b"x" * 2**16 for _ in range(17))
    assert admin.post("/patients", content=pieces, headers=JSON).status_code == 413
