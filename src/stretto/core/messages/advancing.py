"""One message about one order: the order's step, and what it means for the allocation.

The order machine says what happened, ``settling`` where the quantity is now. Knows
nothing of how a message arrived.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from stretto.core import events as ev
from stretto.core.accounts.alarms import alarms, settled_doubt
from stretto.core.accounts.conduct import conducted
from stretto.core.book import Allocation, Book, allocation_key
from stretto.core.executions.completion_steps import watched
from stretto.core.executions.ending import ends_execution, reason_of, shortfall_pips
from stretto.core.executions.giving_up import revived_under_kill, wanted_gone
from stretto.core.exits.exit_legs import adjusted, concluded, in_excess_no_more, of_position
from stretto.core.exits.late_fills import followed
from stretto.core.exits.repricing import price_followed
from stretto.core.messages.changing import change_followed
from stretto.core.messages.protective_reports import protective_advanced, reversed_by
from stretto.core.messages.remedy import after_leg
from stretto.core.orders.order import (
    Message,
    Note,
    Order,
    OrderState,
    Step,
    is_done,
    open_quantity,
    step,
)
from stretto.core.orders.order_changes import changes_between
from stretto.core.orders.settling import Settlement, settle
from stretto.core.terms.protection import PROTECTIVE
from stretto.core.terms.report import ExecutionReport, OrderRole
from stretto.core.values import ZERO

_CENT = Decimal("0.000001")
Events = tuple[ev.Event, ...]


def advance(
    book: Book,
    order: Order,
    message: Message,
    at_ns: int,
    report: ExecutionReport | None,
    detail: str = "",
    *,
    begun: Order | None = None,
    causes: tuple[str, ...] = (),
) -> Events:
    """All that one message about one order changes; empty where it changes nothing. ``begun`` is
    the order after what went before in the same input and touched nothing else; ``causes`` says
    what that was.
    """
    done = step(order if begun is None else begun, message, at_ns)
    if order.role in PROTECTIVE:
        return protective_advanced(book, order, done, message, report, detail, at_ns, causes)
    after = watched(book, order, done.order, has_filled=done.fill_delta > 0, at_ns=at_ns)
    changes = changes_between(order, after)
    allocation = book.allocations[allocation_key(order.execution_id, order.account_id)]
    elsewhere = _open_elsewhere(book, allocation, order)
    settled = settle(
        allocation.intended,
        allocation.filled + allocation.overfilled + done.fill_delta,
        open_quantity(done.order) + elsewhere,
        allocation.pending,
        allocation.abandoned,
    )
    events: list[ev.Event] = []
    fill = None
    if changes is not None:
        events.append(
            ev.OrderAdvanced(
                client_order_id=order.client_order_id,
                execution_id=order.execution_id,
                account_id=order.account_id,
                cause=", ".join((*causes, done.kind)),
                changes=changes,
            )
        )
        if order.state is OrderState.IN_DOUBT and done.order.state is not OrderState.IN_DOUBT:
            events += settled_doubt(book, order, done.kind.value)
    if done.fill_delta or done.notional_delta or done.fee_delta:
        fill = _fill(allocation, order, done, settled, report, at_ns)
        if order.role is OrderRole.EXIT:
            fill = of_position(book, fill)
            events += reversed_by(book, order, fill)
        events.append(fill)
    events += alarms(book, done, _beyond(allocation, settled, done.order), detail)
    if order.role is OrderRole.EXIT:
        if is_done(done.order) and not elsewhere:
            events += concluded(book, allocation, order, done.order, settled, detail, at_ns)
        else:
            events += adjusted(allocation, settled)
    elif is_done(done.order) and not elsewhere:
        events += _concluded(book, allocation, order, done, fill, settled, detail, at_ns)
    else:
        events += _adjusted(allocation, settled)
    if allocation.closing:
        events += wanted_gone(book, allocation, done.order, message, at_ns)
    events += revived_under_kill(book, allocation, order, done.order, at_ns)
    if order.role is OrderRole.EXIT or book.executions[order.execution_id].closed_by:
        events += followed(book, order, done.order, fill, at_ns)
    events += _terms_followed(book, allocation, order, done, message, at_ns)
    failed = next((each for each in events if isinstance(each, ev.OrderFailed)), None)
    return (*events, *conducted(book, order, done.order, failed, at_ns))


def _beyond(allocation: Allocation, settled: Settlement, order: Order) -> Decimal:
    """Base units by which more is filled, or may be, than was intended; less what executions exceed
    and the venue's own total denies, which a bust on its way takes back.
    """
    excess = settled.excess - allocation.excess
    if order.overfill_denied:
        return excess
    return max(excess, settled.overfilled - allocation.overfilled)


def _terms_followed(
    book: Book, allocation: Allocation, before: Order, done: Step, message: Message, at_ns: int
) -> list[ev.Event]:
    """What becomes of another limit or size that the order is to get."""
    if allocation.repricing:
        return price_followed(book, allocation, before, done, message, at_ns)
    if before.replacing is not None or before.client_order_id in book.interventions:
        return change_followed(book, allocation, before, done, message)
    return []


def _open_elsewhere(book: Book, allocation: Allocation, order: Order) -> Decimal:
    """What the allocation's other orders may still fill, base units."""
    if len(allocation.order_ids) == 1:
        return ZERO
    others = [book.orders[name] for name in allocation.order_ids if name != order.client_order_id]
    return sum((open_quantity(other) for other in others), ZERO)


