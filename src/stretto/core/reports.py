"""What a venue's word, or its silence, means for the book: messages in, events out.

Asks the order machine for the step and turns it into facts: the order's changes, fills with the
money they move, and the end of an allocation or execution. Never decides to trade.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from stretto.core import events as ev
from stretto.core.account import Position
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
from stretto.core.order_table import TABLE
from stretto.core.refusal import Refusal
from stretto.core.report import CancelReject, ExecType, ExecutionReport, OrderRole, StatusAnswer
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
    if order is None or order.account_id != reject.account_id:
        return ()
    kind = OrderInput.REPLACE_REJECTED if reject.for_replace else OrderInput.CANCEL_REJECTED
    if (order.state, kind) not in TABLE:
        return tuple(_ask(book, order, "refused_request_never_made", {"state": order.state.value}))
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
    allocation = book.allocations[allocation_key(order.execution_id, order.account_id)]
    fill = None
    if done.fill_delta or done.notional_delta or done.fee_delta:
        fill = _fill(allocation, done, report, at_ns)
    given_up = _given_up(allocation, done.order, fill)
    if changes is not None:
        events.append(
            ev.OrderAdvanced(
                client_order_id=order.client_order_id,
                execution_id=order.execution_id,
                account_id=order.account_id,
                cause=done.kind.value,
                changes=changes,
                abandoned=given_up if given_up and not is_done(done.order) else ZERO,
            )
        )
    if fill is not None:
        events.append(fill)
    events += _alarms(book, done, fill.overfill if fill is not None else ZERO, detail)
    if is_done(done.order):
        events += _settled(book, allocation, done, fill, given_up, detail)
    return tuple(events)


def _given_up(allocation: Allocation, order: Order, fill: ev.FillBooked | None) -> Decimal:
    """What of the intended is neither filled, pending nor with the venue after a step, beyond what
    was abandoned before; negative where the venue filled or revived some of that.
    """
    filled = allocation.filled
    if fill is not None:
        filled += fill.quantity - fill.overfill
    elsewhere = filled + allocation.pending + open_quantity(order)
    return allocation.intended - elsewhere - allocation.abandoned


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
    margin = _share(allocation.margin, counted, room)
    risk = _share(allocation.risk, counted, room)
    if counted < 0 and not is_done(order):  # taken back, and may fill again
        margin = -_share_back(allocation.margin_planned, allocation.margin, allocation, counted)
        risk = -_share_back(allocation.risk_planned, allocation.risk, allocation, counted)
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
        margin=margin,
        risk=risk,
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


def _share_back(
    planned: Decimal, reserved: Decimal, allocation: Allocation, counted: Decimal
) -> Decimal:
    """The part of the planned reservation that is set aside again for a quantity taken back."""
    return min(_share(planned, -counted, allocation.planned), planned - reserved)


def _alarms(book: Book, done: Step, overfill: Decimal, detail: str) -> list[ev.Event]:
    order = done.order
    known = {
        "order_qty": str(order.quantity),
        "cum_qty": str(order.cum_qty),
        "overfill": str(order.overfilled_qty),
        "detail": detail,
    }
    if done.halts_account or overfill > 0:
        reason = done.note.value or "overfill"
        return [*_halt(book, order.account_id, reason), *_ask(book, order, reason, known, True)]
    if done.note is Note.CONTRADICTION:
        return _ask(book, order, done.note.value, known | {"state": order.state.value})
    return []


def _halt(book: Book, account_id: str, reason: str) -> list[ev.Event]:
    if book.ledgers[account_id].halted:
        return []
    return [ev.AccountHalted(account_id=account_id, reason=reason)]


def _ask(
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
            known=known,
        )
    ]


def _settled(
    book: Book,
    allocation: Allocation,
    done: Step,
    fill: ev.FillBooked | None,
    given_up: Decimal,
    detail: str,
) -> list[ev.Event]:
    """AllocationEnded where nothing is live any more, ExecutionEnded with the last allocation."""
    order = done.order
    if allocation.pending or (allocation.ended and not given_up):
        return []
    filled, margin, risk = allocation.filled, allocation.margin, allocation.risk
    if fill is not None:
        filled += fill.quantity - fill.overfill
        margin, risk = margin - fill.margin, risk - fill.risk
    execution = book.executions[order.execution_id]
    notional = allocation.notional + done.notional_delta
    ended = ev.AllocationEnded(
        execution_id=order.execution_id,
        account_id=order.account_id,
        abandoned=given_up,
        reason=_ending(order, filled, allocation.intended, detail),
        margin=margin,
        risk=risk,
        shortfall_pips=None
        if allocation.ended or not order.cum_qty
        else shortfall_pips(book, execution, notional, order.cum_qty),
    )
    return [ended, *ends_execution(book, ended, filled > 0)]


def _ending(order: Order, filled: Decimal, intended: Decimal, detail: str) -> str:
    if filled >= intended:
        return "filled"
    words = [order.state.value]
    words += [word for word in (order.reject_code, order.text or detail) if word]
    return ": ".join(dict.fromkeys(words))


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
    if _seen(book, report):
        return ()
    positions = book.positions.get(report.account_id, {}).values()
    held = [p for p in positions if p.position_id == report.position_id]
    if not held:
        return _unknown_order(book, report)
    if report.exec_type is not ExecType.TRADE or not report.last_qty:
        return ()
    # A netting venue keeps one position for several executions: the oldest is closed first.
    held.sort(key=lambda p: (p.opened_at, p.execution_id))
    events: list[ev.Event] = []
    left = report.last_qty
    for place, position in enumerate(held, start=1):
        quantity = left if place == len(held) else min(left, abs(position.quantity))
        if quantity:
            fee = ZERO if events else report.fee
            events.append(_closing_fill(report, position, quantity, fee))
        left -= quantity
    beyond = report.last_qty - sum((abs(p.quantity) for p in held), ZERO)
    if beyond > 0:
        events += _halt(book, report.account_id, "closed_beyond_position")
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
    """ExecutionEnded, where ``ended`` closes the last open allocation, or changes how an execution
    ended that was over; ``filled`` says whether anything of that allocation is.
    """
    execution = book.executions[ended.execution_id]
    key = allocation_key(ended.execution_id, ended.account_id)
    if execution.open_allocations != (0 if book.allocations[key].ended else 1):
        return []
    filled = filled or any(
        book.allocations[allocation_key(ended.execution_id, account_id)].filled > 0
        for account_id in execution.accounts
        if account_id != ended.account_id
    )
    status = "completed" if filled else "abandoned"
    if execution.status == status:
        return []
    return [ev.ExecutionEnded(execution_id=ended.execution_id, status=status)]
