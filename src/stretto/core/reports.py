"""What a venue's word, or its silence, means for the book: messages in, events out.

Asks the order machine for the step and turns it into facts: the order's changes, fills with the
money they move, and the end of an allocation or execution. Never decides to trade.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.order import (
    Message,
    Note,
    Order,
    OrderInput,
    Step,
    is_done,
    open_quantity,
    step,
)
from stretto.core.order_changes import changes_between
from stretto.core.refusal import Refusal
from stretto.core.report import CancelReject, ExecutionReport, OrderRole, StatusAnswer
from stretto.core.values import ZERO, Side

_CENT = Decimal("0.000001")
Events = tuple[ev.Event, ...]


def on_report(book: Book, report: ExecutionReport, at_ns: int) -> Events:
    """An execution report: matched to its order, to a position the venue closed, or to nothing."""
    order = book.orders.get(report.client_order_id)
    if order is None or order.account_id != report.account_id:
        if not report.client_order_id and report.position_id:
            return _venue_closed(book, report)
        return _unknown_order(book, report)
    if _seen(book, report) and not _has_fill(order, report):
        return ()
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
    if order is None:
        return ()
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


def advance(
    book: Book,
    order: Order,
    message: Message,
    at_ns: int,
    report: ExecutionReport | None,
    detail: str = "",
) -> Events:
    """All that one message about one order changes; empty where it changes nothing."""
    done = step(order, message, at_ns)
    changes = changes_between(order, done.order)
    events: list[ev.Event] = []
    if changes is not None:
        events.append(
            ev.OrderAdvanced(
                client_order_id=order.client_order_id,
                execution_id=order.execution_id,
                account_id=order.account_id,
                cause=done.kind.value,
                changes=changes,
            )
        )
    allocation = book.allocations[allocation_key(order.execution_id, order.account_id)]
    execution = book.executions[order.execution_id]
    margin, risk = allocation.margin, allocation.risk
    counted = overfill = ZERO
    if done.fill_delta or done.notional_delta:
        fill = _fill(allocation, done, report, at_ns)
        events.append(fill)
        counted, overfill = fill.quantity - fill.overfill, fill.overfill
        margin, risk = margin - fill.margin, risk - fill.risk
    events += _alarms(book, done, overfill, detail)
    events += _settled(book, allocation, execution, done, counted, (margin, risk), detail)
    return tuple(events)


def _fill(
    allocation: Allocation,
    done: Step,
    report: ExecutionReport | None,
    at_ns: int,
) -> ev.FillBooked:
    order, quantity = done.order, done.fill_delta
    room = allocation.intended - allocation.filled
    if quantity >= 0:
        overfill = max(ZERO, quantity - room)
    else:
        overfill = max(quantity, -allocation.overfilled)
    counted = quantity - overfill
    share_of = room if room > 0 else ZERO
    price = report.last_px if report is not None and report.last_px else ZERO
    if not price:
        price = done.notional_delta / quantity if quantity else ZERO
    return ev.FillBooked(
        execution_id=order.execution_id,
        account_id=order.account_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        direction=order.side.sign,
        quantity=quantity,
        notional=done.notional_delta,
        price=price,
        fee=done.fee_delta,
        overfill=overfill,
        exec_id=report.exec_id if report is not None and done.fill is not None else "",
        trading_day=report.trading_day if report is not None else "",
        transact_at=report.transact_at if report is not None else at_ns,
        margin=_share(allocation.margin, counted, share_of),
        risk=_share(allocation.risk, counted, share_of),
        position_id=report.position_id if report is not None else "",
        inferred=done.note is Note.INFERRED,
    )


def _share(reserved: Decimal, quantity: Decimal, outstanding: Decimal) -> Decimal:
    """The part of a reservation that a fill of ``quantity`` of the ``outstanding`` moves."""
    if quantity <= 0 or outstanding <= 0:
        return ZERO
    if quantity >= outstanding:
        return reserved
    return (reserved * quantity / outstanding).quantize(_CENT, rounding=ROUND_DOWN)


def _alarms(book: Book, done: Step, overfill: Decimal, detail: str) -> list[ev.Event]:
    if not done.halts_account and overfill <= 0:
        return []
    order = done.order
    reason = done.note.value or "overfill"
    events: list[ev.Event] = []
    if not book.ledgers[order.account_id].halted:
        events.append(ev.AccountHalted(account_id=order.account_id, reason=reason))
    events.append(
        ev.InterventionRequired(
            execution_id=order.execution_id,
            account_id=order.account_id,
            client_order_id=order.client_order_id,
            reason=reason,
            known={
                "order_qty": str(order.quantity),
                "cum_qty": str(order.cum_qty),
                "overfill": str(order.overfilled_qty),
                "detail": detail,
            },
        )
    )
    return events


def _settled(
    book: Book,
    allocation: Allocation,
    execution: Execution,
    done: Step,
    counted: Decimal,
    reserved: tuple[Decimal, Decimal],
    detail: str,
) -> list[ev.Event]:
    """AllocationEnded where nothing is live any more, ExecutionEnded with the last allocation."""
    order = done.order
    if allocation.pending or not is_done(order):
        return []
    filled = allocation.filled + counted
    rest = allocation.intended - filled - allocation.abandoned - open_quantity(order)
    if allocation.ended and not rest:
        return []
    reason = _ending(order, filled, allocation.intended, detail)
    notional = allocation.notional + done.notional_delta
    ended = ev.AllocationEnded(
        execution_id=order.execution_id,
        account_id=order.account_id,
        abandoned=rest,
        reason=reason,
        margin=reserved[0],
        risk=reserved[1],
        shortfall_pips=None
        if allocation.ended or not order.cum_qty
        else shortfall_pips(book, execution, notional, order.cum_qty),
    )
    events: list[ev.Event] = [ended]
    if not allocation.ended:
        events += ends_execution(book, ended, filled > 0)
    return events


def _ending(order: Order, filled: Decimal, intended: Decimal, detail: str) -> str:
    if filled >= intended:
        return "filled"
    words = [order.state.value]
    words += [word for word in (order.reject_code, order.text or detail) if word]
    return ": ".join(words)


def shortfall_pips(
    book: Book, execution: Execution, notional: Decimal, quantity: Decimal
) -> Decimal:
    """Volume-weighted price against the touch at the decision, in pips, positive where worse."""
    signal = execution.signal
    touch = execution.arrival_ask if signal.side is Side.BUY else execution.arrival_bid
    pip = book.configuration.instruments[signal.symbol].pip
    worse = (notional / quantity - touch) * signal.side.sign / pip
    return worse.quantize(Decimal("0.0001"))


def _seen(book: Book, report: ExecutionReport) -> bool:
    day = book.reports_seen.get(report.trading_day)
    return day is not None and f"{report.account_id}|{report.exec_id}" in day


def _has_fill(order: Order, report: ExecutionReport) -> bool:
    """True where the order itself knows the execution, and so can tell what a repeat means."""
    return any(f.exec_id == report.exec_id for f in order.fills)


def _venue_closed(book: Book, report: ExecutionReport) -> Events:
    """The venue closed (part of) a position by itself: stop, target, stop-out or by hand."""
    ticket = book.tickets.get(f"{report.account_id}/{report.position_id}")
    if ticket is None or _seen(book, report):
        return () if _seen(book, report) else _unknown_order(book, report)
    position = book.positions[report.account_id][ticket[1]]
    sign = 1 if position.quantity > 0 else -1
    quantity = report.last_qty
    return (
        ev.FillBooked(
            execution_id=position.execution_id,
            account_id=report.account_id,
            symbol=position.symbol,
            direction=-sign,
            quantity=quantity,
            notional=quantity * report.last_px,
            price=report.last_px,
            cause=report.text if report.text in _VENUE_CAUSES else "venue",
            fee=report.fee,
            realized=(report.last_px - position.average_price) * quantity * sign,
            exec_id=report.exec_id,
            trading_day=report.trading_day,
            transact_at=report.transact_at,
            position_id=report.position_id,
        ),
    )


_VENUE_CAUSES = frozenset({OrderRole.STOP_LOSS.value, OrderRole.TAKE_PROFIT.value, "stop_out"})


def _unknown_order(book: Book, report: ExecutionReport) -> Events:
    """The venue speaks of an order or position the book never made: reported, never adopted."""
    key = report.client_order_id or f"{report.account_id}/{report.position_id}"
    if key in book.interventions or report.account_id not in book.ledgers:
        return ()
    return (
        ev.InterventionRequired(
            execution_id="",
            account_id=report.account_id,
            client_order_id=key,
            reason="unknown_venue_order",
            known={
                "venue_order_id": report.venue_order_id,
                "exec_type": report.exec_type.value,
                "ord_status": report.ord_status.value,
                "cum_qty": str(report.cum_qty),
                "position_id": report.position_id,
            },
        ),
    )


def refused(rest: Decimal, allocation: Allocation, refusal: Refusal) -> ev.AllocationEnded:
    """An allocation that ends before anything was sent, with the rule that ended it."""
    return ev.AllocationEnded(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        abandoned=rest,
        reason=refusal.rule.value,
        margin=allocation.margin,
        risk=allocation.risk,
        refusal=refusal,
    )


def ends_execution(book: Book, ended: ev.AllocationEnded, filled: bool) -> list[ev.Event]:
    """ExecutionEnded, where ``ended`` closes the last open allocation; ``filled`` says whether
    anything of that one was.
    """
    execution = book.executions[ended.execution_id]
    if execution.open_allocations != 1:
        return []
    filled = filled or any(
        book.allocations[allocation_key(ended.execution_id, account_id)].filled > 0
        for account_id in execution.accounts
    )
    status = "completed" if filled else "abandoned"
    return [ev.ExecutionEnded(execution_id=ended.execution_id, status=status)]
