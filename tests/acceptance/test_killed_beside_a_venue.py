"""A book's process is killed again and again beside a venue in another process that lives on."""

from __future__ import annotations

import copy

import pytest

from tests.kills.harness import Lived, Plan, killed_over_and_over
from tests.outside.auditor import faults

PLAN = Plan(kills=10, speed=20, apart_s=15, lives_s_max=0.4, seed=1, pauses=1)


@pytest.fixture(scope="module")
def lived() -> Lived:
    return killed_over_and_over(PLAN)


@pytest.mark.requirement("P1")
def test_ten_kills_lose_nothing_and_double_nothing(lived: Lived) -> None:
    """What must hold is checked by the harness; here, that it had something to check."""
    assert lived.killed == PLAN.kills
    assert lived.before_first_entry < PLAN.kills
    assert len(lived.submits) > 20
    assert lived.summary["fills"] > 20
    assert lived.summary["working"] == 0


def test_an_order_that_the_venue_lacks_would_be_found(lived: Lived) -> None:
    assert lived.said is not None
    said = copy.deepcopy(lived.said)
    venue = next(each for each in said.dump["venues"].values() if each["orders"])
    filled = [name for name, order in venue["orders"].items() if order["status"] == "filled"]
    del venue["orders"][filled[0]]
    assert [each.what for each in faults(said)] == ["presence"]
