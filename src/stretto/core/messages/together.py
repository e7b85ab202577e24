"""Messages about one order that are handled as one input: its write, acknowledgement and trade.

A venue that answers at once leaves all three waiting side by side, and each alone costs an entry
with its rows. What goes before the last one touches nothing but the order's own record, so that
the last is decided on the book as it stands. Knows nothing of queues.
"""

from __future__ import annotations

from collections.abc import Iterable

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import check
from stretto.core.limits import ORDER_MESSAGES_MAX
from stretto.core.messages.advancing import advance
from stretto.core.messages.reports import is_seen
from stretto.core.orders.order import Note, Order, OrderInput, OrderState, Step, step
from stretto.core.terms.report import ExecType, OrdStatus

OrderMessage = ev.SendReported | ev.VenueReported
_JOINED = (ev.SendReported, ev.VenueReported)


def together(book: Book, first: ev.Input, waiting: Iterable[ev.Input]) -> tuple[OrderMessage, ...]:
    """``first`` with those at the head of ``waiting`` that are handled with it, or () where it is
    handled alone.

    Of an order that is submitted and unanswered these are taken together: the outcome "sent" with
    the report behind it, a plain acknowledgement with the trade behind it, or all three. They stand
    next to each other, so that no message overtakes another.
    """
    if not isinstance(first, _JOINED):
        return ()
    taken: tuple[OrderMessage, ...] = (first,)
    for message in waiting:
        if not isinstance(message, ev.VenueReported) or not _joins(book, taken[-1], message):
            break
        taken = (*taken, message)
    return taken if len(taken) > 1 else ()


def _joins(book: Book, before: OrderMessage, message: ev.VenueReported) -> bool:
    """True where ``before`` cannot do more than move the order that ``message`` is about."""
    report = message.report
    order = book.orders.get(report.client_order_id)
    if (
        order is None
        or order.state is not OrderState.SUBMITTING
        or order.account_id != report.account_id
        or report.exec_type is ExecType.REJECTED  # may leave open whether the order lives
        or is_seen(book, report)
    ):
        return False
    if isinstance(before, ev.SendReported):
        is_sent = before.outcome is ev.SendOutcomeKind.SENT
        return is_sent and before.client_order_id == order.client_order_id
    return report.exec_type is ExecType.TRADE and _acknowledges(book, before, order)


def _acknowledges(book: Book, message: ev.VenueReported, order: Order) -> bool:
    """True for the venue's plain word that it has the order as we sent it, nothing filled."""
    report = message.report
    return (
        report.client_order_id == order.client_order_id
        and report.account_id == order.account_id
        and report.exec_type is ExecType.NEW
        and report.ord_status is OrdStatus.NEW
        and report.order_qty == report.leaves_qty == order.quantity
        and not report.cum_qty
        and not order.fills
        and not is_seen(book, report)
    )


def on_order(book: Book, item: ev.OrderReported, at_ns: int) -> tuple[ev.Event, ...]:
    """All that the messages change, as one step of their order. Raises InvariantViolated where they
    were not to be taken together.
    """
    count = len(item.messages)
    check(1 < count <= ORDER_MESSAGES_MAX, "{} messages taken together", count)
    *before, last = item.messages
    if not isinstance(last, ev.VenueReported):
        check(False, "a report is the last of the messages taken together")
        return ()
    report = last.report
    order = begun = book.orders[report.client_order_id]
    causes: list[str] = []
    for message in before:
        word = OrderInput.SENT if isinstance(message, ev.SendReported) else message.report
        done = step(begun, word, at_ns)
        check(_is_quiet(done), "{} is handled alone, not before {}", done.kind, report)
        begun = done.order
        causes.append(done.kind)
    return advance(book, order, report, at_ns, report, begun=begun, causes=tuple(causes))


def _is_quiet(done: Step) -> bool:
    moved = done.fill_delta or done.notional_delta or done.fee_delta or done.released_delta
    return not moved and not done.halts_account and done.note is not Note.CONTRADICTION
