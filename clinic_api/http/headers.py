"""What every answer carries."""

import random
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = re.compile(r"[\w.\-]{1,64}", re.ASCII)
UNLESS_SAID_OTHERWISE = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]


class StandardHeaders:
    """Gives each answer its security headers and an id, the caller's own X-Request-ID if that is a plain one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = ",".join(Headers(scope=scope).getlist("x-request-id"))  # several are no plain one
        request_id = sent if REQUEST_ID.fullmatch(sent) else random.randbytes(8).hex()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message["headers"]}
                standard = [pair for pair in UNLESS_SAID_OTHERWISE if pair[0] not in said]
                message["headers"] = [*message["headers"], *standard, (b"x-request-id", request_id.encode())]
            await send(message)

        await self.app(scope, receive, send_with_headers)
