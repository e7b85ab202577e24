"""What failures make of a venue and an account: circuits, throttles, statistics, alerts."""

from __future__ import annotations

import pytest

from stretto.core import events as ev
from stretto.core.failures.circuit import Change, CircuitState
from stretto.core.failures.failure_statistics import share
from stretto.core.orders.order import Order
from stretto.core.terms.failure import FailureClass
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import ListedAccounts
from tests.book_invariants import holds, replays, restored
from tests.builders import Desk, S, a_config, a_signal, an_account, names, only

UNKNOWN = ev.SendOutcomeKind.UNKNOWN


def sent_to(desk: Desk, account_id: str, count: int, tag: str = "d") -> list[Order]:
    """Orders of as many signals for one account, released together and not answered yet."""
    before = set(desk.book.orders)
    for number in range(count):
        listed = ListedAccounts(account_ids=(account_id,))
        signal = a_signal(f"{tag}{number}", desk.now, accounts=listed)
        assert desk.plan(signal).refused is None
    while desk.book.scheduled:
        desk.timers_until(min(at for each in desk.book.scheduled.values() for at in each.values()))
    return [order for name, order in desk.book.orders.items() if name not in before]


def opened(accounts: int = 3) -> Desk:
    """Three orders of a0 vanish within a minute."""
    desk = Desk(a_config([an_account(name) for name in names(accounts)]))
    for order in sent_to(desk, "a0", 3):
        desk.send(order, UNKNOWN)
        holds(desk.book)
    return desk


@pytest.mark.requirement("R5.6")
def test_connection_failures_open_the_circuit_of_their_account_and_no_entry_is_planned_there() -> (
    None
):
    desk = opened()
    circuit = desk.book.circuits["account:a0"]
    assert (circuit.state, circuit.openings) == (CircuitState.OPEN, 1)
    assert desk.book.circuits["venue:sim"].state is CircuitState.CLOSED, "five open a venue's"
    plan = desk.plan(a_signal("next", desk.now))
    refused = {r.account_id: r.rule for r in plan.refusals}
    assert refused == {"a0": Rule.CIRCUIT_OPEN}
    again = restored(desk.book)
    assert dict(again.timers)["circuit:account:a0"] == circuit.probe_at
    replays(desk.book, desk.entries)


