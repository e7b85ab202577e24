"""A circuit opens after a few connection failures, lets one order try, closes on its success."""

from __future__ import annotations

import pytest

from stretto.core.failures.circuit import (
    Change,
    Circuit,
    CircuitState,
    Scope,
    admit,
    is_admitting,
    on_failure,
    on_probe_due,
    on_success,
    probe_delay_ns,
    withdraw,
)
from stretto.core.terms.failure import Failure, FailureClass, Outcome
from stretto.core.terms.policy import FAILURE_POLICY as POLICY
from stretto.core.terms.policy import FailurePolicy
from stretto.core.values import NS_PER_S
from tests.unit.core.failure_samples import a_failure

VENUE = Circuit(scope=Scope.VENUE, name="east")
ACCOUNT = Circuit(scope=Scope.ACCOUNT, name="a1")
LOST = a_failure(FailureClass.CONNECTION_TEMPORARY)
T0 = 1_000 * NS_PER_S


def opened(circuit: Circuit = VENUE) -> Circuit:
    for n in range(5 if circuit.scope is Scope.VENUE else 3):
        circuit = on_failure(POLICY, circuit, LOST, f"o{n}", T0).after
    assert circuit.state is CircuitState.OPEN
    return circuit


def half_open() -> Circuit:
    return on_probe_due(opened(), T0 + 30 * NS_PER_S).after


@pytest.mark.requirement("R5.6")
@pytest.mark.parametrize(("circuit", "failures"), [(VENUE, 5), (ACCOUNT, 3)])
def test_it_opens_at_the_stated_number_of_failures(circuit: Circuit, failures: int) -> None:
    for n in range(failures - 1):
        step = on_failure(POLICY, circuit, LOST, f"o{n}", T0 + n)
        assert step.change is Change.COUNTED
        circuit = step.after
        assert is_admitting(circuit)
    step = on_failure(POLICY, circuit, LOST, "last", T0 + 9)
    assert step.change is Change.OPENED
    assert step.cause == FailureClass.CONNECTION_TEMPORARY
    assert step.after.probe_at == T0 + 9 + 30 * NS_PER_S
    assert admit(step.after, "o9") is None


def test_failures_older_than_the_window_do_not_count() -> None:
    circuit = ACCOUNT
    for n in range(10):
        circuit = on_failure(POLICY, circuit, LOST, f"o{n}", T0 + n * 31 * NS_PER_S).after
    assert circuit.state is CircuitState.CLOSED
    assert len(circuit.failures_at) == 2


@pytest.mark.parametrize(("after_ns", "change"), [(-1, Change.OPENED), (0, Change.COUNTED)])
def test_a_failure_as_old_as_the_window_does_not_count(after_ns: int, change: Change) -> None:
    circuit = ACCOUNT
    for at in (T0, T0 + 1):
        circuit = on_failure(POLICY, circuit, LOST, f"o{at}", at).after
    last = T0 + POLICY.circuit_window_ns + after_ns
    assert on_failure(POLICY, circuit, LOST, "last", last).change is change


@pytest.mark.parametrize("failure", [LOST, a_failure(FailureClass.ACCESS_DENIED)])
def test_what_fails_while_it_is_open_was_sent_before_and_changes_nothing(failure: Failure) -> None:
    step = on_failure(POLICY, opened(ACCOUNT), failure, "o9", T0 + 1)
    assert (step.change, step.after) == (Change.NONE, opened(ACCOUNT))


def test_while_one_order_tries_no_other_ones_failure_counts() -> None:
    assert on_failure(POLICY, probing(), LOST, "o9", T0).change is Change.NONE
    for name in ("o9", ""):
        assert on_failure(POLICY, half_open(), LOST, name, T0).change is Change.NONE


@pytest.mark.parametrize(
    "failure_class",
    [
        FailureClass.INSUFFICIENT_MARGIN,
        FailureClass.PRICE_MOVED,
        FailureClass.MARKET_CLOSED,
        FailureClass.RATE_LIMITED,
        FailureClass.UNCLASSIFIED,
    ],
)
def test_what_the_venue_refuses_in_good_order_does_not_count(failure_class: FailureClass) -> None:
    step = on_failure(POLICY, ACCOUNT, a_failure(failure_class), "o1", T0)
    assert (step.change, step.after) == (Change.NONE, ACCOUNT)


