import pytest

from tests.faults.figures import missed
from tests.faults.migrating import migrating

pytestmark = pytest.mark.faults


def test_three_that_migrate_at_once_all_succeed() -> None:
    assert missed(migrating(rounds=2, replicas=3)) == []
