"""Before a secret is checked: a place among the attempts to guess it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from anyio import sleep
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session

from clinic_api.database import sqlstate
from clinic_api.errors import Unready
from clinic_api.http.threads import Job
from clinic_api.http.work import UnitOfWork
from clinic_api.services.attempts import Place, Secret, give_back, take_place

PAUSE = 0.3  # seconds
PATIENCE = 40  # pauses


async def may_guess(work: UnitOfWork, secret: Secret, whose: Callable[[], str], address: str | None = None) -> Place:
    """A place among the attempts at this secret. Raises TooManyAttempts.

    While others that came at the same moment may give theirs back, it waits. `whose` is asked when the caller is known.
    """
    for _ in range(PATIENCE):
        place = await work.do(lambda: take_place(work.session, secret, whose(), address))
        if place is not None:
            return place
        await sleep(PAUSE)
    raise Unready("Too many attempts at this are under way, or were cut off a moment ago. Try again in half a minute.")


@asynccontextmanager
async def undone_if_it_fails(work: UnitOfWork, place: Place) -> AsyncIterator[None]:
    """Give the place back when the secret could not be judged after all: that was not a wrong one.

    But not when the database is gone: then it is soon forgotten by itself.
    """

    def undo() -> None:  # as nobody: the caller's session may have ended meanwhile
        with Session(work.tools.engine) as session:
            give_back(session, place)
            session.commit()

    try:
        yield
    except Exception as error:
        is_gone = isinstance(error, Unready) or (isinstance(error, DBAPIError) and sqlstate(error) is None)
        if not is_gone:
            with suppress(SQLAlchemyError, Unready):
                await work.tools.threads.do(Job(undo))
        raise
