"""How often: limits per address, by slowapi, that move with the clock."""

import math
import time

from fastapi import Request
from slowapi import Limiter
from slowapi.util import get_remote_address

from clinic_api.config import get_settings

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
