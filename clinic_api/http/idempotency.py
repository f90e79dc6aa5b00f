"""Idempotency-Key: a POST that is sent again is done once, and answered as the first time."""

from collections.abc import Sequence
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

from fastapi import Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import UploadFile

from clinic_api.http.strict import wrong
from clinic_api.models import IdempotencyKey
from clinic_api.services.repeats import HEADER

if TYPE_CHECKING:
    from clinic_api.http.work import UnitOfWork


class Key(NamedTuple):
    """By which a request is known, and what it is: path, query and body to the byte."""

    text: str
    hashed_request: str


class Replayed(Exception):
    """The work was done before, and this was the answer."""

    def __init__(self, first: IdempotencyKey) -> None:
        self.answer = Response(first.body, first.status, {**first.headers, "Idempotent-Replayed": "true"})


async def take_key(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            min_length=1,
            max_length=255,
            description="Any text of your own, new for each request: sent again with it, the request is done once and"
            " answered as the first time. Kept for 24 hours.",
        ),
    ] = None,
) -> None:
    if len(request.headers.getlist(HEADER)) > 1:
        raise RequestValidationError([wrong("header", HEADER, "repeated", "must be sent once")])
    if idempotency_key is not None:
        sent = (request.scope["path"].encode(), request.scope["query_string"], await content(request))
        work: UnitOfWork = request.state.work
        work.key = Key(idempotency_key, sha256(b"\n".join(sent)).hexdigest())


async def content(request: Request) -> bytes:
    """What is the same when it is sent again: the body, or what is in a file, around which each form is another."""
    if not getattr(request, "takes_file", False):
        return await request.body()
    form = await request.form()
    return await run_in_threadpool(digest, [part.file for part in form.values() if isinstance(part, UploadFile)])


def digest(files: Sequence[BinaryIO]) -> bytes:
    digests = [file_digest(file, "sha256").digest() for file in files]  # type: ignore[arg-type]
    for file in files:
        file.seek(0)
    return b"".join(digests)


def kept(key: Key, user_id: int, answer: Response, patient_id: int | None) -> IdempotencyKey:
    """This answer, for when the request comes again."""
    return IdempotencyKey(
        user_id=user_id,
        key=key.text,
        hashed_request=key.hashed_request,
        status=answer.status_code,
        headers=dict(answer.headers),
        body=bytes(answer.body),
        patient_id=patient_id,
    )
