"""How often, by slowapi, with windows that move with the clock."""

import math
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Any

from fastapi import Request
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address

from clinic_api.config import get_settings, waiting

WITHIN = 0.5  # seconds, for Redis


class Limits(Limiter):
    """slowapi's, which counts in memory while Redis does not answer, and asks again after 1, 2, 4 … 32 seconds."""

    def _check_request_limit(
        self, request: Request, endpoint_func: Callable[..., Any] | None, in_middleware: bool = True
    ) -> None:
        try:
            super()._check_request_limit(request, endpoint_func, in_middleware)
        except RateLimitExceeded:
            raise
        except Exception:  # of two threads that find Redis gone at once, slowapi lets the second fail
            super()._check_request_limit(request, endpoint_func, in_middleware)


def network_of(address: str) -> str:
    """What has a count of its own: an address, or of IPv6 the /64 that a customer has whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))


limiter = Limits(
    lambda request: network_of(get_remote_address(request)),
    strategy="moving-window",
    key_style="endpoint",
    storage_uri=get_settings().rate_limit_storage_uri,
    storage_options=waiting(get_settings().rate_limit_storage_uri, WITHIN),
    in_memory_fallback_enabled=True,
)


def seconds_to_wait(request: Request) -> int:
    """Until the limit that this request has just hit lets one through again."""
    limit, key = request.state.view_rate_limit
    try:
        until = limiter.limiter.get_window_stats(limit, *key).reset_time
    except Exception:  # Redis is gone since
        return int(limit.get_expiry())
    return max(1, math.ceil(until - time.time()))


def is_signed_in(request: Request) -> bool:
    return request.state.work.token is not None
