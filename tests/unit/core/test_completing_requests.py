"""Cancels and modifies of partial fills: each failure by its name, and nothing is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.book import NextStep
from stretto.core.effects import CancelOrder, QueryOrder, ReplaceOrder
from stretto.core.orders.completion import Strategy
from stretto.core.orders.order import Order, OrderState
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    OrdStatus,
    StatusAnswer,
    TimeInForce,
)
from stretto.core.terms.signal import Urgency
from stretto.core.values import ZERO
from tests.book_invariants import holds, restored
from tests.builders import Desk, S, only, report_of, the_reads
from tests.unit.core.partial_fills import (
    CANCELED,
    FILLED,
    PARTIAL,
    a_desk,
    cancelled,
    choices,
    fill,
    finished,
    now,
    sent,
    the_allocation,
)

# --- modify


def urgent(**signal: Any) -> tuple[Desk, Order]:
    desk, order = a_desk(**{"urgency": Urgency.HIGH, "max_slippage": Decimal(5), **signal})
    fill(desk, order, 4_000)
    return desk, order


@pytest.mark.requirement("R4.2")
def test_high_urgency_in_a_liquid_market_asks_for_the_worst_price_inside_the_slippage() -> None:
    desk, order = urgent()
    events = desk.timers_until(desk.now + S)
    assert choices(events) == [(Strategy.MODIFY, "urgent_and_liquid")]
    (replace,) = [c for c in desk.commands if isinstance(c, ReplaceOrder)]
    assert replace.quantity == order.quantity, "the whole quantity, not the remainder"
    assert replace.limit_price == Decimal("1.10010") + 5 * Decimal("0.0001")
    assert replace.send_before == desk.now + 2 * S
    allocation = the_allocation(desk)
    assert desk.book.quantities(allocation).working == order.quantity - 4_000, "stays reserved"
    holds(desk.book)


@pytest.mark.requirement("R4.2")
@pytest.mark.parametrize("restated", [14_000, 7_000])
def test_a_modify_asks_for_no_more_than_we_asked_for_and_the_venue_left(restated: int) -> None:
    """A venue raised the quantity unasked, or lowered it: a modify must not adopt the one, nor
    take back what the other gave up.
    """
    desk, order = urgent()
    whole = Decimal(restated)
    desk.report(
        order,
        ExecType.RESTATED,
        PARTIAL,
        cum=4_000,
        order_qty=whole,
        leaves_qty=whole - 4_000,
        exec_id="restated",
        at=desk.now + 1,
    )
    desk.timers_until(desk.now + S)
    (replace,) = [c for c in desk.commands if isinstance(c, ReplaceOrder)]
    assert replace.quantity == min(whole, order.quantity)
    holds(desk.book)


@pytest.mark.requirement("R4.2")
def test_a_market_that_ran_beyond_the_slippage_is_not_followed() -> None:
    desk, _ = urgent()
    events = desk.timers_until(desk.now + S, lambda at: the_reads(at, "1.10070", "1.10080"))
    assert choices(events) == [(Strategy.WAIT, "time_left")]
    assert sent(desk, ReplaceOrder) == 0
    far = desk.timers_until(desk.now + 300 * S, lambda at: the_reads(at, "1.10070", "1.10080"))
    assert (Strategy.ACCEPT, "slippage_spent") in choices(far)
    assert sent(desk, ReplaceOrder) == 0


@pytest.mark.requirement("R4.2")
def test_a_halted_account_gets_no_better_price() -> None:
    desk, _ = urgent()
    ledger = desk.book.ledgers["a0"]
    desk.book.ledgers["a0"] = msgspec.structs.replace(ledger, halted="overfill")
    assert choices(desk.timers_until(desk.now + S)) == [(Strategy.WAIT, "time_left")]


@pytest.mark.requirement("R4.2")
def test_a_fill_during_a_modify_is_no_error_and_counts_once() -> None:
    desk, order = urgent(max_slippage=None)
    desk.timers_until(desk.now + S)
    assert now(desk, order).state is OrderState.PENDING_REPLACE
    events = fill(desk, order, 2_000)
    assert now(desk, order).state is OrderState.PENDING_REPLACE
    assert not any(isinstance(e, ev.InterventionRequired) for e in events)
    allocation = the_allocation(desk)
    assert (allocation.filled, allocation.pending) == (Decimal(6_000), ZERO)
    assert desk.book.quantities(allocation).working == order.quantity - 6_000
    fill(desk, order, order.quantity - 6_000)
    reject = CancelReject(
        client_order_id=order.client_order_id,
        account_id="a0",
        ord_status=FILLED,
        transact_at=desk.now,
        for_replace=True,
        reject_code="too_late_to_cancel",
    )
    assert desk.feed(ev.CancelRejected(reject=reject)) == ()
    assert finished(desk).ended == "filled"


@pytest.mark.requirement("R4.2", "R4.4")
def test_a_modify_is_made_three_times_at_most_even_if_the_venue_refuses_each() -> None:
    desk, order = urgent(max_slippage=None)
    for _ in range(3):
        desk.timers_until(desk.now + 10 * S)
        reject = CancelReject(
            client_order_id=order.client_order_id,
            account_id="a0",
            ord_status=PARTIAL,
            transact_at=desk.now,
            for_replace=True,
            reject_code="not_supported",
        )
        desk.feed(ev.CancelRejected(reject=reject))
        assert now(desk, order).state is OrderState.PARTIALLY_FILLED
        holds(desk.book)
    assert sent(desk, ReplaceOrder) == 3
    desk.timers_until(desk.now + 1_000 * S)
    assert sent(desk, ReplaceOrder) == 3
    assert now(desk, order).state is OrderState.PENDING_CANCEL


@pytest.mark.requirement("R4.3")
def test_a_modify_that_nobody_answers_is_asked_about_and_does_not_hang() -> None:
    desk, order = urgent(max_slippage=None)
    desk.timers_until(desk.now + 8 * S)
    assert sent(desk, QueryOrder) == 1
    events = desk.timers_until(desk.now + 250 * S)
    assert choices(events)[-1][0] is Strategy.REPLACE
    assert now(desk, order).state is OrderState.PENDING_CANCEL
    cancelled(desk, order)
    assert the_allocation(desk).pending == order.quantity - 4_000


# --- cancel


def cancelling(left: int = 1_000, **signal: Any) -> tuple[Desk, Order]:
    """An order whose rest is given up: the cancel is out."""
    desk, order = a_desk(**signal)
    fill(desk, order, order.quantity - left)
    desk.timers_until(desk.now + S)
    assert now(desk, order).state is OrderState.PENDING_CANCEL
    return desk, order


@pytest.mark.requirement("R4.2")
def test_a_fill_during_a_cancel_is_no_error_and_nothing_is_abandoned() -> None:
    desk, order = cancelling()
    events = fill(desk, order, 1_000)
    assert not any(isinstance(e, ev.InterventionRequired | ev.OrderFailed) for e in events)
    reject = CancelReject(
        client_order_id=order.client_order_id,
        account_id="a0",
        ord_status=FILLED,
        transact_at=desk.now,
        for_replace=False,
        reject_code="too_late_to_cancel",
    )
    assert desk.feed(ev.CancelRejected(reject=reject)) == ()
    allocation = finished(desk)
    assert (allocation.filled, allocation.abandoned) == (order.quantity, ZERO)


@pytest.mark.requirement("R4.2")
def test_part_of_a_fill_during_a_cancel_leaves_less_to_go_on_with() -> None:
    desk, order = a_desk()
    fill(desk, order, 4_000)
    desk.timers_until(desk.now + 242 * S)
    before = now(desk, order)
    fill(desk, order, order.quantity - 5_500)  # what is left could be accepted, were it not to go
    after = now(desk, order)
    assert (after.state, after.cancel_requested) == (OrderState.PENDING_CANCEL, True)
    assert after.complete_at == before.complete_at, "the cancel is under way"
    leg = only(cancelled(desk, order), ev.LegScheduled)
    assert leg.released == 1_500


@pytest.mark.requirement("R4.2")
def test_a_rest_below_the_minimum_lot_is_not_sent_again() -> None:
    desk, order = a_desk()
    fill(desk, order, 4_000)
    desk.timers_until(desk.now + 242 * S)
    fill(desk, order, order.quantity - 4_500, status=OrdStatus.PENDING_CANCEL)
    ended = only(cancelled(desk, order), ev.AllocationEnded)
    assert ended.reason == "completion_replace: below_minimum"
    assert finished(desk).abandoned == 500


@pytest.mark.requirement("R4.3")
def test_a_lost_cancel_is_queried_and_asked_for_again_until_a_person_is() -> None:
    desk, order = cancelling()
    live = report_of(order, ExecType.ORDER_STATUS, PARTIAL, cum=order.quantity - 1_000)
    answer = StatusAnswer(
        client_order_id=order.client_order_id,
        account_id="a0",
        known=True,
        transact_at=desk.now,
        report=live,
    )
    desk.timers_until(desk.now + 6 * S)
    assert (sent(desk, QueryOrder), sent(desk, CancelOrder)) == (1, 2), "no answer in 5 s"
    desk.feed(ev.VenueAnswered(answer=answer))
    assert now(desk, order).state is OrderState.PENDING_CANCEL, "alive is no answer to a cancel"
    events = desk.timers_until(desk.now + 10_000 * S)
    assert sent(desk, CancelOrder) == 5
    assert choices(events) == []
    asked = only(events, ev.InterventionRequired)
    assert (asked.reason, asked.known["cancels"]) == ("cancel_unanswered", "5")
    assert len(desk.book.timers) == 0
    allocation = the_allocation(desk)
    assert (desk.book.quantities(allocation).working, allocation.ended) == (Decimal(1_000), "")
    cancelled(desk, order)
    assert finished(desk).abandoned == 1_000


@pytest.mark.requirement("R4.3")
def test_a_cancel_that_the_venue_never_decides_is_asked_for_again_until_a_person_is() -> None:
    desk, order = cancelling()
    cum = order.quantity - 1_000
    for attempt in range(5):
        desk.report(
            order,
            ExecType.PENDING_CANCEL,
            OrdStatus.PENDING_CANCEL,
            cum=cum,
            exec_id=f"p{attempt}",
        )
        assert now(desk, order).answer_due_at is None
        events = desk.timers_until(desk.now + 11 * S)
        assert sent(desk, CancelOrder) == min(5, 2 + attempt)
    assert only(events, ev.InterventionRequired).reason == "cancel_unanswered"
    assert len(desk.book.timers) == 0
    cancelled(desk, order)
    assert finished(desk).abandoned == 1_000


@pytest.mark.requirement("R4.2")
def test_a_cancel_that_was_rejected_is_asked_for_again_and_a_late_fill_counts() -> None:
    desk, order = cancelling()
    reject = CancelReject(
        client_order_id=order.client_order_id,
        account_id="a0",
        ord_status=PARTIAL,
        transact_at=desk.now,
        for_replace=False,
        reject_code="broker_option",
    )
    desk.feed(ev.CancelRejected(reject=reject))
    allocation = the_allocation(desk)
    assert allocation.abandoned == allocation.pending == ZERO, "a reject proves nothing"
    assert choices(desk.timers_until(desk.now + 11 * S)) == [], "it is to go, as was decided"
    assert sent(desk, CancelOrder) == 2
    desk.feed(ev.CancelRejected(reject=reject))
    fill(desk, order, 1_000)
    assert finished(desk).ended == "filled"


@pytest.mark.requirement("R4.2")
def test_a_fill_after_the_proven_cancel_takes_the_quantity_back_before_it_is_sent() -> None:
    desk, order = a_desk()
    fill(desk, order, 4_000)
    desk.timers_until(desk.now + 242 * S)
    cancelled(desk, order)
    fill(desk, order, 2_000, status=CANCELED, leaves_qty=ZERO)
    assert the_allocation(desk).pending == order.quantity - 6_000
    desk.timers_until(desk.now + 2 * S)
    again = list(desk.book.orders.values())[-1]
    assert again.quantity == order.quantity - 6_000


@pytest.mark.requirement("R4.2")
@pytest.mark.parametrize("beyond", [3_000, 6_000])
def test_a_fill_after_the_next_leg_left_is_beyond_what_was_intended_once_both_filled(
    beyond: int,
) -> None:
    """Seed 8054: what may still be filled too much is over when nothing works any more."""
    desk, order = a_desk()
    fill(desk, order, 4_000)
    desk.timers_until(desk.now + 242 * S)
    cancelled(desk, order)
    desk.timers_until(desk.now + 2 * S)
    again = list(desk.book.orders.values())[-1]
    assert again.quantity == order.quantity - 4_000
    fill(desk, order, beyond, status=CANCELED, leaves_qty=ZERO)
    assert the_allocation(desk).excess == beyond
    fill(desk, again, int(again.quantity), status=FILLED, leaves_qty=ZERO)
    allocation = finished(desk)
    assert (allocation.excess, allocation.overfilled) == (ZERO, Decimal(beyond))
    assert desk.book.ledgers["a0"].halted
    holds(desk.book)


@pytest.mark.requirement("R4.3")
def test_an_open_cancel_survives_a_restart() -> None:
    desk, order = cancelling()
    desk.book = restored(desk.book)
    desk.feed(ev.BookRecovered(engine_version="test"))
    assert sent(desk, QueryOrder) == 1
    assert sent(desk, CancelOrder) == 2, "it may not have left the old process"
    cancelled(desk, order)
    assert finished(desk).abandoned == 1_000


# --- immediate or cancel


@pytest.mark.requirement("R4.2", "R4.4")
@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_an_immediate_order_left_is_a_new_leg_three_times_at_most(
    time_in_force: TimeInForce,
) -> None:
    desk, order = a_desk(time_in_force=time_in_force)
    filled = 2_000 if time_in_force is TimeInForce.IOC else 0
    if filled:
        fill(desk, order, filled)
    for attempt in (1, 2, 3):
        leg = only(cancelled(desk, order), ev.LegScheduled)
        assert (leg.attempt, leg.step, leg.reason) == (
            attempt,
            NextStep.SEND,
            "immediate_remainder",
        )
        desk.timers_until(leg.due_at)
        order = list(desk.book.orders.values())[-1]
        assert (order.leg, order.time_in_force) == (attempt + 1, time_in_force)
        desk.send(order)
        desk.report(order, ExecType.NEW, OrdStatus.NEW)
    ended = only(cancelled(desk, order), ev.AllocationEnded)
    assert ended.reason == "immediate_remainder: attempts_spent"
    assert finished(desk).abandoned == order.quantity


@pytest.mark.requirement("R4.2")
def test_an_immediate_order_that_is_nearly_filled_is_accepted() -> None:
    desk, order = a_desk(time_in_force=TimeInForce.IOC)
    fill(desk, order, order.quantity - 1_000)
    ended = only(cancelled(desk, order), ev.AllocationEnded)
    assert ended.reason == "immediate_remainder: nearly_filled"
    assert finished(desk).abandoned == 1_000


def test_a_bust_that_ends_an_immediate_order_sets_the_margin_of_its_next_leg_aside_again() -> None:
    """Simulated seed 2563, once a correction in it was counted once: a view brought the bust, and
    the status behind it said that the order was over.
    """
    desk, order = a_desk(time_in_force=TimeInForce.IOC)
    fill(desk, order, 4_000)
    before = the_allocation(desk)
    (execution,) = desk.book.orders[order.client_order_id].fills
    events = desk.report(
        order,
        ExecType.TRADE_CANCEL,
        OrdStatus.CANCELED,
        exec_id="bust",
        exec_ref_id=execution.exec_id,
        at=desk.now + S,
    )
    leg = only(events, ev.LegScheduled)
    assert leg.released == order.quantity
    allocation = the_allocation(desk)
    assert (before.margin, before.risk) < (before.margin_planned, before.risk_planned)
    assert allocation.margin == allocation.margin_planned
    assert allocation.risk == allocation.risk_planned
    holds(desk.book)
