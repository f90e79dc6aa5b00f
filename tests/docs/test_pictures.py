"""The pictures in the docs are as the code is."""

import re

from clinic_api.models import metadata
from tests.docs.data_model import PAGE, drawn
from tests.process import ROOT
from tests.test_house import FLOORS


def test_the_pictures_are_as_the_models_are() -> None:
    page = PAGE.read_text()
    assert drawn(page) == page, "make data-model draws them anew"


def test_every_table_is_in_one_picture() -> None:
    page = PAGE.read_text()
    assert {name: page.count(f"    {name} {{\n") for name in metadata.tables} == dict.fromkeys(metadata.tables, 1)


def test_the_picture_of_the_house_shows_its_floors() -> None:
    boxes = re.findall(r'f(\d)\["(.*?)"\]', (ROOT / "docs" / "architecture.md").read_text())
    rooms = {int(number): set(re.split(r" · |<br/>", names)) for number, names in boxes}
    assert rooms == dict(enumerate(FLOORS))
