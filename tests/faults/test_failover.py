import pytest

from tests.faults.failover import failover
from tests.faults.figures import check

pytestmark = pytest.mark.faults


def test_a_promoted_standby_has_everything_and_the_api_finds_it() -> None:
    check(failover(seconds=6, clients=8))
