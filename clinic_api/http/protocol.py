"""The server's end of a connection: what only it can see is bounded, and refused as a problem like everything else."""

import re
import secrets
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, NamedTuple

import httptools
import structlog
from fastapi import Request
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from clinic_api.http.bodies import Bounds
from clinic_api.http.headers import UNLESS_SAID_OTHERWISE
from clinic_api.http.metrics import OTHER, REQUESTS
from clinic_api.http.problems import DETAILS, problem
from clinic_api.http.wellformed import LONGEST_ADDRESS

HEADERS_WITHIN = 10  # seconds, from their first byte
REST_WITHIN = 30  # seconds, for the rest of a body that nobody reads
READ_WITHIN = 30  # seconds, for a client to read what waits for it
FAREWELL = 2  # seconds, for a client to read why its connection ends
MOST_CONNECTIONS = 1_000
MOST_IN_A_ROW = 32  # requests that wait on one connection
MOST_HEADERS = 100
LARGEST_HEADER = 16 * 1024  # bytes
LARGEST_HEADERS = 32 * 1024  # bytes, of all
MOST_UNREAD = LONGEST_ADDRESS + LARGEST_HEADERS + 4 * MOST_HEADERS
UNKNOWN_METHOD = re.compile(rb"([A-Za-z][\w!#$%&'*+.^`|~-]{0,39})(?= [^\s]+ HTTP/1\.[01]\r\n)", re.ASCII)

log = structlog.get_logger()


class Refusal(NamedTuple):
    status: int
    detail: str


