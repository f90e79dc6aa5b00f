"""Files of patients: taken, checked and stored in one transaction, which ends when the client leaves."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from fastapi import Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from clinic_api.errors import Unready
from clinic_api.http.formats import JSON
from clinic_api.http.threads import NO_ANSWER, Job
from clinic_api.http.transfers import Transfers, finished, pace
from clinic_api.http.work import UnitOfWork
from clinic_api.transfer.importing import import_patients
from clinic_api.transfer.statements import allow_time, analyze

MANY = 1_000  # rows


async def imported(work: UnitOfWork, file: BinaryIO, *, dry_run: bool) -> Response:
    transfers: Transfers = work.tools.transfers
    made = 0

    def store() -> Response:
        nonlocal made
        allow_time(work.session.connection(), transfers.patience)
        report = import_patients(work.session, file, dry_run=dry_run, pace=partial(go_on, work))
        made = report.imported
        return Response(report.model_dump_json(), media_type=JSON)

    with transfers.place():
        task = asyncio.create_task(work.do(store, transfers))
        if not await finished(task, work.request.receive):
            raise HTTPException(400)
        answer = task.result()
        if made >= MANY:
            with suppress(DBAPIError, Unready):
                await transfers.do(Job(partial(analyze, work.tools.engine)))
        return answer


def go_on(work: UnitOfWork) -> None:
    """Raises Unready when nobody waits for it any more."""
    if work.job.has_expired:
        raise Unready(NO_ANSWER)
    pace()