def _adjusted(allocation: Allocation, settled: Settlement) -> list[ev.Event]:
    """What a step shifts between the allocation's numbers while something of it is live: a venue
    that lowered a quantity frees some, one that filled or revived what was given up takes it back.
    """
    change = ev.AllocationAdjusted(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        pending=settled.pending - allocation.pending,
        abandoned=settled.abandoned + settled.freed - allocation.abandoned,
        excess=settled.excess - allocation.excess,
    )
    return [change] if change.pending or change.abandoned or change.excess else []


def _concluded(
    book: Book,
    allocation: Allocation,
    before: Order,
    done: Step,
    fill: ev.FillBooked | None,
    settled: Settlement,
    detail: str,
    at_ns: int,
) -> list[ev.Event]:
    """No order of the allocation is live: it ends, or goes on with what is left."""
    order = done.order
    is_current = order.client_order_id == allocation.order_ids[-1]
    if settled.pending and not (is_current and not is_done(before)):
        return _adjusted(allocation, settled)  # a later leg is scheduled and goes on as it is
    rest = settled.freed + settled.pending
    given_up = settled.abandoned + rest - allocation.abandoned
    over = in_excess_no_more(allocation, settled)
    if allocation.ended and not given_up:
        return over
    tried: tuple[ev.Event, ...] = ()
    named = ""
    if rest and not allocation.ended and not allocation.closing and not is_done(before):
        tried, goes_on, named = after_leg(book, allocation, before, order, settled, detail, at_ns)
        if goes_on:
            return [*_adjusted(allocation, settled._replace(freed=ZERO)), *tried]
    margin, risk = allocation.margin, allocation.risk
    if fill is not None:
        margin, risk = margin - fill.margin, risk - fill.risk
    execution = book.executions[order.execution_id]
    executed = settled.filled + settled.overfilled
    notional = allocation.notional + done.notional_delta
    ended = ev.AllocationEnded(
        execution_id=order.execution_id,
        account_id=order.account_id,
        abandoned=given_up,
        reason=named or _reason(allocation, order, settled, detail),
        margin=margin,
        risk=risk,
        shortfall_pips=None
        if allocation.ended or not executed
        else shortfall_pips(book, execution, notional, executed),
    )
    return [*tried, *over, ended, *ends_execution(book, ended, settled.filled > 0)]


def _reason(allocation: Allocation, order: Order, settled: Settlement, detail: str) -> str:
    """Why it ended: what it was given up for, or the last order's end and its words."""
    if allocation.closing and settled.filled < allocation.intended:
        return allocation.closing
    return reason_of(order, settled.filled, allocation.intended, detail)


def _fill(
    allocation: Allocation,
    before: Order,
    done: Step,
    settled: Settlement,
    report: ExecutionReport | None,
    at_ns: int,
) -> ev.FillBooked:
    order, quantity = done.order, done.fill_delta
    room = allocation.intended - allocation.filled
    overfill = settled.overfilled - allocation.overfilled
    counted = quantity - overfill
    margin = share_of(allocation.margin, counted, room)
    risk = share_of(allocation.risk, counted, room)
    if counted < 0 and not (is_done(before) and is_done(order)):
        # taken back, and may fill again: in this order, or in the leg after it
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
        position_id=order.position_id,
        inferred=done.note is Note.INFERRED,
    )


def share_of(reserved: Decimal, quantity: Decimal, outstanding: Decimal) -> Decimal:
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
    first = allocation.planned + allocation.moved_in
    return min(share_of(planned, -counted, first), planned - reserved)
