"""Web pages of other origins, those of CORS_ORIGINS alone."""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from clinic_api.http.problems import problem

REFUSED = "Pages of this origin may not do this. CORS_ORIGINS names those that may, with the methods of the API."


class Cors(CORSMiddleware):
    """Starlette's, but for a refused preflight, which would be plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = Headers(scope=scope) if scope["type"] == "http" and scope["method"] == "OPTIONS" else {}
        if "origin" in sent and "access-control-request-method" in sent:
            answer = self.preflight_response(Headers(sent))
            if answer.status_code != 200:
                refused = problem(Request(scope), 400, REFUSED, headers={"Vary": answer.headers["Vary"]})
                await refused(scope, receive, send)
                return
        await super().__call__(scope, receive, send)
