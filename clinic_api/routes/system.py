from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, Field

from clinic_api import __version__, migrations
from clinic_api.http.limits import limiter
from clinic_api.http.strict import refuse_unread
from clinic_api.http.threads import Job, Threads

FIGURES = {"schema": {"type": "string"}, "example": "clinic_audit_lag_seconds 0.1\n"}

router = APIRouter(
    tags=["System"], dependencies=[Depends(refuse_unread)], generate_unique_id_function=lambda route: route.name
)


class Live(BaseModel):
    status: Literal["ok"] = "ok"


class Health(Live):
    database: Literal["ok"] = "ok"
    version: Annotated[str, Field(examples=[__version__])] = __version__


def check(request: Request) -> Health:
    migrations.refuse_older(request.app.state.engine)
    return Health()


check_seldom = limiter.limit("30/minute")(check)


async def checked(request: Request, check: Callable[[Request], Health]) -> Health:
    checks: Threads = request.app.state.checks
    return await checks.do(Job(partial(check, request)))


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live", summary="Does it run?")
async def read_liveness() -> Live:
    """The process runs; for orchestrators."""
    return Live()


@router.head("/health/ready", include_in_schema=False)
@router.get("/health/ready", summary="Can it serve?")
async def read_readiness(request: Request) -> Health:
    """The database answers, and its schema is as new as this version needs; for orchestrators."""
    return await checked(request, check)


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Is the clinic open?")
async def read_health(request: Request) -> Health:
    """Whether the clinic is open: server and database. 30 times a minute per address."""
    return await checked(request, check_seldom)


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": FIGURES}}})
async def read_metrics(request: Request) -> Response:
    """The figures of all workers, for Prometheus. None is about a person. A proxy in front should not let it out."""
    return Response(request.app.state.figures.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
