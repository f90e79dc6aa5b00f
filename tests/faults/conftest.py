"""One clinic for all tests of faults, made whole before each."""

from collections.abc import Iterator

import pytest

from tests.faults import clinic as clinics
from tests.faults.clinic import Clinic


@pytest.fixture(scope="session")
def standing_clinic() -> Iterator[Clinic]:
    with clinics.clinic() as clinic:
        yield clinic


@pytest.fixture
def clinic(standing_clinic: Clinic) -> Iterator[Clinic]:
    standing_clinic.heal()
    yield standing_clinic
    print(*standing_clinic.api.failures(), sep="\n")
