"""What a venue's word, or its silence, means for the book: messages in, events out.

Asks the order machine for the step and turns it into facts: the order's changes, fills with the
money they move, and the end of an allocation or execution. Never decides to trade.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.alarms import ask, halt
from stretto.core.book import Book
from stretto.core.exits.late_fills import regained
from stretto.core.messages.advancing import Events, advance
from stretto.core.messages.remedy import is_doubtful
from stretto.core.orders.order import Note, Order, OrderInput, is_done, step
from stretto.core.orders.order_table import LIVE_STATES, TABLE
from stretto.core.reconciliation_events import STRANGER
from stretto.core.reconciling.strangers import is_left_alone
from stretto.core.terms.account import Position
from stretto.core.terms.choices import choices
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrderRole,
    StatusAnswer,
)
from stretto.core.values import ZERO

CLOSE_BEFORE_ENTRY = "close_before_entry"
"""A venue closed a position that no report opened yet. Its entry still counts as on its way, and
then as held: too much rather than too little. The next view shows both, and the close is booked.
"""


def on_report(book: Book, report: ExecutionReport, at_ns: int) -> Events:
    """An execution report: matched to its order, to a position the venue closed, or to nothing."""
    order = book.orders.get(report.client_order_id)
    if order is None or order.account_id != report.account_id:
        if not report.client_order_id and report.position_id:
            return _venue_closed(book, report, at_ns)
        return _unknown_order(book, report)
    if is_seen(book, report) and not _has_fill(order, report):
        return ()
    if order.state in LIVE_STATES and is_doubtful(book, order, report):
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
    """A refused cancel or replace: the order is as it was. One that the venue calls over, without
    a report of that yet, is asked about.
    """
    order = book.orders.get(reject.client_order_id)
    if order is None or order.account_id != reject.account_id:
        return ()
    kind = OrderInput.REPLACE_REJECTED if reject.for_replace else OrderInput.CANCEL_REJECTED
    if (order.state, kind) not in TABLE:
        return tuple(ask(book, order, "refused_request_never_made", {"state": order.state.value}))
    events = advance(book, order, reject, at_ns, None)
    if step(order, reject, at_ns).note is not Note.AHEAD:
        return events
    asked = ev.OrderQueried(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        attempt=order.queries,
        next_at=None,
    )
    return (*events, asked)


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


def _venue_closed(book: Book, report: ExecutionReport, at_ns: int) -> Events:
    """The venue closed (part of) a position by itself: stop, target, stop-out or by hand."""
    if is_seen(book, report):
        return ()
    if report.exec_type is ExecType.TRADE_CANCEL:
        return _close_busted(book, report, at_ns)
    if report.exec_type is ExecType.TRADE_CORRECT:
        return _halted(book, report, "venue_close_corrected")
    positions = book.positions.get(report.account_id, {}).values()
    held = [p for p in positions if report.position_id in p.tickets]
    if not held:
        if report.exec_type is ExecType.TRADE and _is_entering(book, report.account_id):
            return _unknown_order(book, report, CLOSE_BEFORE_ENTRY)
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
    if awaits_entry(book, report.account_id, report.position_id):
        events.append(
            ev.InterventionResolved(
                execution_id="",
                account_id=report.account_id,
                client_order_id=f"{report.account_id}/{report.position_id}",
                reason=CLOSE_BEFORE_ENTRY,
                resolution="its entry is known now",
            )
        )
    return tuple(events)


def _is_entering(book: Book, account_id: str) -> bool:
    """True where an order of the account may have opened a position that is not reported yet."""
    return any(
        order.account_id == account_id and order.role is OrderRole.ENTRY and not is_done(order)
        for order in book.orders.values()
    )


def _close_busted(book: Book, report: ExecutionReport, at_ns: int) -> Events:
    """The venue takes a close of its own back: exactly that is reversed, and closed again where the
    execution was closed since.
    """
    name = f"{report.account_id}|{report.exec_ref_id}"
    # Venues begin their ids anew: the newest close of that id that is about this position.
    for day in sorted(book.venue_closes, reverse=True):
        closes = book.venue_closes[day].get(name)
        if closes is None or closes[0].position_id != report.position_id:
            continue
        events: list[ev.Event] = []
        for fill in closes:
            events.append(
                replace(
                    fill,
                    quantity=-fill.quantity,
                    notional=-fill.notional,
                    fee=-fill.fee,
                    realized=-fill.realized,
                    exec_id=report.exec_id,
                    trading_day=report.trading_day,
                    transact_at=report.transact_at,
                    reverses=fill.exec_id,
                )
            )
        for fill in closes:
            events += regained(book, fill.execution_id, fill.account_id, fill.quantity, at_ns)
        return tuple(events)
    if awaits_entry(book, report.account_id, report.position_id):
        return ()  # the view that shows the close shows this behind it
    return _halted(book, report, "unknown_close_busted")


def awaits_entry(book: Book, account_id: str, position_id: str) -> bool:
    """True where a close of the venue's is known of a position that is not, or was not then."""
    return book.interventions.get(f"{account_id}/{position_id}") == CLOSE_BEFORE_ENTRY


def _halted(book: Book, report: ExecutionReport, reason: str) -> Events:
    """What is held is not known: no entry in the account, and a person is asked."""
    asked = _unknown_order(book, report, reason)
    return (*halt(book, report.account_id, reason), *asked) if asked else ()


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


def _unknown_order(book: Book, report: ExecutionReport, reason: str = STRANGER) -> Events:
    """The venue speaks of an order or position the book never made: reported, never adopted."""
    key = report.client_order_id or f"{report.account_id}/{report.position_id}"
    known = key in book.interventions or (reason == STRANGER and is_left_alone(book, key))
    if known or report.account_id not in book.ledgers:
        return ()
    return (
        ev.InterventionRequired(
            execution_id="",
            account_id=report.account_id,
            client_order_id=key,
            reason=reason,
            known={
                **choices(reason),
                "venue_order_id": report.venue_order_id,
                "exec_type": report.exec_type.value,
                "ord_status": report.ord_status.value,
                "cum_qty": str(report.cum_qty),
                "position_id": report.position_id,
            },
        ),
    )
