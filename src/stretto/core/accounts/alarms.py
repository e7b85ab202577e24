"""When an account is halted and a person is asked because of one order, and when that is settled.

Knows nothing of what the order was for.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.orders.order import Note, Order, OrderState, Step
from stretto.core.terms.choices import choices

CANCEL_UNANSWERED, REPLACE_UNANSWERED = "cancel_unanswered", "replace_unanswered"
"""Why one is asked about a request that nobody answers, or that a venue does not decide on."""
IN_DOUBT = OrderState.IN_DOUBT.value
"""Why a person is asked about an order whose queries are spent."""


def alarms(book: Book, done: Step, overfill: Decimal, detail: str) -> list[ev.Event]:
    """AccountHalted and a call for a person, where a step says that what is known was wrong:
    ``overfill`` base units beyond what was asked for, an order that was dead and lives.
    """
    is_alarm = done.halts_account or overfill > 0
    if not is_alarm and done.note is not Note.CONTRADICTION:
        return []
    order = done.order
    known = {
        "order_qty": str(order.quantity),
        "cum_qty": str(order.cum_qty),
        "overfill": str(order.overfilled_qty),
        "detail": detail,
    }
    if is_alarm:
        reason = done.note.value or "overfill"
        return [*halt(book, order.account_id, reason), *ask(book, order, reason, known, True)]
    return ask(book, order, done.note.value, known | {"state": order.state.value})


def halt(book: Book, account_id: str, reason: str) -> list[ev.Event]:
    """AccountHalted, unless the account is."""
    if book.ledgers[account_id].halted:
        return []
    return [ev.AccountHalted(account_id=account_id, reason=reason)]


def ask(
    book: Book, order: Order, reason: str, known: dict[str, str], again: bool = False
) -> list[ev.Event]:
    """InterventionRequired for an order; the same reason is given once, unless ``again``."""
    if not again and book.interventions.get(order.client_order_id) == reason:
        return []
    return [
        ev.InterventionRequired(
            execution_id=order.execution_id,
            account_id=order.account_id,
            client_order_id=order.client_order_id,
            reason=reason,
            known=choices(reason) | known,
        )
    ]


def settled_doubt(book: Book, order: Order, resolution: str) -> list[ev.Event]:
    """InterventionResolved, where a person was asked about an order in doubt that is so no more."""
    if book.interventions.get(order.client_order_id) != IN_DOUBT:
        return []
    return [
        ev.InterventionResolved(
            execution_id=order.execution_id,
            account_id=order.account_id,
            client_order_id=order.client_order_id,
            reason=IN_DOUBT,
            resolution=resolution,
        )
    ]
