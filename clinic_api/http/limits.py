"""How often: requests by slowapi, with windows that move with the clock, and guesses in the database; and how much."""

import math
import time
from typing import TYPE_CHECKING

from anyio import sleep
from fastapi import Request
from slowapi import Limiter
from slowapi.util import get_remote_address
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic_api.config import get_settings
from clinic_api.errors import Unready
from clinic_api.services.attempts import Place, take_place

if TYPE_CHECKING:
    from clinic_api.http.work import UnitOfWork

LARGEST_BODY = 1024 * 1024  # bytes
ASK_AGAIN = 0.2  # seconds
PATIENCE = 100  # times

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


def is_signed_in(request: Request) -> bool:
    return request.state.work.token is not None


async def may_guess(work: "UnitOfWork", account: str, address: str | None = None) -> Place:
    """A place among the attempts at this account. Raises TooManyAttempts.

    While others that came at the same moment may give theirs back, it waits.
    """
    for _ in range(PATIENCE):
        place = await work.do(lambda: take_place(work.session, account, address))
        if place is not None:
            return place
        await sleep(ASK_AGAIN)
    raise Unready("Too many people sign in to this account at this moment. Try again in a few seconds.")


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
