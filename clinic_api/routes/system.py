from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from clinic_api import __version__, migrations
from clinic_api.http.limits import limiter
from clinic_api.http.strict import refuse_unread

router = APIRouter(tags=["System"], dependencies=[Depends(refuse_unread)])


class Live(BaseModel):
    status: Literal["ok"] = "ok"


class Health(Live):
    database: Literal["ok"] = "ok"
    version: Annotated[str, Field(examples=[__version__])] = __version__


@router.get("/health/live")
async def read_liveness() -> Live:
    """The process runs; for orchestrators."""
    return Live()


@router.get("/health/ready")
def read_readiness(request: Request) -> Health:
    """The database answers, and its schema is as new as this version needs; for orchestrators."""
    migrations.refuse_older(request.app.state.engine)
    return Health()


@router.get("/health")
@limiter.limit("30/minute")
def read_health(request: Request) -> Health:
    """Whether the clinic is open: server and database. 30 times a minute per address."""
    migrations.refuse_older(request.app.state.engine)
    return Health()
