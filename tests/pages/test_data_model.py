"""The pictures of the data model are as the models are."""

from clinic_api.models import metadata
from tests.pages.data_model import PAGE, drawn


def test_the_pictures_are_as_the_models_are() -> None:
    page = PAGE.read_text()
    assert drawn(page) == page, "make data-model draws them anew"


def test_every_table_is_in_one_picture() -> None:
    page = PAGE.read_text()
    assert {name: page.count(f"    {name} {{\n") for name in metadata.tables} == dict.fromkeys(metadata.tables, 1)
