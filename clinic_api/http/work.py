"""How a request runs: one thread, one connection, one transaction, and the caller's right checked first."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session
from sqlmodel.main import default_registry

from clinic_api.audit import Actor, act_as
from clinic_api.database import commit, is_transient
from clinic_api.errors import Invalid, Refused, StillRunning, Unauthenticated, Unready, WrongRole
from clinic_api.http.formats import JSON
from clinic_api.http.idempotency import Key, Replayed, kept
from clinic_api.http.limits import network_of
from clinic_api.http.threads import NO_ANSWER, Job, Threads
from clinic_api.models import Id, Patient, Role
from clinic_api.selecting import Selection, all_of, find
from clinic_api.services.care import visible_doctors, visible_patients
from clinic_api.services.repeats import first_answer, remember
from clinic_api.services.sessions import Caller, read_caller
from clinic_api.tokens import Token

Answer = TypeVar("Answer")
LONGEST_ADDRESS = 64
PAUSE = 0.05  # seconds, for whoever won a deadlock to get on
ID: TypeAdapter[int] = TypeAdapter(Id)
KINDS: dict[str, Any] = {f"{mapper.class_.__name__.lower()}_id": mapper.class_ for mapper in default_registry.mappers}
"""What an id in a path names."""
VISIBLE: dict[str, Callable[[Caller], Selection[Any]]] = {
    "doctor_id": visible_doctors,
    "patient_id": visible_patients,
}
"""Whom not everybody may know of."""
RETIRED_TOO = ("/restore", "/access-log")
"""Of these paths an ADMIN sees the retired records too."""


class UnitOfWork:
    """What one request has in hand: the session, the person who asks, and the application's tools (`app.state`)."""

    session: Session
    connection: Connection
    job: Job[Any]
    committing = False
    backend: int | None = None
    """The process of PostgreSQL that runs the transaction, if that is known."""
    format = JSON
    """The media type of the answer."""
    shown: list[tuple[list[int], bool]]
    """Ids of patients, and whether in a list."""
    about: int | None = None
    """The patient whom the answer to a POST shows."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.tools = request.app.state
        self.roles: frozenset[Role] = frozenset()
        self.token: Token | None = None
        self.caller: Caller | None = None
        self.key: Key | None = None

    @property
    def user(self) -> Caller:
        """The person who asks, where nobody can be anonymous."""
        if self.caller is None:
            raise Unauthenticated
        return self.caller

    @property
    def address(self) -> str:
        """Where the request came from."""
        return self.request.client.host[:LONGEST_ADDRESS] if self.request.client else "unknown"

    @property
    def network(self) -> str:
        """What counts as one address where guesses are counted."""
        return network_of(self.address)

    @property
    def actor(self) -> Actor:
        """Who does what this request does, for the audit."""
        who, request_id = self.caller, self.request.state.request_id
        return Actor(who and who.id, who and who.email, self.address, request_id)

    def saw(self, model: type, ids: list[int], *, in_a_list: bool = False) -> None:
        """Note that the caller is about to be shown these records, if they are patients'."""
        if model is Patient:
            self.shown.append((ids, in_a_list))

    async def do(self, task: Callable[[], Answer], threads: Threads | None = None) -> Answer:
        """Do this in a thread, in one transaction that is committed before the answer leaves."""
        threads = threads or self.tools.threads
        job = self.job = Job(partial(self.run, task))
        return await threads.do(job)

    def run(self, task: Callable[[], Answer]) -> Answer:
        """Once more when it failed for a reason that goes away by itself.

        But not after a commit of unknown end, unless a key tells whether it was done.
        """
        try:
            return self.attempt(task)
        except DBAPIError as error:
            is_unknown = self.committing and self.key is None
            if self.job.has_expired or not is_transient(error, is_unknown):
                raise
            time.sleep(PAUSE)
            return self.attempt(task)

    def attempt(self, task: Callable[[], Answer]) -> Answer:
        self.committing, self.shown, self.backend = False, [], None
        reads = self.request.method == "GET"
        with self.begun(reads):
            self.admit()
            if self.key is not None:
                self.refuse_repeat(self.key)
            answer = task()
            if self.key is not None and isinstance(answer, Response) and answer.status_code < 300:
                remember(self.session, kept(self.key, self.user.id, answer, self.about))
            if self.job.has_expired:
                raise Unready(NO_ANSWER)
            if not reads:
                self.committing = True
                commit(self.session, self.backend)
        self.tell_looks()
        return answer

    @contextmanager
    def begun(self, reads: bool) -> Iterator[None]:
        """A read needs a connection; its session is for what it seldom does."""
        if reads:
            with self.tools.reads.connect() as self.connection, Session(self.connection) as self.session:
                yield
        else:
            with Session(self.tools.engine, expire_on_commit=False) as self.session:
                self.connection = self.session.connection()
                yield

    def tell_looks(self) -> None:
        for ids, in_a_list in self.shown:
            self.tools.looks.add(self.actor, ids, in_a_list=in_a_list)

    def refuse_repeat(self, key: Key) -> None:
        """Raises Replayed, with the answer of the first time, if this was done before."""
        try:
            first = first_answer(self.session, self.user.id, *key)
        except (StillRunning, Invalid):
            self.look_up()  # 404 comes first
            raise
        if first is None:
            return
        if first.patient_id is not None:
            if not self.user.is_admin:
                find(self.session, visible_patients(self.user), first.patient_id)
            self.saw(Patient, [first.patient_id])
        commit(self.session, self.backend)
        self.tell_looks()
        raise Replayed(first)

    def admit(self) -> None:
        """Who the caller is today, read before anything else. Raises Unauthenticated or Refused."""
        if self.token is not None:
            self.caller, self.backend = read_caller(self.connection, self.token)
            if self.roles and self.caller.role not in self.roles:
                raise WrongRole(self.roles)
            if self.roles == {Role.DOCTOR} and self.caller.doctor_id is None:
                raise Refused("This account is tied to no doctor. Ask an administrator to set its doctor_id.")
        act_as(self.session, self.actor)

    def look_up(self) -> None:
        """Raise NotFound if the path names a record that the caller may not know of."""
        retired_too = self.request.scope["route"].path.endswith(RETIRED_TOO)
        for name, given in self.request.path_params.items():
            is_open = retired_too or name not in VISIBLE
            among = all_of(KINDS[name]) if is_open else VISIBLE[name](self.user)
            with suppress(ValidationError):  # a malformed id is about to be told
                find(self.session, among, ID.validate_python(given))


async def work_of(request: Request) -> UnitOfWork:
    work: UnitOfWork = request.state.work
    return work


Work = Annotated[UnitOfWork, Depends(work_of)]
