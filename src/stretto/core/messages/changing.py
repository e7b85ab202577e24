"""What becomes of another limit or size that a person asked for an order that works.

The allocation says what is in force at the venue. A change that never left, was refused, was not
carried out or got no answer is told to the person; what is told is settled by the next change that
is carried out, and by the order's end. Repeats nothing: whoever decided decides again.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.accounts.alarms import REPLACE_UNANSWERED, ask
from stretto.core.book import Allocation, Book
from stretto.core.orders.order import Message, Note, Order, OrderInput, Replacement, Step, is_done
from stretto.core.terms.report import CancelReject

CHANGE_REFUSED = "change_refused"
"""Why a person is told that an order is as it was before the change asked for."""
PRICE_REVERTED = "price_change_failed"
_TOLD = (CHANGE_REFUSED, REPLACE_UNANSWERED)
Events = list[ev.Event]


def change_followed(
    book: Book, allocation: Allocation, before: Order, done: Step, message: Message
) -> Events:
    """What a message about an entry means for a change that a person asked for."""
    order, wanted = done.order, before.replacing
    if is_done(order):
        return settled(book, order, f"the order is {order.state.value}")
    if wanted is None or not wanted.by_person or done.note is Note.AHEAD:
        return []  # nobody changed it, or the report of its end is on its way
    if order.replacing is None and _is_carried_out(before, order, wanted):
        price = order.limit_price
        return [
            *_limit(allocation, price, "price_changed_by_person"),
            *settled(book, order, "the venue carried it out"),
        ]
    if order.replacing is None:
        code = message.reject_code if isinstance(message, CancelReject) else "not_carried_out"
        return _told(book, allocation, order, wanted, CHANGE_REFUSED, code)
    if done.kind is OrderInput.OUTCOME_UNKNOWN:
        return _told(book, allocation, order, wanted, REPLACE_UNANSWERED, "")
    return []


def settled(book: Book, order: Order, resolution: str) -> Events:
    """InterventionResolved, where a person was told of a change of the order."""
    reason = book.interventions.get(order.client_order_id)
    if reason not in _TOLD:
        return []
    return [
        ev.InterventionResolved(
            execution_id=order.execution_id,
            account_id=order.account_id,
            client_order_id=order.client_order_id,
            reason=reason,
            resolution=resolution,
        )
    ]


def _is_carried_out(before: Order, order: Order, wanted: Replacement) -> bool:
    has_price = wanted.limit_price is None or order.limit_price == wanted.limit_price
    return has_price and (wanted.quantity == before.quantity or order.quantity != before.quantity)


def _told(
    book: Book,
    allocation: Allocation,
    order: Order,
    wanted: Replacement,
    reason: str,
    code: str,
) -> Events:
    known = {
        "wanted": _terms(wanted.quantity, wanted.limit_price),
        "before": _terms(order.quantity, order.limit_price),
        "code": code,
        "order_state": order.state.value,
        "cum_qty": str(order.cum_qty),
    }
    return [
        *_limit(allocation, order.limit_price, PRICE_REVERTED),
        *ask(book, order, reason, known),
    ]


def _limit(allocation: Allocation, price: Decimal | None, reason: str) -> Events:
    """The allocation's limit is the order's."""
    if price is None or allocation.limit_price in (None, price):
        return []
    return [
        ev.AllocationReduced(
            execution_id=allocation.execution_id,
            account_id=allocation.account_id,
            reason=reason,
            limit_price=price,
        )
    ]


def _terms(quantity: Decimal, price: Decimal | None) -> str:
    return f"{quantity}" if price is None else f"{quantity} at {price}"
