"""Seeds of one simulated day hold every invariant; ``make test-long`` runs more of them."""

from __future__ import annotations

import pytest

from stretto.simulation.reachable import coverage
from stretto.simulation.schedule import faults_named
from stretto.simulation.stage import simulate

CHUNK = 10
SEEDS = 100
ALL = faults_named(["all"])


@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_a_day_of_every_seed_holds_every_invariant(first: int) -> None:
    outcomes = [simulate(seed, 24, ALL) for seed in range(first, first + CHUNK)]
    assert {each.seed: each.broken for each in outcomes if each.broken is not None} == {}
    # A run in which nothing happens would hold as well.
    assert sum(each.orders for each in outcomes) > 5 * CHUNK
    assert sum(sum(each.faults.values()) for each in outcomes) > 10 * CHUNK
    assert sum(each.lives for each in outcomes) > CHUNK
    pairs = [pair for each in outcomes for pair in each.pairs]
    assert coverage(pairs, ALL).contradicted == ()