def test_an_accepted_request_is_no_failure_of_the_connection() -> None:
    failure = a_failure(FailureClass.VENUE_ERROR, Outcome.ACCEPTED)
    assert on_failure(POLICY, ACCOUNT, failure, "o1", T0).change is Change.NONE


def test_denied_access_opens_the_account_at_once_and_not_the_venue() -> None:
    denied = a_failure(FailureClass.ACCESS_DENIED)
    assert on_failure(POLICY, ACCOUNT, denied, "o1", T0).change is Change.OPENED
    assert on_failure(POLICY, VENUE, denied, "o1", T0).change is Change.NONE


def test_a_persistent_failure_opens_at_once() -> None:
    failure = a_failure(FailureClass.CONNECTION_PERSISTENT)
    assert on_failure(POLICY, VENUE, failure, "o1", T0).change is Change.OPENED


def test_the_probe_is_never_early() -> None:
    circuit = opened()
    assert on_probe_due(circuit, T0 + 30 * NS_PER_S - 1).change is Change.NONE
    assert on_probe_due(circuit, T0 + 30 * NS_PER_S).change is Change.HALF_OPENED
    assert on_probe_due(half_open(), T0 + 99 * NS_PER_S).change is Change.NONE
    assert on_probe_due(VENUE, T0).change is Change.NONE


def test_half_open_lets_one_order_try() -> None:
    first = admit(half_open(), "p1")
    assert first is not None
    assert (first.change, first.cause) == (Change.PROBE_SENT, "p1")
    assert admit(first.after, "p2") is None
    assert not is_admitting(first.after)


def probing() -> Circuit:
    step = admit(half_open(), "p1")
    assert step is not None
    return step.after


def test_the_probes_success_closes_it_and_forgets_the_failures() -> None:
    step = on_success(probing(), "p1")
    assert (step.change, step.after) == (Change.CLOSED, VENUE)


def test_success_of_an_earlier_order_closes_nothing() -> None:
    assert on_success(probing(), "o1").change is Change.NONE
    assert on_success(opened(), "o1").change is Change.NONE
    assert on_success(half_open(), "").change is Change.NONE


def test_a_probe_that_is_refused_for_its_own_reason_shows_that_the_way_is_open() -> None:
    step = on_failure(POLICY, probing(), a_failure(FailureClass.PRICE_MOVED), "p1", T0)
    assert step.change is Change.CLOSED


def test_a_probe_whose_fate_is_unknown_shows_nothing() -> None:
    doubtful = a_failure(FailureClass.DUPLICATE_ORDER, Outcome.UNKNOWN)
    assert on_failure(POLICY, probing(), doubtful, "p1", T0).change is Change.NONE
    silent = a_failure(FailureClass.UNKNOWN_OUTCOME, Outcome.UNKNOWN)
    assert on_failure(POLICY, probing(), silent, "p1", T0).change is Change.OPENED


def test_a_failed_probe_opens_it_for_twice_as_long() -> None:
    circuit, at = opened(), T0
    waits = []
    for n in range(7):
        due = circuit.probe_at
        assert due is not None
        waits.append((due - at) // NS_PER_S)
        at = due
        step = admit(on_probe_due(circuit, at).after, f"p{n}")
        assert step is not None
        circuit = on_failure(POLICY, step.after, LOST, f"p{n}", at).after
    assert waits == [30, 60, 120, 240, 480, 900, 900]


def test_a_probe_that_was_not_sent_makes_room_for_another() -> None:
    step = withdraw(probing(), "p1")
    assert step.change is Change.PROBE_WITHDRAWN
    assert admit(step.after, "p2") is not None
    assert withdraw(probing(), "o1").change is Change.NONE
    assert withdraw(VENUE, "o1").change is Change.NONE


def test_the_policy_sets_the_numbers() -> None:
    policy = FailurePolicy(circuit_venue_failures=1, circuit_probe_ns=7)
    step = on_failure(policy, VENUE, LOST, "o1", T0)
    assert (step.change, step.after.probe_at) == (Change.OPENED, T0 + 7)
    assert probe_delay_ns(FailurePolicy(circuit_probe_ns_max=1), 3) == 30 * NS_PER_S


def test_a_circuit_and_its_timer_have_one_name() -> None:
    assert (VENUE.key, ACCOUNT.key) == ("venue:east", "account:a1")
