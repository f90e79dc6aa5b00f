import pytest

from tests.faults.clinic import Clinic
from tests.faults.conflicts import lost_updates, repeated_keys
from tests.faults.figures import check

pytestmark = pytest.mark.faults


def test_no_update_is_lost_with_if_match(clinic: Clinic) -> None:
    check(lost_updates(clinic, clients=8, increments=20))


def test_a_key_makes_one_patient_however_often_it_is_sent_at_once(clinic: Clinic) -> None:
    check(repeated_keys(clinic, keys=30, repeats=10))
