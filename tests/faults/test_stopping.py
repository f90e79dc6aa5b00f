import pytest

from tests.faults.clinic import Clinic
from tests.faults.figures import check
from tests.faults.stopping import stopping, stopping_without_the_database

pytestmark = pytest.mark.faults


def test_who_is_being_served_is_served_to_the_end(clinic: Clinic) -> None:
    check(stopping(clinic, slow_body=3))


def test_it_ends_while_the_database_is_frozen(clinic: Clinic) -> None:
    check(stopping_without_the_database(clinic))
