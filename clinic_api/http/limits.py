"""How often, by slowapi, with windows that move with the clock."""

import math
import time
from ipaddress import IPv6Address, ip_address

from fastapi import Request
from slowapi import Limiter
from slowapi.util import get_remote_address

from clinic_api.config import get_settings

WAITING = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}  # seconds, for Redis


def network_of(address: str) -> str:
    """What has a count of its own: an address, or of IPv6 the /64 that a customer has whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))


limiter = Limiter(
    lambda request: network_of(get_remote_address(request)),
    strategy="moving-window",
    key_style="endpoint",
    storage_uri=get_settings().rate_limit_storage_uri,
    storage_options=WAITING,  # type: ignore[arg-type]
    in_memory_fallback_enabled=True,
)


def seconds_to_wait(request: Request) -> int:
    """Until the limit that this request has just hit lets one through again."""
    limit, key = request.state.view_rate_limit
    return max(1, math.ceil(limiter.limiter.get_window_stats(limit, *key).reset_time - time.time()))


def is_signed_in(request: Request) -> bool:
    return request.state.work.token is not None
