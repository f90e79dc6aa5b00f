"""A route that asks for more than a plain read is solved by FastAPI, so that nothing it names is passed over."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Response
from fastapi.testclient import TestClient

from clinic_api.config import get_settings
from clinic_api.http.auth import admin as only_admin
from clinic_api.http.route import WorkRoute
from clinic_api.http.work import Work
from clinic_api.main import create_app


def never() -> None:
    raise HTTPException(418)


def read_tea(work: Work) -> Response:
    return Response()


def read_header(x_word: Annotated[str, Header()], work: Work) -> Response:
    return Response(x_word)


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
