"""What a trusted proxy says of a request: from where it came, by which scheme, for which host."""

from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware


class Forwarded(ProxyHeadersMiddleware):
    """uvicorn's, for X-Forwarded-For and -Proto, and X-Forwarded-Host too; from anybody else they count for nothing."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (host := self.host_of(scope)):
            MutableHeaders(scope=scope)["host"] = host
        await super().__call__(scope, receive, send)

    def host_of(self, scope: Scope) -> str | None:
        """None where several proxies contradict each other."""
        if not scope["client"] or scope["client"][0] not in self.trusted_hosts:
            return None
        said = {host.strip() for line in Headers(scope=scope).getlist("x-forwarded-host") for host in line.split(",")}
        return said.pop() if len(said) == 1 else None
