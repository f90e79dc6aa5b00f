"""How a request runs: one thread, one connection, one transaction, and the caller's right checked first."""

import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar
from starlette.exceptions import HTTPException

from clinic_api.audit import Actor, act_as
from clinic_api.database import commit, entity, find, is_transient
from clinic_api.errors import Refused, Unauthenticated, Unready, UnsupportedMediaType
from clinic_api.http.auth import GUARDS
from clinic_api.http.limits import network_of
from clinic_api.http.strict import refuse_media_type, refuse_unread
from clinic_api.http.threads import NO_ANSWER, Job, Threads
from clinic_api.models import Id, Patient, Role
from clinic_api.services.accounts import visible_users
from clinic_api.services.care import visible_doctors, visible_patients
from clinic_api.services.sessions import Caller, read_caller
from clinic_api.tokens import Token

Answer = TypeVar("Answer")
LONGEST_ADDRESS = 64
PAUSE = 0.05  # seconds, for whoever won a deadlock to get on
NO_SECOND_TRY_AFTER = 2  # seconds
ID: TypeAdapter[int] = TypeAdapter(Id)
VISIBLE: dict[str, Callable[[Caller], SelectOfScalar[Any]]] = {
    "doctor_id": visible_doctors,
    "patient_id": visible_patients,
    "user_id": visible_users,
}
RETIRED_TOO = ("/restore", "/access-log")
"""Of these paths an ADMIN sees the retired records too."""


class UnitOfWork:
    """What one request has in hand: the session, the person who asks, and the application's tools (`app.state`)."""

    session: Session
    job: Job[Any]
    committing = False
    shown: list[tuple[list[int], bool]]
    """Ids of patients, and whether in a list."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.tools = request.app.state
        self.roles: frozenset[Role] = frozenset()
        self.token: Token | None = None
        self.caller: Caller | None = None

    @property
    def user(self) -> Caller:
        """The person who asks, where nobody can be anonymous."""
        if self.caller is None:
            raise Unauthenticated("Sign in first: POST /auth/login, or Authorize in /docs.")
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

    async def do(self, task: Callable[[], Answer]) -> Answer:
        """Do this in a thread, in one transaction that is committed before the answer leaves."""
        threads: Threads = self.tools.threads
        job = self.job = Job(partial(self.run, task))
        return await threads.do(job)

    def run(self, task: Callable[[], Answer]) -> Answer:
        """Once more when it failed for a reason that goes away by itself; but never after a commit of unknown end."""
        began = time.monotonic()
        try:
            return self.attempt(task)
        except DBAPIError as error:
            if not is_transient(error, self.committing) or time.monotonic() - began > NO_SECOND_TRY_AFTER:
                raise
            time.sleep(PAUSE)
            return self.attempt(task)

    def attempt(self, task: Callable[[], Answer]) -> Answer:
        self.committing, self.shown = False, []
        reads = self.request.method == "GET"
        with Session(self.tools.reads if reads else self.tools.engine, expire_on_commit=False) as self.session:
            self.admit()
            answer = task()
            if self.job.has_expired:
                raise Unready(NO_ANSWER)
            if not reads:
                self.committing = True
                commit(self.session)
        for ids, in_a_list in self.shown:
            self.tools.looks.add(self.actor, ids, in_a_list=in_a_list)
        return answer

    def admit(self) -> None:
        """Who the caller is today, read before anything else. Raises Unauthenticated or Refused."""
        if self.token is not None:
            self.caller = read_caller(self.session, self.token)
            if self.roles and self.caller.role not in self.roles:
                raise Refused(f"Only an account with the role {' or '.join(sorted(self.roles))} may do this.")
            if self.roles == {Role.DOCTOR} and self.caller.doctor_id is None:
                raise Refused("This account is tied to no doctor. Ask an administrator to set its doctor_id.")
        act_as(self.session, self.actor)

    def look_up(self) -> None:
        """Raise NotFound if the path names a record that the caller may not know of."""
        retired_too = self.request.scope["route"].path.endswith(RETIRED_TOO)
        for name, visible in VISIBLE.items():
            if name in self.request.path_params:
                among = visible(self.user)
                with suppress(ValidationError):  # a malformed id is about to be told
                    id = ID.validate_python(self.request.path_params[name])
                    find(self.session, select(entity(among)) if retired_too else among, id)


async def work_of(request: Request) -> UnitOfWork:
    work: UnitOfWork = request.state.work
    return work


Work = Annotated[UnitOfWork, Depends(work_of)]


def as_work(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The endpoint as one unit of work; one that is `async` says itself what its units are."""
    if iscoroutinefunction(endpoint):
        return endpoint

    @wraps(endpoint)
    async def run(*, work: UnitOfWork, **arguments: Any) -> Any:
        return await work.do(partial(endpoint, work=work, **arguments))

    return run


class WorkRoute(APIRoute):
    """A route whose function is a unit of work. It cannot be made without saying who may call it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        dependencies = options.pop("dependencies", None) or []
        guards = [dependency for dependency in dependencies if dependency in GUARDS]
        if len(guards) != 1:
            raise TypeError(f"{endpoint.__name__} must say who may call it: dependencies=[admin], or another guard.")
        self.guard = guards[0]
        super().__init__(path, as_work(endpoint), dependencies=[*dependencies, Depends(refuse_unread)], **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def run(request: Request) -> Response:
            work = request.state.work = UnitOfWork(request)
            try:
                refuse_media_type(request, self)
                return await handle(request)
            except (HTTPException, UnsupportedMediaType):  # the form of the body: after 401 and 403 …
                await self.check_first(work, nothing)
                raise
            except RequestValidationError as error:  # … and what is in it: after 404 too
                unreadable = any(part["type"] == "json_invalid" for part in error.errors())
                await self.check_first(work, nothing if unreadable else work.look_up)
                raise

        return run

    async def check_first(self, work: UnitOfWork, task: Callable[[], None]) -> None:
        """Raise the refusals that come before the one at hand."""
        await self.guard.dependency(work.request, SecurityScopes(self.guard.scopes))
        await work.do(task)


def nothing() -> None:
    """To be let in, and do nothing."""
