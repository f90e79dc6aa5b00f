"""One line for each request, in which nothing stands that anybody typed: no name, e-mail, query, body or token."""

import logging
import os
import time
import traceback
import warnings
from contextlib import suppress
from http import HTTPMethod
from typing import Any

import structlog
from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic_api.config import Settings
from clinic_api.http.metrics import traffic

FRAMES = 8
METHODS = frozenset(HTTPMethod)  # any other is something that somebody typed
OUT = 1  # the file descriptor
log = structlog.get_logger()


def configure_logs(settings: Settings) -> None:
    """The program's own lines and those of its libraries, to standard output, as LOG_FORMAT says."""
    to_console = structlog.dev.ConsoleRenderer(colors=os.isatty(OUT), sort_keys=False, timestamp_key="time")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", key="time"),
            to_line if settings.logs_json else to_console,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: Out(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[Forward()], level=logging.WARNING, force=True)
    if settings.logs_json:
        warnings.showwarning = note_warning  # type: ignore[assignment]
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what is wrong with a form is the client's to know
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"  # that holds what somebody searched for


def to_line(_logger: object, _method: str, event: Any) -> str:
    return to_json(event, fallback=str).decode()


class Out:
    """Writes each line at once and whole, also when several processes share the output."""

    def msg(self, line: str) -> None:
        with suppress(OSError):  # nobody reads any more
            os.write(OUT, f"{line}\n".encode(errors="backslashreplace"))

    debug = info = warning = error = critical = msg


class Forward(logging.Handler):
    """What libraries log, without what an exception or an argument may hold; uvicorn's own are about the process."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage() if record.name.startswith("uvicorn") else str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        log.log(record.levelno, text.strip(), logger=record.name, **(told(error) if error else {}))


def note_warning(_message: object, kind: type[Warning], file: str, line: int, *_: object) -> None:
    """A library's warning: what kind and where, for pydantic's quote what was sent."""
    log.warning("warning", kind=kind.__name__, where=[f"{os.path.basename(file)}:{line}"])


def told(error: BaseException) -> dict[str, Any]:
    """An exception as it may be logged: what kind and where, never its message, which may quote what was sent."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    where = [f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "where": where}


def route_of(scope: Scope) -> str | None:
    """As it is written. Starlette says of a page only which function serves it."""
    if "route" in scope:
        return str(scope["route"].path)
    pages: dict[Any, str] = scope["app"].state.pages
    return pages.get(scope.get("endpoint"))


class RequestLog:
    """Logs and counts each request when its answer is complete."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, streams = time.perf_counter(), 0, False
        traffic.running += 1

        async def send_and_note(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message.get("more_body"):
                streams = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            seconds = time.perf_counter() - began
            state, route = scope["state"], route_of(scope)
            caller = state["work"].caller if "work" in state else None
            method = scope["method"] if scope["method"] in METHODS else None
            traffic.running -= 1
            traffic.count(method, route, status, None if streams else seconds)
            (log.error if status >= 500 else log.info)(
                "request",
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 1),
                user_id=caller and caller.id,
                request_id=state["request_id"],
            )
