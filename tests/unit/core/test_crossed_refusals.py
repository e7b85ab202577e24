"""A refused cancel or replace that knows an end of the order before the report of it has come."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.orders.order import Order, OrderState
from stretto.core.terms import intervention as iv
from stretto.core.terms.report import CancelReject, ExecType, OrdStatus, StatusAnswer
from stretto.core.values import ZERO
from tests.book_invariants import holds, replays
from tests.builders import S, a_config, only, report_of
from tests.people import People, working

pytestmark = [pytest.mark.requirement("R5.1"), pytest.mark.requirement("R4.1")]
REQUESTS = ("cancel", "replace")


def requested(desk: People, request: str) -> Order:
    """A working order that a person asked to be cancelled, or replaced."""
    (order,) = working(desk)
    if request == "cancel":
        desk.ask(iv.CancelRemaining(execution_id=desk.execution_id))
    else:
        price = Decimal("1.09990")
        desk.ask(iv.ChangePrice(execution_id=desk.execution_id, account_id="a0", limit_price=price))
    return desk.book.orders[order.client_order_id]


def refuse(desk: People, order: Order, status: OrdStatus, request: str) -> tuple[ev.Event, ...]:
    reject = CancelReject(
        client_order_id=order.client_order_id,
        account_id="a0",
        ord_status=status,
        transact_at=desk.now,
        for_replace=request == "replace",
    )
    return desk.feed(ev.CancelRejected(reject=reject))


def fill(desk: People, order: Order) -> tuple[ev.Event, ...]:
    whole = order.quantity
    return desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=whole, last=whole)


def is_quiet(desk: People, order: Order) -> None:
    """Filled once, and nobody was asked anything."""
    (share,) = desk.shares()
    assert desk.book.orders[order.client_order_id].state is OrderState.FILLED
    assert (share.filled, share.overfilled, share.abandoned) == (order.quantity, ZERO, ZERO)
    assert desk.book.interventions == {}
    assert desk.book.ledgers["a0"].halted == ""
    holds(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_refusal_that_says_filled_before_the_fill_is_asked_about_and_the_fill_is_booked(
    request_: str,
) -> None:
    desk = People(a_config(1))
    order = requested(desk, request_)
    events = refuse(desk, order, OrdStatus.FILLED, request_)
    assert only(events, ev.OrderQueried).client_order_id == order.client_order_id
    assert not [e for e in events if isinstance(e, ev.InterventionRequired | ev.FillBooked)]
    assert desk.book.orders[order.client_order_id].state is OrderState.NEW, "no proof"
    desk.now += S
    fill(desk, order)
    is_quiet(desk, order)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_refusal_behind_the_fill_changes_nothing(request_: str) -> None:
    desk = People(a_config(1))
    order = requested(desk, request_)
    fill(desk, order)
    assert refuse(desk, order, OrdStatus.FILLED, request_) == ()
    is_quiet(desk, order)


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_answer_to_the_question_takes_the_place_of_a_fill_that_was_lost(request_: str) -> None:
    desk = People(a_config(1))
    order = requested(desk, request_)
    refuse(desk, order, OrdStatus.FILLED, request_)
    status = report_of(
        order, ExecType.ORDER_STATUS, OrdStatus.FILLED, cum=order.quantity, at=desk.now + 1
    )
    answer = StatusAnswer(
        client_order_id=order.client_order_id, account_id="a0", known=True,
        transact_at=desk.now + 1, report=status,
    )  # fmt: skip
    desk.feed(ev.VenueAnswered(answer=answer))
    is_quiet(desk, order)


@pytest.mark.parametrize("status", [OrdStatus.CANCELED, OrdStatus.EXPIRED])
def test_a_refusal_that_knows_another_end_is_asked_about_too(status: OrdStatus) -> None:
    desk = People(a_config(1))
    order = requested(desk, "cancel")
    only(refuse(desk, order, status, "cancel"), ev.OrderQueried)
    kind = ExecType.CANCELED if status is OrdStatus.CANCELED else ExecType.EXPIRED
    desk.report(order, kind, status, at=desk.now + 1)
    (share,) = desk.shares()
    assert (share.filled, share.abandoned) == (ZERO, order.quantity)
    assert desk.book.interventions == {}


def test_a_live_order_that_the_venue_then_does_not_know_is_a_contradiction() -> None:
    desk = People(a_config(1))
    order = requested(desk, "cancel")
    refuse(desk, order, OrdStatus.FILLED, "cancel")
    answer = StatusAnswer(
        client_order_id=order.client_order_id, account_id="a0", known=False, transact_at=desk.now
    )
    asked = only(desk.feed(ev.VenueAnswered(answer=answer)), ev.InterventionRequired)
    assert asked.reason == "contradiction"


def test_a_refusal_for_an_order_that_the_venue_does_not_know_is_a_contradiction_at_once() -> None:
    desk = People(a_config(1))
    order = requested(desk, "cancel")
    events = refuse(desk, order, OrdStatus.REJECTED, "cancel")
    assert only(events, ev.InterventionRequired).reason == "contradiction"
