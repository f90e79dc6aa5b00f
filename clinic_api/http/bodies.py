"""How much a request may send, and how slowly."""

from asyncio import get_running_loop, timeout_at

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 1024 * 1024  # bytes
WITHIN = 30  # seconds, for a whole body
PIECE_WITHIN = 10  # seconds, for the next piece of one


class BodyLimit:
    """Ends a request whose body is too large, however its length was announced, or does not come on.

    FastAPI's own `max_body_size` answers with plain text, which no exception handler sees.
    """

    def __init__(self, app: ASGIApp, largest: int = LARGEST_BODY, within: float = WITHIN) -> None:
        self.app = app
        self.largest = largest
        self.within = within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            receive = self.limited(receive, Headers(scope=scope).get("content-length", ""))
        await self.app(scope, receive, send)

    def limited(self, receive: Receive, announced: str) -> Receive:
        size, end, complete = 0, 0.0, False

        async def receive_limited() -> Message:
            nonlocal size, end, complete
            if announced.isdecimal() and int(announced) > self.largest:
                raise HTTPException(413)
            if complete:  # what comes now is that the client leaves
                return await receive()
            now = get_running_loop().time()
            end = end or now + self.within
            try:
                async with timeout_at(min(end, now + PIECE_WITHIN)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, headers={"Connection": "close"}) from None
            complete = not message.get("more_body")
            size += len(message.get("body", b""))
            if size > self.largest:
                raise HTTPException(413)
            return message

        return receive_limited
