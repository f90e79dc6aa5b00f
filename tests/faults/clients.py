"""Who asks, and what they were answered."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from tests.factories import password_of
from tests.faults.figures import Figure

PATIENCE = 30  # seconds, after which an answer is taken for lost
STALL = 5  # seconds; the contract's longest answer
NONE = 0  # in place of a status, where the connection broke
HANGS = -1  # where no answer came at all


class Note(NamedTuple):
    method: str
    path: str
    status: int
    seconds: float
    is_announced: bool
    """Whether it says when to come again."""


class Notes(list[Note]):
    """All answers to those who share it."""

    @property
    def statuses(self) -> Counter[int]:
        return Counter(note.status for note in self)

    @property
    def slowest(self) -> float:
        return max((note.seconds for note in self), default=0)

    def figures(self, *, broken: int | None = 0) -> list[Figure]:
        """What holds for all answers; `broken` is how many connections may break, None for any number."""
        unannounced = sum(note.status == 503 and not note.is_announced for note in self)
        statuses = self.statuses
        return [
            Figure("answers of 500", statuses[500], most=0),
            Figure("503 without Retry-After", unannounced, most=0),
            Figure("broken connections", statuses[NONE], most=float("inf") if broken is None else broken),
            Figure("no answer at all", statuses[HANGS], most=0),
            Figure("slowest answer", self.slowest, most=STALL, unit="s"),
            Figure("answers", len(self), least=1, remark=", ".join(f"{n} × {s}" for s, n in sorted(statuses.items()))),
        ]


class Client:
    """One person with one connection at a time, who notes every answer."""

    def __init__(self, address: str, notes: Notes, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = httpx.Timeout(PATIENCE)
        self.http = httpx.Client(base_url=address, headers=headers, timeout=timeout, trust_env=False, verify=False)
        self.notes = notes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The answer; none where the connection broke or nothing came."""
        began, answer, status = time.monotonic(), None, NONE
        try:
            answer = self.http.request(method, path, **options)
            status = answer.status_code
        except httpx.TimeoutException:
            status = HANGS
        except httpx.TransportError:
            pass
        is_announced = answer is not None and answer.headers.get("Retry-After", "").isdecimal()
        self.notes.append(Note(method, path, status, time.monotonic() - began, is_announced))
        return answer

    def succeeds(self, method: str, path: str, **options: Any) -> bool:
        answer = self.ask(method, path, **options)
        return answer is not None and answer.is_success

    def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        record: dict[str, Any] = answer.json()
        return record

    def log_in(self, email: str) -> dict[str, Any]:
        answer = self.http.post("/auth/login", data={"username": email, "password": password_of(email)})
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens


def together(tasks: Sequence[Callable[[], Any]]) -> None:
    """All at once, each in a thread of its own; raises what one of them raises."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
