"""What HTTP alone costs: bare Starlette, and a constant body of as many bytes as the path says."""

from functools import cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@cache
def body(size: int) -> bytes:
    return b"0" * size


async def constant(request: Request) -> Response:
    return Response(body(request.path_params["size"]), media_type="application/json")


app = Starlette(routes=[Route("/{size:int}", constant)])