@pytest.mark.requirement("R5.3")
def test_an_open_circuit_sends_what_waits_to_another_account() -> None:
    desk = Desk(a_config([an_account(name) for name in names(2)]))
    orders = sent_to(desk, "a0", 3)
    signal = a_signal("waits", desk.now)
    plan = desk.plan(signal)
    assert {a.account_id for a in plan.allocations} == {"a0", "a1"}
    for order in orders:
        desk.send(order, UNKNOWN)
    events = desk.timers_until(desk.now + 31 * S)
    legs = [e for e in events if isinstance(e, ev.LegScheduled) and e.reason == "circuit_open"]
    assert [leg.account_id for leg in legs] == ["a0"]
    ended = [e for e in events if isinstance(e, ev.AllocationEnded) and e.refusal]
    assert [e.refusal.rule for e in ended if e.refusal] == [Rule.NO_ALTERNATIVE], "a1 is in it"
    assert [o.account_id for o in desk.book.orders.values()] == ["a0"] * 3 + ["a1"]
    holds(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.requirement("R5.6")
def test_one_order_probes_and_its_answer_closes_the_circuit() -> None:
    desk = opened(1)
    circuit = desk.book.circuits["account:a0"]
    assert circuit.probe_at is not None
    events = desk.timers_until(circuit.probe_at)
    assert only(events, ev.CircuitChanged).change is Change.HALF_OPENED
    (probe,) = sent_to(desk, "a0", 1, "probe")
    assert desk.book.circuits["account:a0"].probe == probe.client_order_id
    plan = desk.plan(a_signal("second", desk.now))
    assert [r.rule for r in plan.refusals] == [Rule.CIRCUIT_OPEN], "one at a time"
    desk.send(probe)
    changed = only(desk.report(probe, ExecType.NEW, OrdStatus.NEW), ev.CircuitChanged)
    assert changed.change is Change.CLOSED
    assert "account:a0" not in desk.book.circuits
    holds(desk.book)
    replays(desk.book, desk.entries)


def test_a_probe_that_fails_opens_the_circuit_for_twice_as_long() -> None:
    desk = opened(1)
    first = desk.book.circuits["account:a0"].probe_at
    assert first is not None
    desk.timers_until(first)
    (probe,) = sent_to(desk, "a0", 1, "probe")
    desk.send(probe, UNKNOWN)
    circuit = desk.book.circuits["account:a0"]
    assert (circuit.state, circuit.openings) == (CircuitState.OPEN, 2)
    assert circuit.probe_at == desk.now + 60 * S


@pytest.mark.requirement("R5.4")
def test_connection_persistent_opens_both_circuits_and_reroutes_what_is_proven_dead() -> None:
    desk = Desk(a_config(2))
    (order,) = sent_to(desk, "a0", 1)
    for _ in range(4):
        events = desk.send(order, ev.SendOutcomeKind.NOT_SENT)
        leg = only(events, ev.LegScheduled)
        desk.timers_until(leg.due_at)
        order = list(desk.book.orders.values())[-1]
    assert leg.step.value == "reroute"
    assert {key: c.state for key, c in desk.book.circuits.items()} == {
        "account:a0": CircuitState.OPEN,
        "venue:sim": CircuitState.OPEN,
    }
    assert "failed:account:a0:connection_persistent" in desk.book.alerts
    holds(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.requirement("R5.3")
def test_rate_limited_throttles_the_venue_for_everybody() -> None:
    desk = Desk(a_config(2))
    (order,) = sent_to(desk, "a0", 1)
    desk.send(order)
    plan = desk.plan(a_signal("other", desk.now, accounts=ListedAccounts(account_ids=("a1",))))
    (share_,) = plan.allocations
    desk.now = share_.release_at - S
    events = desk.report(
        order,
        ExecType.REJECTED,
        OrdStatus.REJECTED,
        reject_code="rate_limited",
        text="retry_after_ms=9000",
    )
    throttled = only(events, ev.VenueThrottled)
    assert throttled.until >= desk.now + 9 * S
    before = len(desk.book.orders)
    while_throttled = desk.timers_until(throttled.until - 1)
    assert len(desk.book.orders) == before, "nobody of the venue goes"
    waits = [e for e in while_throttled if isinstance(e, ev.LegScheduled)]
    assert [(w.account_id, w.reason) for w in waits] == [("a1", "rate_limited")]
    holds(desk.book)
    desk.timers_until(throttled.until + 40 * S)
    assert {o.account_id for o in list(desk.book.orders.values())[before:]} == {"a0", "a1"}
    replays(desk.book, desk.entries)


@pytest.mark.requirement("R5.6")
def test_failures_are_counted_by_venue_account_and_class_and_a_rising_class_raises_an_alert() -> (
    None
):
    desk = Desk(a_config(1))
    raised = []
    for number in range(6):
        (order,) = sent_to(desk, "a0", 1, f"r{number}-")
        desk.send(order)
        events = desk.report(
            order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="too_many_orders"
        )
        raised += [e for e in events if isinstance(e, ev.AlertRaised)]
        desk.timers_until(desk.now + S)
    for key in ("account:a0", "venue:sim"):
        record = desk.book.failures[key].classes[FailureClass.LIMIT_REACHED]
        assert sum(count for _, count in record.counts) == 6
        assert share(desk.book.failures[key], FailureClass.LIMIT_REACHED) > 0
    assert sorted(e.alert.about for e in raised) == ["account:a0", "venue:sim"], "once"
    holds(desk.book)
    restored(desk.book)
    day = desk.timers_until(desk.now + 26 * 3_600 * S)
    cleared = [e.key for e in day if isinstance(e, ev.AlertCleared)]
    assert sorted(cleared) == [
        "rising:account:a0:limit_reached",
        "rising:venue:sim:limit_reached",
    ]
    assert not desk.book.alerts
    replays(desk.book, desk.entries)
