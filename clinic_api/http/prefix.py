"""Serving under a path prefix (ROOT_PATH) behind a proxy."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """Puts the prefix back into the path where the proxy has stripped it, for ASGI's `path` includes `root_path`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path")
        if root and scope["type"] == "http" and not f"{scope['path']}/".startswith(f"{root}/"):
            scope["path"] = root + scope["path"]
        await self.app(scope, receive, send)
