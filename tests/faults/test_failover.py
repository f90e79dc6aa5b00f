import pytest

from tests.faults.failover import failover, unconfirmed
from tests.faults.figures import check

pytestmark = pytest.mark.faults


def test_a_promoted_standby_has_everything_and_the_api_finds_it() -> None:
    check(failover(seconds=6, clients=8))


def test_what_the_standby_has_not_confirmed_is_not_acknowledged() -> None:
    check(unconfirmed())
