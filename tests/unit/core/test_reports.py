"""What a venue says, turned into facts: fills, reservations, endings, and what a person sees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.orders.order import Order
from stretto.core.terms.account import PositionMode
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.values import ZERO
from tests.book_invariants import holds
from tests.builders import Desk, a_config, a_signal, a_snapshot, an_account, only, report_of

NEW, PART, FILLED = OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED
TRADE = ExecType.TRADE


def sent(**changes: Any) -> tuple[Desk, Order]:
    desk = Desk(a_config([an_account("a0", **changes)]))
    return desk, desk.order()


def fill(
    desk: Desk, order: Order, cum: Decimal, last: Decimal, **changes: Any
) -> tuple[ev.Event, ...]:
    status = FILLED if cum >= order.quantity else PART
    return desk.report(order, TRADE, status, cum=cum, last=last, **changes)


@pytest.mark.requirement("U1")
def test_reservations_follow_the_fills_and_are_gone_at_the_end() -> None:
    desk, order = sent()
    planned = desk.allocation(order)
    third = (order.quantity / 4).quantize(Decimal(1))
    booked = only(fill(desk, order, third, third), ev.FillBooked)
    assert abs(booked.margin - planned.margin * third / order.quantity) < Decimal("0.00001")
    ledger = desk.book.ledgers["a0"]
    assert ledger.unconfirmed_margin == booked.margin
    assert ledger.reserved_margin == planned.margin - booked.margin
    events = fill(desk, order, order.quantity, order.quantity - third)
    ended = only(events, ev.AllocationEnded)
    assert (ended.reason, ended.abandoned, ended.margin, ended.risk) == ("filled", ZERO, ZERO, ZERO)
    assert ended.shortfall_pips == 0, "filled at the touch of the decision"
    assert only(events, ev.ExecutionEnded).status == "completed"
    ledger = desk.book.ledgers["a0"]
    assert ledger.reserved_margin == ledger.reserved_risk == ZERO
    assert ledger.unconfirmed_margin == planned.margin
    desk.now += 1
    desk.feed(ev.AccountObserved(snapshot=a_snapshot("a0", desk.now)))
    assert desk.book.ledgers["a0"].unconfirmed_margin == ZERO
    holds(desk.book)


def test_an_expiry_after_a_part_abandons_the_rest_by_name() -> None:
    desk, order = sent()
    half = order.quantity / 2
    fill(desk, order, half, half)
    events = desk.report(order, ExecType.EXPIRED, OrdStatus.EXPIRED, cum=half)
    ended = only(events, ev.AllocationEnded)
    assert (ended.abandoned, ended.reason) == (half, "expired")
    assert ended.margin > 0
    assert only(events, ev.ExecutionEnded).status == "completed"
    holds(desk.book)


def test_a_reject_names_its_code() -> None:
    desk, order = sent()
    events = desk.report(
        order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="invalid_stops", text="too near"
    )
    assert only(events, ev.AllocationEnded).reason == "rejected: invalid_stops: too near"
    assert desk.book.ledgers["a0"].reliability < 1_000_000
    assert desk.book.ledgers["a0"].open_orders == 0


def test_a_late_fill_after_the_end_takes_back_what_was_abandoned() -> None:
    desk, order = sent()
    half = order.quantity / 2
    desk.report(order, ExecType.NEW, NEW)
    events = desk.report(order, ExecType.EXPIRED, OrdStatus.EXPIRED)
    assert only(events, ev.ExecutionEnded).status == "abandoned"
    events = desk.report(order, TRADE, OrdStatus.EXPIRED, cum=half, last=half)
    assert only(events, ev.AllocationEnded).abandoned == -half
    assert only(events, ev.ExecutionEnded).status == "completed"
    assert desk.allocation(order).filled == half
    holds(desk.book)


def test_an_overfill_is_booked_flagged_and_halts_the_account() -> None:
    desk, order = sent()
    more = order.quantity + 1_000
    events = desk.report(order, TRADE, FILLED, cum=more, last=more)
    assert only(events, ev.FillBooked).overfill == 1_000
    assert only(events, ev.AccountHalted).reason == "overfill"
    assert only(events, ev.InterventionRequired).known["overfill"] == "1000.00"
    a = desk.allocation(order)
    assert (a.filled, a.overfilled) == (order.quantity, Decimal(1_000))
    (position,) = desk.book.positions["a0"].values()
    assert position.quantity == more
    bust = desk.report(
        order, ExecType.TRADE_CANCEL, NEW, exec_ref_id=f"{order.client_order_id}-trade-{more}"
    )
    assert only(bust, ev.FillBooked).quantity == -more
    assert desk.book.positions["a0"] == {}
    holds(desk.book)


@pytest.mark.parametrize("repeat", [1, 3])
def test_a_repeated_execution_is_booked_once(repeat: int) -> None:
    desk, order = sent()
    half = order.quantity / 2
    fill(desk, order, half, half, exec_id="x")
    for _ in range(repeat):
        assert fill(desk, order, half, half, exec_id="x") == ()
    assert desk.allocation(order).filled == half


def test_an_execution_is_one_of_its_account_whichever_order_repeats_it() -> None:
    desk, order = sent()
    half = order.quantity / 2
    fill(desk, order, half, half, exec_id="x")
    second = desk.order(a_signal("second", desk.now))
    assert fill(desk, second, half, half, exec_id="x") == ()
    only(fill(desk, second, half, half, exec_id="x", trading_day="2024-03-18"), ev.FillBooked)


def test_a_bust_reverses_exactly_and_reserves_again_what_works_again() -> None:
    desk, order = sent()
    planned = desk.allocation(order)
    price = "1.10030"
    fill(desk, order, order.quantity, order.quantity, exec_id="x", fee=Decimal("1.25"), price=price)
    assert desk.allocation(order).ended == "filled"
    desk.report(order, ExecType.TRADE_CANCEL, NEW, exec_ref_id="x")
    a = desk.allocation(order)
    assert a.ended == ""
    assert (a.filled, a.notional, a.fees) == (ZERO, ZERO, ZERO)
    assert (a.margin, a.risk) == (planned.margin, planned.risk)
    assert desk.book.executions[order.execution_id].status == "working"
    assert desk.book.ledgers["a0"].open_orders == 1
    assert desk.book.positions["a0"] == {}
    holds(desk.book)


def test_a_bust_after_the_end_of_the_order_is_abandoned() -> None:
    desk, order = sent()
    half = order.quantity / 2
    fill(desk, order, half, half, exec_id="x")
    desk.report(order, ExecType.EXPIRED, OrdStatus.EXPIRED, cum=half)
    events = desk.report(order, ExecType.TRADE_CANCEL, OrdStatus.EXPIRED, exec_ref_id="x")
    assert only(events, ev.AllocationEnded).abandoned == half
    assert only(events, ev.ExecutionEnded).status == "abandoned"
    assert desk.book.ledgers["a0"].reserved_margin == ZERO
    holds(desk.book)


def test_a_corrected_fee_alone_reaches_the_allocation() -> None:
    desk, order = sent()
    half = order.quantity / 2
    fill(desk, order, half, half, exec_id="x", fee=Decimal(1))
    desk.report(
        order, ExecType.TRADE_CORRECT, PART, cum=half, last=half, exec_id="y", exec_ref_id="x",
        fee=Decimal(3),
    )  # fmt: skip
    assert desk.allocation(order).fees == 3
    holds(desk.book)


def test_a_restated_quantity_is_given_up_and_taken_back() -> None:
    desk, order = sent()
    desk.report(order, ExecType.NEW, NEW)
    lower = order.quantity - 4_000
    at = desk.now + 10
    events = desk.report(order, ExecType.RESTATED, NEW, order_qty=lower, leaves_qty=lower, at=at)
    assert only(events, ev.AllocationAdjusted).abandoned == 4_000
    assert desk.book.quantities(desk.allocation(order)).working == lower
    events = desk.report(order, TRADE, FILLED, cum=lower, last=lower, order_qty=lower, at=at + 1)
    ended = only(events, ev.AllocationEnded)
    assert (ended.abandoned, desk.allocation(order).abandoned) == (ZERO, Decimal(4_000))
    holds(desk.book)


def test_an_order_done_for_the_day_ends_and_lives_again_the_next() -> None:
    desk, order = sent()
    desk.report(order, ExecType.NEW, NEW)
    at = desk.now + 10
    over = desk.report(order, ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY, leaves_qty=ZERO, at=at)
    assert only(over, ev.AllocationEnded).abandoned == order.quantity
    assert desk.book.ledgers["a0"].open_orders == 0
    again = desk.report(order, ExecType.NEW, NEW, at=at + 10)
    assert only(again, ev.AllocationAdjusted).abandoned == -order.quantity
    assert desk.book.quantities(desk.allocation(order)).working == order.quantity
    assert desk.book.ledgers["a0"].open_orders == 1
    assert list(desk.book.open_executions) == [order.execution_id]
    fill(desk, order, order.quantity, order.quantity, at=at + 20)
    holds(desk.book)


def closing(position_id: str, quantity: Decimal, exec_id: str = "close") -> ev.VenueReported:
    return ev.VenueReported(
        report=ExecutionReport(
            client_order_id="", account_id="a0", exec_id=exec_id, exec_type=TRADE,
            ord_status=FILLED, cum_qty=quantity, leaves_qty=ZERO, avg_px=Decimal("1.2"),
            order_qty=quantity, trading_day="2024-03-15", transact_at=0, last_qty=quantity,
            last_px=Decimal("1.2"), fee=Decimal(2), position_id=position_id, text="take_profit",
        )
    )  # fmt: skip


def test_what_the_venue_closes_is_attributed_by_its_ticket_once() -> None:
    desk, order = sent()
    fill(desk, order, order.quantity, order.quantity)
    ticket = f"T-{order.client_order_id}"
    half = order.quantity / 2
    booked = only(desk.feed(closing(ticket, half)), ev.FillBooked)
    assert (booked.cause, booked.direction, booked.quantity) == ("take_profit", -1, half)
    assert booked.realized == (Decimal("1.2") - Decimal("1.10010")) * half
    assert desk.feed(closing(ticket, half)) == ()
    desk.feed(closing(ticket, half, "rest"))
    assert desk.book.positions["a0"] == {}
    assert (desk.book.ledgers["a0"].trades, desk.book.ledgers["a0"].hits) == (2, 2)


def test_a_netting_venues_close_is_shared_by_the_executions_oldest_first() -> None:
    desk, first = sent(position_mode=PositionMode.NETTING)
    fill(desk, first, first.quantity, first.quantity, position_id="NET")
    second = desk.order(a_signal("second", desk.now))
    fill(desk, second, second.quantity, second.quantity, position_id="NET")
    events = desk.feed(closing("NET", first.quantity + 1_000))
    fills = [e for e in events if isinstance(e, ev.FillBooked)]
    assert [f.execution_id for f in fills] == [first.execution_id, second.execution_id]
    assert [f.quantity for f in fills] == [first.quantity, 1_000]
    assert [f.fee for f in fills] == [2, 0]
    (left,) = desk.book.positions["a0"].values()
    assert (left.execution_id, left.quantity) == (second.execution_id, second.quantity - 1_000)
    desk.feed(closing("NET", left.quantity, "rest"))
    assert desk.book.positions["a0"] == {}
    assert not desk.book.ledgers["a0"].halted


def test_a_close_beyond_the_position_is_booked_and_halts_the_account() -> None:
    desk, order = sent()
    fill(desk, order, order.quantity, order.quantity)
    events = desk.feed(closing(f"T-{order.client_order_id}", order.quantity + 1_000))
    assert only(events, ev.AccountHalted).reason == "closed_beyond_position"
    assert only(events, ev.InterventionRequired).reason == "closed_beyond_position"
    (position,) = desk.book.positions["a0"].values()
    assert position.quantity == -1_000, "as the venue has it"


def test_what_the_book_never_made_is_reported_once_and_never_adopted() -> None:
    desk, order = sent()
    stranger = report_of(order, TRADE, FILLED, cum=5, last=5, client_order_id="STRANGER")
    only(desk.feed(ev.VenueReported(report=stranger)), ev.InterventionRequired)
    assert desk.feed(ev.VenueReported(report=stranger)) == ()
    only(desk.feed(closing("no such ticket", Decimal(5))), ev.InterventionRequired)
    wrong = report_of(order, TRADE, FILLED, cum=5, last=5, account_id="a9")
    assert desk.feed(ev.VenueReported(report=wrong)) == ()
    assert desk.book.positions.get("a0", {}) == {}
    assert desk.book.orders[order.client_order_id].cum_qty == 0


def test_one_order_halting_its_account_leaves_the_others_working() -> None:
    desk = Desk(a_config(2))
    over, well = desk.released()
    later = desk.plan(a_signal("later", desk.now))
    for order in (over, well):
        desk.send(order)
    desk.report(over, TRADE, FILLED, cum=over.quantity + 1, last=over.quantity + 1)
    fill(desk, well, well.quantity, well.quantity)
    assert desk.allocation(well).ended == "filled"
    events = desk.timers_until(desk.now + 60)
    events += desk.timers_until(later.allocations[-1].release_at)
    ended = only(events, ev.AllocationEnded)
    assert (ended.account_id, ended.reason) == (over.account_id, "halted")
    assert only(events, ev.OrderIntended).order.account_id == well.account_id
    holds(desk.book)
