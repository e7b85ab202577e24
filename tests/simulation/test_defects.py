"""Planted defects are caught at their known seeds, and the same seeds hold without them."""

from __future__ import annotations

import pytest

from stretto.brokers.sim_faults import FaultKind
from stretto.simulation.schedule import ProcessFault, faults_named
from stretto.simulation.stage import simulate
from tests.simulation.defects.find import HOURS, caught, load
from tests.simulation.defects.known import CANARY, COMMON, SEEDS

DEFECTS = load()


def test_every_planted_defect_has_a_seed_that_catches_it() -> None:
    assert set(SEEDS) == set(DEFECTS) - {CANARY}
    assert len(SEEDS) >= 30
    found_by = {number for planted in DEFECTS.values() for number in planted.finds}
    assert found_by >= set(range(1, 17)), "each invariant has a defect that breaks it"


def test_every_fault_has_a_defect_that_shows_where_it_strikes() -> None:
    faults = {kind.value for kind in FaultKind} | {each.value for each in ProcessFault}
    planted = {each.fault for each in DEFECTS.values()}
    assert planted >= faults
    assert planted - faults == {"none", "person"}


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_a_planted_defect_is_caught(name: str) -> None:
    planted = DEFECTS[name]
    for seed in dict.fromkeys((SEEDS[name], *COMMON)):
        found = caught(planted, seed)
        if found is not None:
            assert found.invariant in planted.finds, found
            return
    pytest.fail(f"{name} is not found any more: python -m tests.simulation.defects.find {name}")


@pytest.mark.parametrize("seed", sorted({*SEEDS.values(), *COMMON}))
def test_the_same_seeds_hold_without_a_defect(seed: int) -> None:
    assert simulate(seed, HOURS, faults_named(["all"])).broken is None


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_canary_never_lives(seed: int) -> None:
    found = caught(DEFECTS[CANARY], seed)
    assert found is not None
    assert found.invariant in DEFECTS[CANARY].finds, found
