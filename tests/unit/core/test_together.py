"""What of an order's messages is handled as one input, and that nothing of them is lost by it."""

from __future__ import annotations

from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.errors import InvariantViolated
from stretto.core.messages.together import OrderMessage, together
from stretto.core.orders.order import Order, OrderState
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import Urgency
from tests.book_invariants import holds, replays
from tests.builders import Desk, S, a_signal, only, report_of

NEW, FILLED = OrdStatus.NEW, OrdStatus.FILLED


def submitted() -> tuple[Desk, Order, Order]:
    """A desk with orders that are intended and unanswered, and two of them."""
    desk = Desk()
    first, second, *_ = released_at_once(desk, "s1")
    return desk, first, second


def released_at_once(desk: Desk, name: str) -> list[Order]:
    known = set(desk.book.orders)
    assert desk.plan(a_signal(name, desk.now, urgency=Urgency.IMMEDIATE)).refused is None
    desk.timers_until(desk.now)
    return [order for key, order in desk.book.orders.items() if key not in known]


def sent(order: Order, outcome: ev.SendOutcomeKind = ev.SendOutcomeKind.SENT) -> ev.SendReported:
    return ev.SendReported(
        client_order_id=order.client_order_id, outcome=outcome, sent_at=order.created_at
    )


def reported(
    order: Order, exec_type: ExecType, status: OrdStatus, **changes: Any
) -> ev.VenueReported:
    return ev.VenueReported(report=report_of(order, exec_type, status, **changes))


def acknowledged(order: Order, **changes: Any) -> ev.VenueReported:
    return reported(order, ExecType.NEW, NEW, **changes)


def filled(order: Order, **changes: Any) -> ev.VenueReported:
    quantity = order.quantity
    return reported(order, ExecType.TRADE, FILLED, cum=quantity, last=quantity, **changes)


def test_write_acknowledgement_and_fill_are_one_step_of_the_order() -> None:
    desk, order, other = submitted()
    waiting: list[ev.Input] = [acknowledged(order), filled(order), sent(other)]
    taken = together(desk.book, sent(order), waiting)
    assert taken == (sent(order), acknowledged(order), filled(order))
    desk.now += S
    events = desk.feed(ev.OrderReported(messages=taken))
    advanced = only(events, ev.OrderAdvanced)
    assert advanced.cause == "sent, new, full_fill"
    after = desk.book.orders[order.client_order_id]
    assert after.state is OrderState.FILLED
    assert (after.sent_at, after.acknowledged_at, after.done_at) == (desk.now,) * 3
    assert only(events, ev.FillBooked).quantity == order.quantity
    assert only(events, ev.AllocationEnded).reason == "filled"
    assert ev.subject_of(desk.entries[-1]) == (order.execution_id, order.account_id)
    ledger = desk.book.ledgers[order.account_id]
    assert (ledger.submits, ledger.open_orders) == (1, 0)
    holds(desk.book)
    replays(desk.book, desk.entries)


def test_a_reject_right_after_the_write_is_handled_alone() -> None:
    desk, order, _ = submitted()
    refused = reported(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="duplicate_order")
    assert together(desk.book, sent(order), [refused]) == ()


@pytest.mark.parametrize("outcome", [ev.SendOutcomeKind.NOT_SENT, ev.SendOutcomeKind.UNKNOWN])
def test_a_write_that_did_not_succeed_is_handled_alone(outcome: ev.SendOutcomeKind) -> None:
    desk, order, _ = submitted()
    assert together(desk.book, sent(order, outcome), [filled(order)]) == ()


def test_messages_of_another_order_are_neither_taken_nor_overtaken() -> None:
    desk, order, other = submitted()
    assert together(desk.book, sent(order), [sent(other), filled(order)]) == ()
    assert together(desk.book, acknowledged(order), [filled(other)]) == ()
    assert together(desk.book, sent(order), [acknowledged(order), filled(other)]) == (
        sent(order),
        acknowledged(order),
    )


def test_an_acknowledgement_that_says_more_is_handled_alone() -> None:
    desk, order, _ = submitted()
    less = order.quantity / 2
    partly: list[ev.Input] = [
        acknowledged(order, cum=less),
        acknowledged(order, order_qty=less, leaves_qty=less),
        acknowledged(order, account_id="a2"),
        reported(order, ExecType.PENDING_NEW, OrdStatus.PENDING_NEW),
        filled(order),
    ]
    for first in partly:
        assert together(desk.book, first, [filled(order, exec_id="second")]) == ()
    cancelled = reported(order, ExecType.CANCELED, OrdStatus.CANCELED)
    assert together(desk.book, acknowledged(order), [cancelled]) == ()


def test_an_order_that_was_answered_or_is_in_doubt_goes_message_by_message() -> None:
    desk, order, other = submitted()
    desk.feed(acknowledged(order))
    assert together(desk.book, sent(order), [filled(order)]) == ()
    desk.feed(sent(other, ev.SendOutcomeKind.UNKNOWN))
    assert together(desk.book, acknowledged(other), [filled(other)]) == ()


def test_an_execution_already_booked_is_handled_alone() -> None:
    desk, order, _ = submitted()
    desk.feed(filled(order, exec_id="one"))
    known = {o.account_id: o for o in released_at_once(desk, "s2")}
    again = known[order.account_id]
    twice = filled(again, exec_id="one")
    assert together(desk.book, sent(again), [twice]) == ()


def test_what_was_not_to_be_taken_together_stops_the_book() -> None:
    desk, order, _ = submitted()
    wrong: list[tuple[OrderMessage, ...]] = [
        (),
        (filled(order),),
        (acknowledged(order), sent(order)),
        (sent(order),) * 3 + (filled(order),),
        (filled(order), filled(order, exec_id="second")),
    ]
    for messages in wrong:
        with pytest.raises(InvariantViolated):
            desk.feed(ev.OrderReported(messages=messages))
