"""A route that asks for more than a plain read is solved by FastAPI, so that nothing it names is passed over."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Header, HTTPException, Response
from fastapi.testclient import TestClient

from clinic_api.config import get_settings
from clinic_api.http.auth import admin as only_admin
from clinic_api.http.auth import public as everybody
from clinic_api.http.route import WorkRoute
from clinic_api.http.work import Work
from clinic_api.main import create_app


def never() -> None:
    raise HTTPException(418)


def read_tea(work: Work) -> Response:
    return Response()


def read_header(x_word: Annotated[str, Header()], work: Work) -> Response:
    return Response(x_word)


def read_number(n: int, work: Work) -> Response:
    return Response(str(n))


def list_numbers(work: Work) -> Response:
    return Response()


def test_a_read_with_a_single_parameter_is_solved_too(admin: TestClient) -> None:
    router = APIRouter(route_class=WorkRoute)
    router.get("/number", dependencies=[only_admin])(read_number)
    app = create_app(get_settings())
    app.router.routes += router.routes
    with TestClient(app, headers=dict(admin.headers)) as client:
        assert client.get("/number?n=3").text == "3"


def test_a_list_that_could_not_be_exported_is_not_made() -> None:
    router = APIRouter(route_class=WorkRoute)
    with pytest.raises(TypeError, match="list_numbers must take what is asked of its list as `query`"):
        router.get("/numbers", dependencies=[only_admin], response_model=list[int])(list_numbers)


@pytest.mark.parametrize("dependencies", [[], [Depends(never)], [only_admin, everybody]])
def test_a_route_that_does_not_say_who_may_call_it_is_not_made(dependencies: list[Any]) -> None:
    router = APIRouter(route_class=WorkRoute)
    with pytest.raises(TypeError, match="read_tea must say who may call it"):
        router.get("/tea", dependencies=dependencies)(read_tea)


def test_other_dependencies_and_headers_of_a_read_count(admin: TestClient) -> None:
    router = APIRouter(route_class=WorkRoute)
    router.get("/tea", dependencies=[only_admin, Depends(never)])(read_tea)
    router.get("/header", dependencies=[only_admin])(read_header)
    app = create_app(get_settings())
    app.router.routes += router.routes
    with TestClient(app, headers=dict(admin.headers)) as client:
        assert client.get("/tea").status_code == 418
        assert client.get("/header", headers={"X-Word": "heard"}).text == "heard"
        assert client.get("/header").status_code == 422
