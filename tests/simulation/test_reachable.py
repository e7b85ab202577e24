"""Which order states faults can meet: every fault has an occasion, every pair a verdict."""

from __future__ import annotations

import pytest

from stretto.brokers.sim_faults import FaultKind
from stretto.core.orders.order_table import OrderState
from stretto.simulation.reachable import (
    ARRIVING,
    LIVE,
    OCCASIONS,
    SEEN,
    Occasion,
    coverage,
    pair,
)
from stretto.simulation.schedule import Boundary, ProcessFault, faults_named

S = OrderState
ALL = faults_named(["all"])
PAIRS = [(state, fault) for state in OrderState for fault in OCCASIONS]


def test_every_fault_that_a_run_can_name_has_an_occasion() -> None:
    process = {each.value for each in ProcessFault} - {"crash", "disk"}
    crashes = {f"crash {boundary.value}" for boundary in Boundary}
    disk = {f"disk {b.value}" for b in Boundary if b.value.startswith("append")}
    assert set(OCCASIONS) == {*FaultKind, *process, *crashes, *disk}
    assert set(OCCASIONS.values()) == set(Occasion)


def test_states_follow_from_the_table_and_from_what_simulated_venues_say() -> None:
    unsaid = {S.PENDING_NEW, S.SUSPENDED, S.STOPPED, S.DONE_FOR_DAY, S.CALCULATED}
    assert set(OrderState) - unsaid - {S.INITIALIZED} == SEEN
    assert {
        S.SUBMITTING, S.IN_DOUBT, S.NEW, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE,
    } == LIVE  # fmt: skip
    assert {S.SUBMITTING, S.IN_DOUBT} == ARRIVING


def test_what_is_not_asked_of_a_run_has_one_reason_each() -> None:
    verdicts = [pair(state, fault) for state, fault in PAIRS]
    assert all(found.why_not for found in verdicts if found.by_chance)
    assert sum(not found.why_not for found in verdicts) == coverage((), ALL).reachable > 200
    for fault in OCCASIONS:  # each can meet something, and nothing meets what is never seen
        assert any(not pair(state, fault).why_not for state in OrderState)
        assert all(pair(state, fault).why_not for state in set(OrderState) - SEEN)


@pytest.mark.parametrize(
    ("visited", "names"),
    [
        ("submitting suspension", ("visited",)),
        ("rejected report-delayed", ("by_chance",)),
        ("new suspension", ("contradicted",)),
        ("filled crash entry", ("contradicted",)),
        ("new nonsense", ("contradicted",)),
    ],
)
def test_a_visit_counts_is_known_or_contradicts(visited: str, names: tuple[str, ...]) -> None:
    found = coverage([visited], ALL)
    assert found.visited == ("visited" in names)
    assert len(found.missing) == found.reachable - found.visited
    assert found.by_chance == ((visited,) if "by_chance" in names else ())
    assert found.contradicted == ((visited,) if "contradicted" in names else ())


def test_only_the_faults_that_are_allowed_are_asked_for() -> None:
    found = coverage((), faults_named(["overfill", "disk"]))
    faults = {name.split(" ", 1)[1] for name in found.missing}
    assert faults == {"overfill", *(f for f in OCCASIONS if f.startswith("disk "))}
