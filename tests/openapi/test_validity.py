"""The OpenAPI page is what it says that it is."""

from typing import Any

import pytest
from fastapi import FastAPI
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


@pytest.fixture(scope="module")
def page(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def test_the_page_is_valid_openapi_3_1(page: dict[str, Any]) -> None:
    assert page["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(page).validate()


def test_each_example_is_valid_by_its_schema(page: dict[str, Any]) -> None:
    """JSON Schema 2020-12, by which OpenAPI 3.1 has its schemas."""
    shown = list(examples(page))
    assert len(shown) > 200
    for schema, example in shown:
        OAS31Validator({**schema, "components": page["components"]}).validate(example)


def examples(part: Any) -> Any:
    """Each schema with an example for it: beside it in a content, or inside of it."""
    if isinstance(part, dict):
        if "schema" in part:
            yield from ((part["schema"], each["value"]) for each in part.get("examples", {}).values())
            yield from ((part["schema"], part["example"]) for _ in range("example" in part))
        elif isinstance(part.get("examples"), list):
            yield from ((part, example) for example in part["examples"])
        for inner in part.values():
            yield from examples(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from examples(inner)
