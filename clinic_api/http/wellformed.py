"""What is refused before anybody looks at what it asks for: HTTP that is not well-formed, or too large."""

import re

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from clinic_api.http.problems import DETAILS, problem

LONGEST_ADDRESS = 8 * 1024  # bytes, of path and query
HOST = re.compile(rb"([\w.~!$&'()*+,;=%-]{1,255}|\[[\da-fA-F:.]{2,45}\])(:\d{0,5})?", re.ASCII)  # as in DNS


class WellFormed:
    """Answers for the application where a request is none, whatever server runs it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refusal := refusal_of(scope)):
            await problem(Request(scope), *refusal)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def refusal_of(scope: Scope) -> tuple[int, str] | None:
    """Status and sentence, if it is to be refused (RFC 9112 3.2 and 6.1, RFC 9110 10.1.1)."""
    headers = dict(scope["headers"])
    if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > LONGEST_ADDRESS:
        return 414, DETAILS[414]
    if b"%2f" in scope.get("raw_path", b"").lower():  # it would be taken for a slash
        return 404, DETAILS[404]
    if b"host" not in headers:
        return (400, "Send the header Host.") if scope["http_version"] != "1.0" else None
    if not HOST.fullmatch(headers[b"host"]) or (len(headers) < len(scope["headers"]) and is_repeated(scope, b"host")):
        return 400, "Send one header Host, with the name of this server."
    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        return 400, "Send the body as it is or chunked, without another Transfer-Encoding."
    if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
        return 417, "Send the request without the header Expect, or with 100-continue."
    return None


def is_repeated(scope: Scope, name: bytes) -> bool:
    return [sent for sent, _ in scope["headers"]].count(name) > 1
