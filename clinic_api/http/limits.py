"""How often, by slowapi, with windows that move with the clock; and how much."""

import math
import time

from fastapi import Request
from slowapi import Limiter
from slowapi.util import get_remote_address
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic_api.config import get_settings

LARGEST_BODY = 1024 * 1024  # bytes

limiter = Limiter(
    get_remote_address,
    strategy="moving-window",
    key_style="endpoint",
    storage_uri=get_settings().rate_limit_storage_uri,
    in_memory_fallback_enabled=True,
)


def seconds_to_wait(request: Request) -> int:
    """Until the limit that this request has just hit lets one through again."""
    limit, key = request.state.view_rate_limit
    return max(1, math.ceil(limiter.limiter.get_window_stats(limit, *key).reset_time - time.time()))


class BodyLimit:
    """Ends a request whose body is too large, however its length was announced.

    FastAPI's own `max_body_size` answers with plain text, which no exception handler sees.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > LARGEST_BODY:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_limited, send)
