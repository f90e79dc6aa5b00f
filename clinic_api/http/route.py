"""What surrounds a route: who may call it, the order of refusals, and the one unit of work that it is."""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import iscoroutinefunction, signature
from typing import Any, get_origin

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from clinic_api.errors import NotAcceptable, UnsupportedMediaType
from clinic_api.http.auth import GUARDS
from clinic_api.http.exports import ask_for_all
from clinic_api.http.formats import CSV, JSON, format_of
from clinic_api.http.idempotency import Replayed, take_key
from clinic_api.http.strict import StrictRequest, is_upload, refuse_media_type, refuse_unread
from clinic_api.http.work import UnitOfWork, work_of

QUERY = "query"
"""What the parameter of a route is called that has its whole query, as one model."""
WORDS = {"import"}
"""Addresses that stand where an id could."""
IN_CSV_TOO = {"content": {CSV: {"schema": {"type": "string"}, "example": "id,given_name\r\n1,José\r\n"}}}


def as_work(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The endpoint as one unit of work; one that is `async` says itself what its units are."""
    if iscoroutinefunction(endpoint):
        return endpoint

    @wraps(endpoint)
    async def run(*, work: UnitOfWork, **arguments: Any) -> Any:
        if work.format == CSV:
            ask_for_all(arguments[QUERY])
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
        dependencies.append(Depends(refuse_unread))
        if options["methods"] == ["POST"] and not path.startswith("/auth/"):
            dependencies.append(Depends(take_key))
        options["generate_unique_id_function"] = lambda route: route.name
        self.formats = {JSON: "JSON"}
        if get_origin(options["response_model"]) is list:
            if QUERY not in signature(endpoint).parameters:
                raise TypeError(f"{endpoint.__name__} must take what is asked of its list as `{QUERY}`.")
            self.formats[CSV] = "CSV"
            options["responses"] = {200: IN_CSV_TOO, **(options["responses"] or {})}
        super().__init__(path, as_work(endpoint), dependencies=dependencies, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Where a word is an address of its own, it is no id for another method either."""
        match, found = super().matches(scope)
        is_word = not WORDS.isdisjoint(found.get("path_params", {}).values())
        return (Match.NONE, {}) if is_word else (match, found)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = self.read if self.is_plain_read() else super().get_route_handler()

        async def run(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            work = request.state.work = UnitOfWork(request)
            try:
                work.format = format_of(request, self.formats)
                refuse_media_type(request, self)
                if is_upload(self):  # only who may do this makes us take a large body
                    await self.check_first(work, nothing)
                    request.takes_file = True
                    request.state.body.widen()
                return await handle(request)
            except Replayed as replayed:
                return replayed.answer
            except (HTTPException, NotAcceptable, UnsupportedMediaType):  # the form of the body: after 401 and 403 …
                await self.check_first(work, nothing)
                raise
            except RequestValidationError as error:  # … and what is in it: after 404 too
                unreadable = any(part["type"] == "json_invalid" for part in error.errors())
                await self.check_first(work, nothing if unreadable else work.look_up)
                raise

        return run

    def is_plain_read(self) -> bool:
        """Whether `read` knows all that this route asks for."""
        asked = self.dependant
        others = {each.call for each in asked.dependencies} - {self.guard.dependency, refuse_unread, work_of}
        more = asked.header_params or asked.cookie_params or asked.body_params
        in_a_model = all(field.name == QUERY and is_model(field.field_info.annotation) for field in asked.query_params)
        return self.methods == {"GET"} and in_a_model and not others and not more

    async def read(self, request: Request) -> Response:
        """What FastAPI would do, of which a read needs little: guard, path, and the query as one model."""
        await self.guard.dependency(request, SecurityScopes(self.guard.scopes))
        await refuse_unread(request)
        arguments, errors = {}, []
        for field in self.dependant.path_params:
            arguments[field.name], wrong = field.validate(request.path_params[field.name], loc=("path", field.name))
            errors += wrong
        for field in self.dependant.query_params:
            arguments[QUERY], wrong = field.validate(dict(request.query_params), loc=("query",))
            errors += wrong
        if errors:
            raise RequestValidationError(errors)
        answer: Response = await self.endpoint(work=request.state.work, **arguments)
        return answer

    async def check_first(self, work: UnitOfWork, task: Callable[[], None]) -> None:
        """Raise the refusals that come before the one at hand."""
        work.key = None
        await self.guard.dependency(work.request, SecurityScopes(self.guard.scopes))
        await work.do(task)


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def nothing() -> None:
    """To be let in, and do nothing."""
