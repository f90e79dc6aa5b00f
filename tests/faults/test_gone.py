import pytest

from tests.faults.clinic import Clinic
from tests.faults.figures import check
from tests.faults.gone import Gone, gone

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("how", Gone)
def test_without_the_database_each_route_says_503_and_recovers(how: Gone, clinic: Clinic) -> None:
    check(gone(clinic, how, clients=4, in_turn=False))
