"""Partial fills of a book: when they are looked at, and which strategy follows."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.book import NextStep
from stretto.core.effects import CancelOrder, SubmitOrder
from stretto.core.orders.completion import Strategy
from stretto.core.orders.order import OrderState
from stretto.core.terms.report import (
    ExecType,
    OrderType,
    OrdStatus,
)
from stretto.core.terms.signal import Urgency
from stretto.core.values import ZERO
from tests.builders import Desk, S, a_config, a_signal, an_account, only
from tests.unit.core.partial_fills import (
    a_desk,
    cancelled,
    choices,
    fill,
    finished,
    now,
    sent,
    the_allocation,
    wide,
)


@pytest.mark.requirement("R4.1", "R4.3")
def test_a_partial_fill_that_never_ends_waits_twice_is_replaced_once_and_then_accepted() -> None:
    desk, order = a_desk()
    fill(desk, order, 4_000)
    events = desk.timers_until(desk.now + 242 * S)
    assert choices(events) == [
        (Strategy.WAIT, "time_left"),
        (Strategy.WAIT, "time_left"),
        (Strategy.REPLACE, "waits_spent"),
    ]
    first, second, third = (e for e in events if isinstance(e, ev.CompletionAssessed))
    assert second.age_ns - first.age_ns == third.age_ns - second.age_ns == 120 * S
    assert first.probability is not None
    assert first.remainder == order.quantity - 4_000
    assert now(desk, order).state is OrderState.PENDING_CANCEL
    assert sent(desk, SubmitOrder) == 0, "nothing goes anywhere before the proof"
    leg = only(cancelled(desk, order), ev.LegScheduled)
    assert (leg.step, leg.released) == (NextStep.SEND, order.quantity - 4_000)
    desk.timers_until(desk.now + 2 * S)
    again = list(desk.book.orders.values())[-1]
    assert (again.leg, again.quantity) == (2, order.quantity - 4_000)
    desk.send(again)
    desk.report(again, ExecType.NEW, OrdStatus.NEW)
    fill(desk, again, 1_000)
    events = desk.timers_until(desk.now + 242 * S)
    assert choices(events)[-1] == (Strategy.ACCEPT, "replacements_spent")
    ended = only(cancelled(desk, again), ev.AllocationEnded)
    assert ended.reason == "completion_accept"
    allocation = finished(desk)
    assert (allocation.filled, allocation.abandoned) == (Decimal(5_000), order.quantity - 5_000)


@pytest.mark.requirement("R4.3")
def test_an_order_that_is_never_filled_at_all_times_out() -> None:
    desk, order = a_desk()
    assert choices(desk.timers_until(desk.now + 119 * S)) == []
    events = desk.timers_until(desk.now + 2 * S)
    assessed = only(events, ev.CompletionAssessed)
    assert (assessed.strategy, assessed.probability) == (Strategy.WAIT, None)
    desk.timers_until(desk.now + 241 * S)
    assert now(desk, order).state is OrderState.PENDING_CANCEL


@pytest.mark.requirement("R4.1")
def test_a_resting_limit_keeps_its_time_in_force() -> None:
    desk, order = a_desk(order_type=OrderType.LIMIT, limit_price=Decimal("1.10000"))
    fill(desk, order, 4_000)
    assert desk.timers_until(desk.now + 3_000 * S) == []
    assert now(desk, order).complete_at is None


@pytest.mark.requirement("R4.2")
def test_fills_that_come_together_are_looked_at_once_and_a_whole_one_never() -> None:
    desk, order = a_desk()
    fill(desk, order, 4_000)
    desk.now += S // 2
    fill(desk, order, 5_500)
    assert choices(desk.timers_until(desk.now + S)) == [(Strategy.ACCEPT, "nearly_filled")]
    desk, order = a_desk()
    fill(desk, order, 4_000)
    fill(desk, order, order.quantity - 4_000)
    assert desk.timers_until(desk.now + 1_000 * S) == []
    assert finished(desk).ended == "filled"


@pytest.mark.requirement("R4.2")
def test_nearly_filled_is_accepted_and_the_rest_abandoned_only_when_the_cancel_is_proven() -> None:
    desk, order = a_desk()
    fill(desk, order, order.quantity - 1_000)
    desk.timers_until(desk.now + S)
    assert sent(desk, CancelOrder) == 1
    allocation = the_allocation(desk)
    assert desk.book.quantities(allocation).working == 1_000
    assert allocation.abandoned == ZERO
    cancelled(desk, order)
    assert finished(desk).abandoned == 1_000


@pytest.mark.requirement("R4.2", "R4.4")
def test_low_urgency_waits_three_times_300_s_in_an_illiquid_market_and_then_accepts() -> None:
    desk, order = a_desk(urgency=Urgency.LOW)
    fill(desk, order, 4_000)
    events = desk.timers_until(desk.now + 902 * S, wide)
    assert choices(events) == [(Strategy.WAIT, "patient_and_illiquid")] * 3 + [
        (Strategy.ACCEPT, "patience_spent")
    ]
    ages = [e.age_ns // S for e in events if isinstance(e, ev.CompletionAssessed)]
    assert [b - a for a, b in pairwise(ages)] == [300, 300, 300]
    cancelled(desk, order)
    assert finished(desk).abandoned == order.quantity - 4_000


@pytest.mark.requirement("R2.4")
def test_a_patient_account_waits_longer_and_an_impatient_one_less() -> None:
    for patience, wait_s in ((0, 60), (1_000_000, 180)):
        account = an_account("a0")
        profile = msgspec.structs.replace(account.profile, patience=patience)
        desk = Desk(a_config([msgspec.structs.replace(account, profile=profile)]))
        order = desk.order(a_signal())
        desk.report(order, ExecType.NEW, OrdStatus.NEW)
        events = desk.timers_until(desk.now + (wait_s + 1) * S)
        assert only(events, ev.CompletionAssessed).due_at == desk.now + (wait_s - 1) * S


@pytest.mark.requirement("R4.4")
def test_older_than_600_s_means_another_account() -> None:
    desk, order = a_desk(urgency=Urgency.LOW)
    fill(desk, order, 4_000)
    desk.timers_until(desk.now + 610 * S, wide)  # patient: three waits of 300 s
    events = desk.timers_until(desk.now + 292 * S)  # liquid again
    assert choices(events) == [(Strategy.REROUTE, "too_old")]
    assert the_allocation(desk).pending == ZERO
    leg = only(cancelled(desk, order), ev.LegScheduled)
    assert (leg.step, leg.due_at) == (NextStep.REROUTE, desk.now)
    assert leg.released == order.quantity - 4_000
    assert the_allocation(desk).pending == order.quantity - 4_000


@pytest.mark.requirement("R4.2", "R4.3")
def test_fills_that_go_on_do_not_use_up_the_waits() -> None:
    desk, order = a_desk()
    fill(desk, order, 1_000)
    assert choices(desk.timers_until(desk.now + S)) == [(Strategy.WAIT, "time_left")]
    for _ in range(7):
        desk.timers_until(desk.now + 4 * S)
        fill(desk, order, 1_000)
    assert choices(desk.timers_until(desk.now + 80 * S)) == [], "8,000 so far, not above 80 %"
    fill(desk, order, order.quantity - 9_000)
    assert choices(desk.timers_until(desk.now + S)) == [(Strategy.ACCEPT, "nearly_filled")]
