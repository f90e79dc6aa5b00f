import pytest

from tests.faults.chaos import chaos
from tests.faults.clinic import Clinic
from tests.faults.figures import check

pytestmark = pytest.mark.faults


def test_nothing_acknowledged_is_lost_when_postgresql_and_the_api_are_killed(clinic: Clinic) -> None:
    check(chaos(clinic, seconds=10, clients=16, kills=2))
