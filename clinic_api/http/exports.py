"""Lists as CSV: streamed, and told in the audit before they leave."""

import asyncio
from functools import partial
from typing import Any

from fastapi import Response
from starlette.types import Receive, Scope, Send

from clinic_api.audit import ENTITIES
from clinic_api.errors import Invalid, Unready
from clinic_api.http.threads import NO_ANSWER, Job
from clinic_api.http.transfers import Transfers, finished, pace
from clinic_api.http.work import UnitOfWork
from clinic_api.models import ListQuery
from clinic_api.reading import Public, whole_list
from clinic_api.selecting import Selection, entity
from clinic_api.transfer.exporting import Snapshot, as_csv, tell_export

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
PAGING = ("limit", "offset", "total", "cursor")
ALL = 2**31 - 1  # rows


def ask_for_all(query: ListQuery) -> None:
    """Raises Invalid for what would make pages of it; the defaults, which Swagger UI sends, ask for nothing."""
    for name in PAGING:
        if getattr(query, name) != type(query).model_fields[name].default:
            raise Invalid(name, "does not go with text/csv, which has all rows: leave it out", "not_with_csv")
    query.limit = ALL


class Export(Response):
    """All rows of a list. What a doctor or an administrator takes with them is in the audit before they have it."""

    media_type = MEDIA_TYPE

    def __init__(self, work: UnitOfWork, public: Public, among: Selection[Any], query: ListQuery) -> None:
        table = entity(among.statement)
        name = f'attachment; filename="{table.__tablename__}.csv"'
        super().__init__(headers={"Content-Disposition": name})
        del self.headers["content-length"]
        self.work, self.public = work, public
        self.statement, self.values = whole_list(public, among, query), among.values
        self.entity = ENTITIES.get(table)
        ids = {name: int(value) for name, value in work.request.path_params.items()}
        chosen = query.model_dump(mode="json", exclude={*PAGING}, exclude_defaults=True)
        self.filter = {**ids, **chosen} or None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transfers: Transfers = self.work.tools.transfers
        with transfers.place():
            task = asyncio.create_task(self.stream(transfers, send))
            if await finished(task, receive):
                task.result()

    async def stream(self, transfers: Transfers, send: Send) -> None:
        snapshot = await transfers.do(Job(self.open))
        try:
            async with asyncio.timeout(transfers.patience):
                await self.send_all(transfers, snapshot, send)
        except TimeoutError:
            raise Unready(NO_ANSWER) from None
        finally:
            transfers.pool.submit(snapshot.close)

    def open(self) -> Snapshot:
        return Snapshot(self.work.tools.engine, self.statement, self.values, self.work.tools.transfers.patience)

    async def send_all(self, transfers: Transfers, snapshot: Snapshot, send: Send) -> None:
        changes: dict[str, Any] | None = {"filter": [None, self.filter], "count": [None, snapshot.count]}
        body, is_last = as_csv([self.public.model_fields]), False
        while not is_last:
            part = await transfers.do(Job(partial(snapshot.read, pace)))
            is_last = not part.csv
            if part.csv or changes:
                told = partial(tell_export, self.work.tools.engine, self.work.actor, self.entity, part, changes)
                await self.work.tools.threads.do(Job(told))
            if changes:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": body + part.csv, "more_body": not is_last})
            changes, body = None, b""
