"""An immediate plan's orders leave in its own entry, each only as its release would let it go.

That every one of them is what its release would decide is asserted wherever a ``Desk`` plans.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.effects import SubmitOrder
from stretto.core.failures.circuit import Circuit, CircuitState, Scope
from stretto.core.orders.order import OrderState
from stretto.core.release import at_once
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import Policy
from stretto.core.terms.signal import ListedAccounts, Urgency
from tests.book_invariants import holds, replays, restored
from tests.builders import START, Desk, S, a_config, a_signal, an_account, names

NOW = Urgency.IMMEDIATE


def planned(desk: Desk, **changes: Any) -> tuple[Plan, list[ev.OrderIntended]]:
    """The plan of an immediate signal, and what left with it."""
    signal = a_signal(f"s{desk.book.seq}", desk.now, **({"urgency": NOW} | changes))
    event, *rest = desk.feed(ev.SignalReceived(signal=signal))
    assert isinstance(event, ev.SignalPlanned)
    assert all(isinstance(each, ev.OrderIntended) for each in rest)
    return event.plan, [each for each in rest if isinstance(each, ev.OrderIntended)]


@pytest.mark.requirement("P4")
def test_every_order_leaves_in_the_entry_of_its_plan_in_order_of_release() -> None:
    desk = Desk(a_config(4))
    plan, left = planned(desk)
    assert len(left) == 4
    assert [e.order.account_id for e in left] == [a.account_id for a in plan.allocations]
    assert {e.order.send_before for e in left} == {START + 2 * S}
    assert {e.planned_at for e in left} == {START}
    assert {o.state for o in desk.book.orders.values()} == {OrderState.SUBMITTING}
    assert [type(c) for c in desk.commands] == [SubmitOrder] * 4
    assert desk.book.scheduled == {}
    assert ev.subject_of(desk.entries[-1]) == (plan.execution_id, "")
    holds(desk.book)
    restored(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.parametrize("urgency", [u for u in Urgency if u is not NOW])
def test_a_staggered_plan_waits_for_its_releases(urgency: Urgency) -> None:
    assert planned(Desk(), urgency=urgency)[1] == []


def test_a_plan_that_waits_for_a_person_sends_nothing() -> None:
    desk = Desk(a_config(3, Policy(approval_always=True)))
    plan, left = planned(desk)
    assert plan.awaits
    assert left == []


def test_what_is_past_the_bound_leaves_at_its_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_once, "INTENTS_AT_ONCE_MAX", 2)
    desk = Desk(a_config(5))
    assert len(planned(desk)[1]) == 2
    assert len(desk.timers_until(desk.now)) == 3
    assert len(desk.book.orders) == 5
    holds(desk.book)
    replays(desk.book, desk.entries)


def test_a_venue_to_be_spared_gets_nothing_before_it_may() -> None:
    desk = Desk(a_config([an_account(name) for name in names(2)]))
    throttled = {"sim": desk.now + 5 * S}
    desk.book.throttled.update(throttled)
    assert planned(desk)[1] == []
    (first, second) = desk.timers_until(desk.now)
    for waits in (first, second):
        assert isinstance(waits, ev.LegScheduled)
        assert (waits.reason, waits.due_at) == ("rate_limited", throttled["sim"])


def test_one_entry_tries_a_half_open_circuit() -> None:
    desk = Desk(a_config([an_account(name) for name in names(3)]))
    venue = Circuit(scope=Scope.VENUE, name="sim", state=CircuitState.HALF_OPEN)
    own = replace(venue, scope=Scope.ACCOUNT, name="a1")
    desk.book.circuits[own.key] = own
    plan, left = planned(desk, accounts=ListedAccounts(account_ids=("a0", "a1")))
    assert len(plan.allocations) == 2
    assert [e.order.account_id for e in left] == ["a0"], "the other's release asks the circuit"
    tried, _ = desk.timers_until(desk.now)
    assert isinstance(tried, ev.OrderIntended)
    assert desk.book.circuits[own.key].probe == tried.order.client_order_id
    desk.book.circuits[venue.key] = venue
    plan, left = planned(desk, accounts=ListedAccounts(account_ids=("a0", "a2")))
    assert len(plan.allocations) == 2
    assert left == []
    events = desk.timers_until(desk.now)
    assert sum(isinstance(e, ev.OrderIntended) for e in events) == 1, "one at a time"
