"""Cancels and replaces that nobody answers, or that a venue takes in and does not decide on."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.effects import CancelOrder
from stretto.core.limits import (
    ACKNOWLEDGE_TIMEOUT_NS,
    CLOCK_SKEW_NS,
    REQUEST_PENDING_NS_MAX,
    SEND_BEFORE_NS,
    SETTLE_TIME_NS_MIN,
)
from stretto.core.orders.order import (
    Order,
    OrderInput,
    OrderState,
    Replacement,
    open_quantity,
    step,
)
from stretto.core.terms.report import ExecType, OrdStatus
from tests.builders import only
from tests.people import People, working
from tests.unit.core.order_samples import (
    QUANTITY,
    a_report,
    a_trade,
    an_answer,
    in_state,
    played,
)

ASKED_AT = 100
SETTLED_AT = ASKED_AT + SEND_BEFORE_NS + SETTLE_TIME_NS_MIN + CLOCK_SKEW_NS
RAISED, LOWERED = Decimal(12_000), Decimal(7_000)


def replacing(wanted: Replacement) -> Order:
    """A half filled order whose replace got no answer."""
    asked = step(in_state(OrderState.PARTIALLY_FILLED), wanted, ASKED_AT).order
    return step(asked, OrderInput.OUTCOME_UNKNOWN, ASKED_AT + ACKNOWLEDGE_TIMEOUT_NS).order


def asked_about(order: Order, status: OrdStatus, at: int, quantity: Decimal = QUANTITY) -> Order:
    cum = QUANTITY if status is OrdStatus.FILLED else Decimal(4_000)
    report = a_report(ExecType.ORDER_STATUS, status, cum, at=at, order_qty=quantity)
    return step(order, an_answer(report), at).order


@pytest.mark.requirement("R4.1", "P1")
@pytest.mark.parametrize("cancel_requested", [False, True])
def test_an_order_that_filled_while_its_replace_was_lost_ends_by_a_status(
    cancel_requested: bool,
) -> None:
    """Simulated seeds 2085 and 2256: it was pending_replace for ever."""
    order = replacing(Replacement(quantity=RAISED))
    if cancel_requested:
        order = step(order, OrderInput.CANCEL_REQUESTED, ASKED_AT + 1).order
    order = played(order, a_trade(6_000, 10_000, "rest", at=200))
    assert order.state in (OrderState.PENDING_REPLACE, OrderState.PENDING_CANCEL)
    early = asked_about(order, OrdStatus.FILLED, SETTLED_AT - 1)
    assert early.replacing is not None, "the request may be on its way"
    done = asked_about(order, OrdStatus.FILLED, SETTLED_AT)
    assert done.state is OrderState.FILLED
    assert open_quantity(done) == 0
    assert done.done_at is not None


@pytest.mark.parametrize("wanted", [RAISED, LOWERED])
def test_an_order_that_works_as_it_was_is_free_for_another_request(wanted: Decimal) -> None:
    order = asked_about(
        replacing(Replacement(quantity=wanted)), OrdStatus.PARTIALLY_FILLED, SETTLED_AT
    )
    assert order.state is OrderState.PARTIALLY_FILLED
    assert order.replacing is None
    assert open_quantity(order) == 6_000


@pytest.mark.parametrize("status", [OrdStatus.PENDING_REPLACE, OrdStatus.PENDING_CANCEL])
def test_a_status_that_says_pending_proves_nothing(status: OrdStatus) -> None:
    order = asked_about(replacing(Replacement(quantity=RAISED)), status, SETTLED_AT)
    assert order.replacing is not None


def test_a_status_shows_no_prices_and_so_proves_nothing_about_them() -> None:
    wanted = Replacement(quantity=QUANTITY, limit_price=Decimal("1.2"))
    order = asked_about(replacing(wanted), OrdStatus.PARTIALLY_FILLED, SETTLED_AT)
    assert order.replacing is not None


def test_a_status_with_the_new_quantity_says_that_it_was_carried_out() -> None:
    order = replacing(Replacement(quantity=RAISED))
    done = asked_about(order, OrdStatus.PARTIALLY_FILLED, SETTLED_AT, RAISED)
    assert (done.quantity, done.replacing) == (RAISED, None)


# --- a venue that does not decide


@pytest.mark.requirement("R4.3", "U1")
@pytest.mark.parametrize("pending", [ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE])
def test_a_person_is_called_where_a_venue_does_not_decide_on_a_request(pending: ExecType) -> None:
    desk = People()
    (order, *_) = working(desk)
    desk.report(order, pending, OrdStatus(pending.value), at=desk.now)
    due_at = desk.now + REQUEST_PENDING_NS_MAX
    desk.timers_until(due_at - 1)
    assert order.client_order_id not in desk.book.interventions
    events = desk.timers_until(due_at)
    asked = only(events, ev.InterventionRequired)
    kind = "cancel" if pending is ExecType.PENDING_CANCEL else "replace"
    assert (asked.client_order_id, asked.reason) == (
        order.client_order_id,
        f"{kind}_unanswered",
    )
    assert asked.known["can_be_done"]
    desk.report(order, pending, OrdStatus(pending.value), at=desk.now)
    assert not desk.timers_until(desk.now + 2 * REQUEST_PENDING_NS_MAX), "once"
    assert not [each for each in desk.commands if isinstance(each, CancelOrder)]