class Refused(Exception):
    """The request at hand is refused; raised through the parser, which then stops."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


BROKEN = Refusal(400, "This is not readable as HTTP/1.1. Check the request line, the headers and the body's length.")
SLOW = Refusal(408, "The headers came too slowly. Send the request again, faster.")
LARGE = Refusal(431, "The headers are too large. Send at most 100 of them, 16 KiB in one and 32 KiB in all.")
LONG = Refusal(414, DETAILS[414])
OTHER_VERSION = Refusal(505, "Use HTTP/1.1.")
FRAGMENT = Refusal(400, "Send the address without its fragment, the part from # on.")
FULL = Refusal(503, "The server has too many open connections. Try again in a moment.")
IN_A_ROW = Refusal(503, "Too many requests wait on this connection. Send the next when there is an answer.")


class Reading(Enum):
    """What of a request is expected to come next."""

    nothing = auto()
    headers = auto()
    body = auto()


class Protocol(HttpToolsProtocol):
    """uvicorn's own, with limits and clocks. uvicorn does the rest: parsing, and running the application."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.reading = Reading.nothing
        self.unread = 0
        """Bytes that came since something was last made of them."""
        self.method: bytes | None = None
        """The method of the request at hand, where the parser does not know it."""
        self.refusal: Refusal | None = None
        """What is still to be said before the connection ends; nothing that comes is read any more."""
        self.surplus = False
        self.running: RequestResponseCycle | None = None
        self.input_clock: TimerHandle | None = None
        self.output_clock: TimerHandle | None = None

    # The connection

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.surplus = len(self.connections) > MOST_CONNECTIONS
        if len(self.connections) > 2 * MOST_CONNECTIONS:
            self.transport.abort()
        else:
            self.expect_within(HEADERS_WITHIN, self.on_slow_headers)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_input_clock()
        self.stop_output_clock()
        self.cut_off()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has sent all that it will; it may still read the answers.

        But who sent a file and stops there has most likely left, and is not to find everything stored.
        """
        if self.reading is not Reading.nothing and self.refusal is None:
            self.refuse(BROKEN)
        if self.is_idle or self.takes_file:
            self.transport.close()
        elif self.refusal is None:
            self.cycle.keep_alive = False
        return True

    def shutdown(self) -> None:
        super().shutdown()
        self.end_if_unread(FAREWELL)

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked is answered."""
        return self.running is None or self.running.response_complete or self.running.disconnected

    @property
    def takes_file(self) -> bool:
        bounds: Bounds | None = self.cycle.scope.get("state", {}).get("body")
        return bounds is not None and bounds.takes_file

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def cut_off(self) -> None:
        """Let the running request know that nobody waits for its answer."""
        if self.running is not None and not self.running.response_complete:
            self.running.disconnected = True
            self.running.message_event.set()

    # What comes in

    def data_received(self, data: bytes) -> None:
        if self.refusal is not None:
            return
        self._unset_keepalive_if_required()
        self.unread += len(data)
        cycle, starts = self.cycle, self.reading is Reading.nothing
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # not taken up: the request is answered as any other, and ends the connection
        except httptools.HttpParserInvalidMethodError:
            found = UNKNOWN_METHOD.match(data) if starts and self.cycle is cycle else None
            if found:
                self.feed_known_method(found[1], data)
            else:
                self.refuse(BROKEN)
        except httptools.HttpParserError as error:
            self.refuse(error.__context__.refusal if isinstance(error.__context__, Refused) else BROKEN)
        else:
            if self.unread > MOST_UNREAD:
                self.refuse(LONG if len(self.url) > LONGEST_ADDRESS else LARGE)
            elif self.input_clock is None and self.reading is not Reading.body and self.is_idle:
                self.expect_within(HEADERS_WITHIN, self.on_slow_headers)

    def feed_known_method(self, method: bytes, data: bytes) -> None:
        """Hand on a request whose method the parser refuses, for it is the routes that name those of an address."""
        self.method, self.parser = method, httptools.HttpRequestParser(self)
        self.data_received(b"GET" + data.removeprefix(method))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.reading, self.unread = Reading.headers, 0
        self.stop_input_clock()

    def on_headers_complete(self) -> None:
        if refusal := self.judge():
            raise Refused(refusal)
        super().on_headers_complete()
        self.reading = Reading.body
        self.headers = []  # of no use to anybody: what comes after a chunked body
        self.stop_input_clock()
        if self.method is not None:
            self.scope["method"], self.method = self.method.decode(), None
            self.cycle.keep_alive = False
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def judge(self) -> Refusal | None:
        if self.surplus:
            return FULL
        if len(self.pipeline) >= MOST_IN_A_ROW:
            return IN_A_ROW
        if self.parser.get_http_version() not in ("1.1", "1.0"):
            return OTHER_VERSION
        if len(self.url) > LONGEST_ADDRESS:
            return LONG
        if b"#" in self.url:
            return FRAGMENT
        sizes = [len(name) + len(value) for name, value in self.headers]
        if len(sizes) > MOST_HEADERS or sum(sizes) > LARGEST_HEADERS or max(sizes, default=0) > LARGEST_HEADER:
            return LARGE
        return None

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self.unread = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.reading = Reading.nothing
        self.stop_input_clock()

    # What goes out

    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        if is_last and self.refusal is not None and not self.transport.is_closing():
            self.say(self.refusal)
            return
        super().on_response_complete()
        if self.transport.is_closing():
            self.end_if_unread(READ_WITHIN)
        elif is_last and self.reading is Reading.body:
            self.expect_within(REST_WITHIN, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.output_clock is None:
            self.drop_in(READ_WITHIN)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.refusal is None and not self.transport.is_closing():
            self.stop_output_clock()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.end_if_unread(READ_WITHIN)

    def end_if_unread(self, seconds: float) -> None:
        """Wait no longer for the client to read the last that was sent, where the connection is to end then."""
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self.drop_in(seconds)

    def drop_in(self, seconds: float) -> None:
        self.stop_output_clock()
        self.output_clock = self.loop.call_later(seconds, self.transport.abort)

    # Refusals

    def on_slow_headers(self) -> None:
        if self.reading is Reading.headers:
            self.refuse(SLOW)
        else:
            self.transport.close()

    def refuse(self, refusal: Refusal) -> None:
        """Say this in its turn, and read no more."""
        self.stop_input_clock()
        self.refusal = refusal
        if self.reading is Reading.body and self.cycle is not self.running:
            self.pipeline.popleft()
        elif self.reading is Reading.body:
            self.cut_off()
            if self.cycle.response_started:  # before its body was read
                self.transport.close()
                return
        if self.is_idle:
            self.say(refusal)

    def say(self, refusal: Refusal) -> None:
        """Answer, and end the connection as soon as the client has: to close it at once might cost it the answer."""
        self.transport.write(answer(refusal, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.drop_in(FAREWELL)

    # Clocks

    def expect_within(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self.stop_input_clock()
        self.input_clock = self.loop.call_later(seconds, otherwise)

    def stop_input_clock(self) -> None:
        if self.input_clock is not None:
            self.input_clock.cancel()
            self.input_clock = None

    def stop_output_clock(self) -> None:
        if self.output_clock is not None:
            self.output_clock.cancel()
            self.output_clock = None


def answer(refusal: Refusal, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """A whole answer, where there is no request that the application could answer."""
    request_id = secrets.token_hex(8)
    scope = {"type": "http", "path": "/", "headers": [], "state": {"request_id": request_id}}
    response = problem(Request(scope), refusal.status, refusal.detail, headers={"Connection": "close"})
    headers = [*default_headers, *response.raw_headers, *UNLESS_SAID_OTHERWISE, (b"x-request-id", request_id.encode())]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    REQUESTS.labels(OTHER, OTHER, refusal.status).inc()
    log.info("request", method=None, route=None, status=refusal.status, ms=0, user_id=None, request_id=request_id)
    return b"%b%b\r\n%b" % (STATUS_LINE[refusal.status], lines, bytes(response.body))
