from collections.abc import Iterator

import pytest
from sqlalchemy import URL

from tests.process import server, text_of

SECRET = "Vh8-3kq_Zr1xTnB5mWcQ7yLdPf0sGjKe"


@pytest.fixture(scope="module")
def running_clinic(database_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """For one module: an address may register thirty times a minute."""
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "JWT_SECRET": SECRET, "LOCK_TIMEOUT": "1"}
    with server(cwd=tmp_path_factory.mktemp("clinic"), **settings) as (address, _):
        yield address


@pytest.fixture
def clinic(running_clinic: str, empty_tables: None) -> str:
    """The address of a clinic in which nobody is yet."""
    return running_clinic
