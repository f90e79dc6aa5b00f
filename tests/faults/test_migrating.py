import pytest

from tests.faults.figures import check
from tests.faults.migrating import migrating

pytestmark = pytest.mark.faults


def test_three_that_migrate_at_once_all_succeed() -> None:
    check(migrating(rounds=1, replicas=3))
