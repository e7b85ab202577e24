"""Another price or size that a person asked for, and that the venue did not carry out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS
from stretto.core.orders.order import Order
from stretto.core.terms import intervention as iv
from stretto.core.terms.report import CancelReject, ExecType, OrdStatus, StatusAnswer
from tests.book_invariants import holds
from tests.builders import S, a_config, only, report_of
from tests.people import People, working


def changing(change: str) -> tuple[People, Order]:
    """A limit order for which a person asked for another price or size."""
    desk = People(a_config(1))
    (order,) = working(desk)
    asked = {"execution_id": desk.execution_id, "account_id": "a0"}
    if change == "price":
        desk.ask(iv.ChangePrice(limit_price=Decimal("1.09990"), **asked))
    else:
        desk.ask(iv.ChangeSize(quantity=Decimal(6_000), **asked))
    return desk, order


def fails(desk: People, order: Order, how: str) -> list[ev.Event]:
    name = order.client_order_id
    if how == "not_sent":
        not_sent = ev.SendOutcomeKind.NOT_SENT
        return list(
            desk.feed(ev.ReplaceReported(client_order_id=name, outcome=not_sent, sent_at=desk.now))
        )
    if how == "refused":
        reject = CancelReject(
            client_order_id=name,
            account_id=order.account_id,
            ord_status=OrdStatus.NEW,
            transact_at=desk.now,
            for_replace=True,
            reject_code="price_off_market",
        )
        return list(desk.feed(ev.CancelRejected(reject=reject)))
    return desk.timers_until(desk.now + ACKNOWLEDGE_TIMEOUT_NS)


@pytest.mark.requirement("R4.3", "R5.4", "U1")
@pytest.mark.parametrize("change", ["price", "size"])
@pytest.mark.parametrize("how", ["not_sent", "refused", "unanswered"])
def test_a_change_that_fails_is_told_and_the_allocation_says_what_is_at_the_venue(
    change: str, how: str
) -> None:
    desk, order = changing(change)
    asked = only(fails(desk, order, how), ev.InterventionRequired)
    reason = "replace_unanswered" if how == "unanswered" else "change_refused"
    assert (asked.client_order_id, asked.reason) == (order.client_order_id, reason)
    assert asked.known["before"].startswith(str(order.quantity))
    assert asked.known["can_be_done"]
    allocation, now = desk.allocation(order), desk.book.orders[order.client_order_id]
    assert allocation.limit_price == now.limit_price == order.limit_price
    assert desk.book.quantities(allocation).working == order.quantity
    holds(desk.book)
    desk.report(order, ExecType.CANCELED, OrdStatus.CANCELED, at=desk.now)
    assert order.client_order_id not in desk.book.interventions, "nothing is left to change"


@pytest.mark.parametrize("change", ["price", "size"])
def test_a_change_that_is_answered_after_all_settles_what_was_told(change: str) -> None:
    desk, order = changing(change)
    fails(desk, order, "unanswered")
    wanted = desk.book.orders[order.client_order_id].replacing
    assert wanted is not None
    events = desk.report(
        order,
        ExecType.REPLACED,
        OrdStatus.NEW,
        order_qty=wanted.quantity,
        leaves_qty=wanted.quantity,
        at=desk.now,
    )
    assert only(events, ev.InterventionResolved).reason == "replace_unanswered"
    assert desk.allocation(order).limit_price == wanted.limit_price
    assert desk.book.orders[order.client_order_id].limit_price == wanted.limit_price
    holds(desk.book)


def test_a_size_that_never_arrived_is_told_by_the_status_that_shows_the_old_one() -> None:
    desk, order = changing("size")
    fails(desk, order, "unanswered")
    desk.timers_until(desk.now + 90 * S)
    status = report_of(order, ExecType.ORDER_STATUS, OrdStatus.NEW, at=desk.now)
    answer = StatusAnswer(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        known=True,
        transact_at=desk.now,
        report=status,
    )
    events = desk.feed(ev.VenueAnswered(answer=answer))
    asked = only(events, ev.InterventionRequired)
    assert (asked.reason, asked.known["code"]) == ("change_refused", "not_carried_out")
    again = iv.ChangeSize(execution_id=desk.execution_id, account_id="a0", quantity=Decimal(5_000))
    assert only(desk.ask(again), ev.InterventionResolved).reason == "change_refused"


def test_the_next_change_settles_the_one_that_was_refused() -> None:
    desk, order = changing("price")
    fails(desk, order, "refused")
    assert desk.allocation(order).limit_price == order.limit_price
    again = iv.ChangePrice(
        execution_id=desk.execution_id, account_id="a0", limit_price=Decimal("1.09980")
    )
    assert only(desk.ask(again), ev.InterventionResolved).reason == "change_refused"
    assert not desk.book.interventions
