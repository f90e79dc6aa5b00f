import pytest

from tests.faults.clinic import Clinic
from tests.faults.figures import check
from tests.faults.load import crowd, mixed_load

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("requests", [1, 10])
def test_a_crowd_is_served(requests: int, clinic: Clinic) -> None:
    check(crowd(clinic, clients=150, requests=requests))


def test_a_clinic_at_work_gets_no_5xx(clinic: Clinic) -> None:
    check(mixed_load(clinic, seconds=5, clients=32))
