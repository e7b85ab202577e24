"""What a venue's word, or its silence, means for the book: messages in, events out.

Asks the order machine for the step and turns it into facts: the order's changes, fills with the
money they move, and the end of an allocation or execution. Never decides to trade.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.account import Position
from stretto.core.advancing import Events, advance, ask, halt
from stretto.core.book import Book
from stretto.core.order import (
    Order,
    OrderInput,
)
from stretto.core.order_table import TABLE, UNANSWERED
from stretto.core.remedy import is_doubtful
from stretto.core.report import CancelReject, ExecType, ExecutionReport, OrderRole, StatusAnswer
from stretto.core.values import ZERO

_CENT = Decimal("0.000001")


def on_report(book: Book, report: ExecutionReport, at_ns: int) -> Events:
    """An execution report: matched to its order, to a position the venue closed, or to nothing."""
    order = book.orders.get(report.client_order_id)
    if order is None or order.account_id != report.account_id:
        if not report.client_order_id and report.position_id:
            return _venue_closed(book, report)
        return _unknown_order(book, report)
    if is_seen(book, report) and not _has_fill(order, report):
        return ()
    if order.state in UNANSWERED and is_doubtful(book, order, report):
        detail = f"{report.reject_code} {report.text}".strip()
        return advance(book, order, OrderInput.OUTCOME_UNKNOWN, at_ns, None, detail)
    return advance(book, order, report, at_ns, report)


def on_answer(book: Book, answer: StatusAnswer, at_ns: int) -> Events:
    """The answer to a query; "unknown" proves nothing."""
    order = book.orders.get(answer.client_order_id)
    if order is None or order.account_id != answer.account_id:
        return ()
    return advance(book, order, answer, at_ns, answer.report)


def on_cancel_reject(book: Book, reject: CancelReject, at_ns: int) -> Events:
    """A refused cancel or replace: the order is as it was."""
    order = book.orders.get(reject.client_order_id)
    if order is None or order.account_id != reject.account_id:
        return ()
    kind = OrderInput.REPLACE_REJECTED if reject.for_replace else OrderInput.CANCEL_REJECTED
    if (order.state, kind) not in TABLE:
        return tuple(ask(book, order, "refused_request_never_made", {"state": order.state.value}))
    return advance(book, order, reject, at_ns, None)


def on_send(book: Book, sent: ev.SendReported, at_ns: int) -> Events:
    """Outcome of the write: sent, certainly not sent, or unknown (then the order is in doubt)."""
    order = book.orders[sent.client_order_id]
    message = {
        ev.SendOutcomeKind.SENT: OrderInput.SENT,
        ev.SendOutcomeKind.NOT_SENT: OrderInput.NOT_SENT,
        ev.SendOutcomeKind.UNKNOWN: OrderInput.OUTCOME_UNKNOWN,
    }[sent.outcome]
    return advance(book, order, message, at_ns, None, sent.detail)


def is_seen(book: Book, report: ExecutionReport) -> bool:
    """True where an execution of this identity is in the books."""
    day = book.reports_seen.get(report.trading_day)
    return day is not None and f"{report.account_id}|{report.exec_id}" in day


def _has_fill(order: Order, report: ExecutionReport) -> bool:
    """True where the order itself knows the execution, and so can tell what a repeat means."""
    return any(f.exec_id == report.exec_id for f in order.fills)


def _venue_closed(book: Book, report: ExecutionReport) -> Events:
    """The venue closed (part of) a position by itself: stop, target, stop-out or by hand."""
    if is_seen(book, report):
        return ()
    positions = book.positions.get(report.account_id, {}).values()
    held = [p for p in positions if report.position_id in p.tickets]
    if not held:
        return _unknown_order(book, report)
    if report.exec_type is not ExecType.TRADE or not report.last_qty:
        return ()
    # A netting venue keeps one position for several executions: the oldest is closed first.
    held.sort(key=lambda p: (p.opened_at, p.execution_id))
    events: list[ev.Event] = []
    left = report.last_qty
    for place, position in enumerate(held, start=1):
        own = abs(position.tickets[report.position_id])
        quantity = left if place == len(held) else min(left, own)
        if quantity:
            fee = ZERO if events else report.fee
            events.append(_closing_fill(report, position, quantity, fee))
        left -= quantity
    beyond = report.last_qty - sum((abs(p.tickets[report.position_id]) for p in held), ZERO)
    if beyond > 0:
        events += halt(book, report.account_id, "closed_beyond_position")
        events += _unknown_order(book, report, "closed_beyond_position")
    return tuple(events)


def _closing_fill(
    report: ExecutionReport, position: Position, quantity: Decimal, fee: Decimal
) -> ev.FillBooked:
    sign = 1 if position.quantity > 0 else -1
    return ev.FillBooked(
        execution_id=position.execution_id,
        account_id=report.account_id,
        symbol=position.symbol,
        direction=-sign,
        quantity=quantity,
        notional=quantity * report.last_px,
        price=report.last_px,
        cause=report.text if report.text in _VENUE_CAUSES else "venue",
        fee=fee,
        realized=(report.last_px - position.average_price) * quantity * sign,
        exec_id=report.exec_id,
        trading_day=report.trading_day,
        transact_at=report.transact_at,
        position_id=report.position_id,
    )


_VENUE_CAUSES = frozenset({OrderRole.STOP_LOSS.value, OrderRole.TAKE_PROFIT.value, "stop_out"})


def _unknown_order(
    book: Book, report: ExecutionReport, reason: str = "unknown_venue_order"
) -> Events:
    """The venue speaks of an order or position the book never made: reported, never adopted."""
    key = report.client_order_id or f"{report.account_id}/{report.position_id}"
    if key in book.interventions or report.account_id not in book.ledgers:
        return ()
    return (
        ev.InterventionRequired(
            execution_id="",
            account_id=report.account_id,
            client_order_id=key,
            reason=reason,
            known={
                "venue_order_id": report.venue_order_id,
                "exec_type": report.exec_type.value,
                "ord_status": report.ord_status.value,
                "cum_qty": str(report.cum_qty),
                "position_id": report.position_id,
            },
        ),
    )
