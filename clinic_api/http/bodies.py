"""How much a request may send, and how slowly."""

from asyncio import get_running_loop, timeout_at
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEBIBYTE = 1024 * 1024
PIECE_WITHIN = 10  # seconds, for the next piece of a body


@dataclass
class Bounds:
    """Of the body of one request; who may send more is known when the request is."""

    largest: int = MEBIBYTE
    within: float = 30
    """Seconds, for all of it."""
    takes_file: bool = False

    def widen(self) -> None:
        """For a whole file, as long as it keeps coming."""
        self.largest, self.within, self.takes_file = 200 * MEBIBYTE, 3600, True


class BodyLimit:
    """Ends a request whose body is too large, however its length was announced, or does not come on.

    FastAPI's own `max_body_size` answers with plain text, which no exception handler sees.
    """

    def __init__(self, app: ASGIApp, bounds: Callable[[], Bounds] = Bounds) -> None:
        self.app = app
        self.bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            bounds = scope.setdefault("state", {})["body"] = self.bounds()
            receive = limited(receive, bounds, Headers(scope=scope).get("content-length", ""))
        await self.app(scope, receive, send)


def limited(receive: Receive, bounds: Bounds, announced: str) -> Receive:
    size, begin, complete = 0, 0.0, False

    async def receive_limited() -> Message:
        nonlocal size, begin, complete
        if announced.isdecimal() and int(announced) > bounds.largest:
            raise too_large(bounds)
        if complete:  # what comes now is that the client leaves
            return await receive()
        now = get_running_loop().time()
        begin = begin or now
        try:
            async with timeout_at(min(begin + bounds.within, now + PIECE_WITHIN)):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        complete = not message.get("more_body")
        size += len(message.get("body", b""))
        if size > bounds.largest:
            raise too_large(bounds)
        return message

    return receive_limited


def too_large(bounds: Bounds) -> HTTPException:
    return HTTPException(413, f"The body is too large. Send at most {bounds.largest // MEBIBYTE} MiB")
