"""A network that loses answers: what is between a program and the clinic, and cuts connections when told to."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit


class Cut(Enum):
    at_once = "when the request has been passed on"
    answered = "when the answer is there, which is not passed on"


class Proxy(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, clinic: str, begins: bytes, cuts: list[Cut]) -> None:
        """Requests that begin so are cut: the first as the first cut says, and so on."""
        super().__init__(("127.0.0.1", 0), Connection)
        self.clinic, self.begins, self.cuts = urlsplit(clinic), begins, cuts
        self.statuses: list[int] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Connection(BaseRequestHandler):
    server: Proxy
    request: socket.socket
    cut: Cut | None = None

    def handle(self) -> None:
        self.clinic = socket.create_connection((self.server.clinic.hostname, self.server.clinic.port), timeout=30)
        answers = Thread(target=self.pass_answers, daemon=True)
        answers.start()
        with suppress(OSError):
            self.pass_requests()
        self.hang_up(self.clinic)
        answers.join()
        self.clinic.close()

    def pass_requests(self) -> None:
        while sent := self.request.recv(65536):
            if sent.startswith(self.server.begins) and self.server.cuts:
                self.cut = self.server.cuts.pop(0)
            self.clinic.sendall(sent)
            if self.cut is Cut.at_once and sent.endswith(b"}"):
                self.hang_up(self.request)

    def pass_answers(self) -> None:
        with suppress(OSError):
            while answer := self.clinic.recv(65536):
                if answer.startswith(b"HTTP/1.1 "):
                    self.server.statuses.append(int(answer[9:12]))
                if self.cut is Cut.answered:
                    break
                self.request.sendall(answer)
        self.hang_up(self.request)

    def hang_up(self, end: socket.socket) -> None:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(clinic: str, begins: bytes, cuts: list[Cut]) -> Iterator[Proxy]:
    with Proxy(clinic, begins, cuts) as between:
        Thread(target=between.serve_forever, daemon=True).start()
        try:
            yield between
        finally:
            between.shutdown()
