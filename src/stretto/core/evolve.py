"""How each event changes the book: the only writer of state, live, in recovery and in replay.

Events carry facts; nothing is decided here. Derived indexes (timers, scheduled releases)
are kept beside the records and can be rebuilt from them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core import facts
from stretto.core.book import Allocation, Book, BookImage, Execution, KnownSignal, allocation_key
from stretto.core.carried import carry, recount
from stretto.core.errors import InvariantViolated, check
from stretto.core.limits import ROTATION_WINDOW_NS, SIGNAL_KEPT_NS
from stretto.core.order import Order, OrderState, is_done, open_quantity
from stretto.core.order_changes import apply_changes
from stretto.core.plan import Plan
from stretto.core.positions import move_position, remember_report
from stretto.core.statistics import latency_after, reliability_after
from stretto.core.values import NS_PER_S, ZERO

_DAY_NS = 86_400 * NS_PER_S


def evolve(book: Book, event: ev.Event) -> None:
    """Apply one event to the book. Raises InvariantViolated where it does not fit the state."""
    _HANDLERS[type(event)](book, event)


def begin(book: Book, seq: int, at_ns: int) -> None:
    """Start applying the entry ``seq``; sequence is gap-free and book time never falls."""
    check(seq == book.seq + 1, f"entry {seq} cannot follow entry {book.seq}")
    check(at_ns >= book.at, f"book time would fall from {book.at} to {at_ns}")
    book.seq = seq
    book.at = at_ns


def finish(book: Book) -> None:
    """Check the conservation of quantity for every allocation the entry touched (DESIGN §1.1)."""
    for key in book.touched:
        allocation = book.allocations[key]
        order = book.orders.get(allocation.order_id)
        accounted = allocation.filled + allocation.pending + allocation.abandoned
        if order is not None:
            accounted += open_quantity(order)
        least = min(allocation.filled, allocation.pending, allocation.abandoned)
        if accounted != allocation.intended or least < 0:
            book.quantities(allocation).check(key)
    book.touched.clear()


def restore(image: BookImage) -> Book:
    """A book from its records, with the derived indexes rebuilt."""
    book = Book()
    for name in BookImage.__struct_fields__:
        setattr(book, name, getattr(image, name))
    book.open_executions = {
        name: None for name, e in sorted(book.executions.items()) if e.open_allocations
    }
    for order in book.orders.values():
        _put_order(book, order)
    for key, allocation in book.allocations.items():
        _schedule(book, key, allocation)
    recount(book)
    return book


def _signal_planned(book: Book, event: ev.SignalPlanned) -> None:
    plan = event.plan
    _remember_signal(book, plan)
    quote = plan.quote
    if quote is None:
        raise InvariantViolated("a plan with allocations has a quote")
    execution_id = plan.execution_id
    accounts = tuple(a.account_id for a in plan.allocations)
    book.executions[execution_id] = Execution(
        execution_id=execution_id,
        signal=plan.signal,
        decided_at=plan.decided_at,
        decision_seq=book.seq,
        arrival_bid=quote.bid,
        arrival_ask=quote.ask,
        accounts=accounts,
        open_allocations=len(accounts),
    )
    book.open_executions[execution_id] = None
    symbol, sign = plan.signal.symbol, plan.signal.side.sign
    horizon = book.at - ROTATION_WINDOW_NS
    for planned in plan.allocations:
        key = allocation_key(execution_id, planned.account_id)
        allocation = Allocation(
            execution_id=execution_id,
            account_id=planned.account_id,
            planned=planned.position_size,
            intended=planned.position_size,
            pending=planned.position_size,
            priority=planned.execution_priority,
            release_at=planned.release_at,
            window_end=planned.window_end,
            margin=planned.margin,
            risk=planned.risk,
            margin_planned=planned.margin,
            risk_planned=planned.risk,
            limit_price=planned.limit_price,
            stop_price=planned.stop_price,
            stop_loss=planned.stop_loss,
            take_profit=planned.take_profit,
        )
        _put_allocation(book, key, allocation)
        carry(book, planned.account_id, symbol, sign * planned.position_size)
        ledger = book.ledgers[planned.account_id]
        book.ledgers[planned.account_id] = replace(
            ledger,
            reserved_margin=ledger.reserved_margin + planned.margin,
            reserved_risk=ledger.reserved_risk + planned.risk,
            load=(*(t for t in ledger.load if t > horizon), book.at),
        )


def _remember_signal(book: Book, plan: Plan) -> None:
    signal_id = plan.signal.signal_id
    if signal_id in book.signals:
        return
    day = book.at // _DAY_NS
    if day > book.signals_pruned_day:
        book.signals_pruned_day = day
        horizon = book.at - SIGNAL_KEPT_NS
        for known_id in [k for k, known in book.signals.items() if known.at < horizon]:
            del book.signals[known_id]
    book.signals[signal_id] = KnownSignal(
        signal=plan.signal, execution_id=plan.execution_id, at=book.at
    )


def _order_intended(book: Book, event: ev.OrderIntended) -> None:
    order = event.order
    check(
        order.client_order_id not in book.orders,
        f"client order id {order.client_order_id} was used before",
    )
    key = allocation_key(order.execution_id, order.account_id)
    allocation = book.allocations[key]
    check(order.quantity <= allocation.pending, f"{key}: order exceeds what is pending")
    _put_order(book, order)
    _put_allocation(
        book,
        key,
        replace(
            allocation,
            pending=allocation.pending - order.quantity,
            legs=order.leg,
            order_id=order.client_order_id,
        ),
    )
    ledger = book.ledgers[order.account_id]
    day = event.trading_day
    today = ledger.orders_today + 1 if ledger.order_day == day else 1
    book.ledgers[order.account_id] = replace(
        ledger, orders_today=today, order_day=day, open_orders=ledger.open_orders + 1
    )


def _order_advanced(book: Book, event: ev.OrderAdvanced) -> None:
    before = book.orders[event.client_order_id]
    after = apply_changes(before, event.changes)
    _put_order(book, after)
    key = allocation_key(event.execution_id, event.account_id)
    book.touched[key] = None
    if event.abandoned:
        allocation = book.allocations[key]
        book.allocations[key] = replace(
            allocation, abandoned=allocation.abandoned + event.abandoned
        )
        carry(book, event.account_id, after.symbol, -after.side.sign * event.abandoned)
    was_live, is_live = not is_done(before), not is_done(after)
    ledger = book.ledgers[event.account_id]
    acknowledged = before.acknowledged_at is None and after.acknowledged_at is not None
    verdict = _submit_verdict(before.state, after.state)
    if was_live == is_live and not acknowledged and verdict is None:
        return
    p95 = ledger.acknowledge_p95_ns
    if acknowledged and after.sent_at is not None and after.acknowledged_at is not None:
        p95 = latency_after(p95, max(0, after.acknowledged_at - after.sent_at))
    reliability, submits = ledger.reliability, ledger.submits
    if verdict is not None:
        reliability, submits = reliability_after(reliability, verdict), submits + 1
    book.ledgers[event.account_id] = replace(
        ledger,
        open_orders=ledger.open_orders + int(is_live) - int(was_live),
        acknowledge_p95_ns=p95,
        reliability=reliability,
        submits=submits,
    )
    if is_live and not was_live:
        _reopen(book, key)


def _submit_verdict(before: OrderState, after: OrderState) -> bool | None:
    """True for a submit that was taken, False for one rejected or in doubt, None for neither."""
    if after is OrderState.REJECTED or after is OrderState.IN_DOUBT:
        return False if before is not after else None
    if before is OrderState.SUBMITTING and after is not OrderState.SUBMITTING:
        return after is not OrderState.DEAD
    return None


def _reopen(book: Book, key: str) -> None:
    allocation = book.allocations[key]
    if allocation.ended:
        book.allocations[key] = replace(allocation, ended="")
        execution = book.executions[allocation.execution_id]
        book.executions[allocation.execution_id] = replace(
            execution,
            open_allocations=execution.open_allocations + 1,
            status="working",
            ended_at=0,
        )
        book.open_executions[allocation.execution_id] = None


def _fill_booked(book: Book, event: ev.FillBooked) -> None:
    ledger = book.ledgers[event.account_id]
    if event.cause == "entry":
        key = allocation_key(event.execution_id, event.account_id)
        allocation = book.allocations[key]
        counted = event.quantity - event.overfill
        carry(book, event.account_id, event.symbol, event.direction * event.overfill)
        _put_allocation(
            book,
            key,
            replace(
                allocation,
                filled=allocation.filled + counted,
                overfilled=allocation.overfilled + event.overfill,
                notional=allocation.notional + event.notional,
                fees=allocation.fees + event.fee,
                margin=allocation.margin - event.margin,
                risk=allocation.risk - event.risk,
            ),
        )
        ledger = replace(
            ledger,
            reserved_margin=ledger.reserved_margin - event.margin,
            reserved_risk=ledger.reserved_risk - event.risk,
            unconfirmed_margin=max(ZERO, ledger.unconfirmed_margin + event.margin),
            last_fill_at=book.at,
        )
    else:
        carry(book, event.account_id, event.symbol, event.direction * event.quantity)
        ledger = replace(
            ledger,
            last_fill_at=book.at,
            trades=ledger.trades + 1,
            hits=ledger.hits + int(event.realized > 0),
        )
    book.ledgers[event.account_id] = ledger
    move_position(book, event)
    remember_report(book, event)


def _allocation_ended(book: Book, event: ev.AllocationEnded) -> None:
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    first = not allocation.ended
    pending = allocation.pending if event.abandoned > 0 else ZERO
    ended = replace(
        allocation,
        pending=allocation.pending - pending,
        abandoned=allocation.abandoned + event.abandoned,
        margin=allocation.margin - event.margin,
        risk=allocation.risk - event.risk,
        ended=event.reason,
    )
    _put_allocation(book, key, ended)
    if event.abandoned:
        signal = book.executions[event.execution_id].signal
        carry(book, event.account_id, signal.symbol, -signal.side.sign * event.abandoned)
    measured = event.shortfall_pips
    if event.margin or event.risk or measured is not None:
        ledger = book.ledgers[event.account_id]
        book.ledgers[event.account_id] = replace(
            ledger,
            reserved_margin=ledger.reserved_margin - event.margin,
            reserved_risk=ledger.reserved_risk - event.risk,
            entries=ledger.entries + int(measured is not None),
            shortfall_pips_sum=ledger.shortfall_pips_sum + (measured or ZERO),
        )
    if first:
        execution = book.executions[event.execution_id]
        still_open = execution.open_allocations - 1
        book.executions[event.execution_id] = replace(execution, open_allocations=still_open)
        if not still_open:
            del book.open_executions[event.execution_id]


def _put_allocation(book: Book, key: str, allocation: Allocation) -> None:
    book.allocations[key] = allocation
    book.touched[key] = None
    _schedule(book, key, allocation)


def _schedule(book: Book, key: str, allocation: Allocation) -> None:
    waiting = allocation.pending > 0 and allocation.legs == 0 and not allocation.ended
    timer = f"{ev.TimerKind.RELEASE.value}:{key}"
    symbol = book.executions[allocation.execution_id].signal.symbol
    scheduled = book.scheduled.get(symbol, {})
    if waiting == (key in scheduled):
        return
    account_id = allocation.account_id
    left = book.waiting.get(account_id, 0) + (1 if waiting else -1)
    if waiting:
        book.timers.set(timer, allocation.release_at)
        scheduled[key] = allocation.release_at
        book.scheduled[symbol] = scheduled
    else:
        book.timers.set(timer, None)
        del scheduled[key]
        if not scheduled:
            del book.scheduled[symbol]
    if left:
        book.waiting[account_id] = left
    else:
        del book.waiting[account_id]


def _put_order(book: Book, order: Order) -> None:
    book.orders[order.client_order_id] = order
    acknowledge = f"{ev.TimerKind.ACKNOWLEDGE.value}:{order.client_order_id}"
    query = f"{ev.TimerKind.QUERY.value}:{order.client_order_id}"
    book.timers.set(acknowledge, order.answer_due_at)
    book.timers.set(query, order.query_at if order.state is OrderState.IN_DOUBT else None)


def _execution_ended(book: Book, event: ev.ExecutionEnded) -> None:
    execution = book.executions[event.execution_id]
    book.executions[event.execution_id] = replace(execution, status=event.status, ended_at=book.at)


def _order_queried(book: Book, event: ev.OrderQueried) -> None:
    order = book.orders[event.client_order_id]
    _put_order(book, replace(order, queries=event.attempt, query_at=event.next_at))


def _signal_refused(book: Book, event: ev.SignalRefused) -> None:
    _remember_signal(book, event.plan)


_HANDLERS: dict[type, Callable[[Book, Any], None]] = {
    ev.OrderAdvanced: _order_advanced,
    ev.FillBooked: _fill_booked,
    ev.OrderIntended: _order_intended,
    ev.AllocationEnded: _allocation_ended,
    ev.ExecutionEnded: _execution_ended,
    ev.OrderQueried: _order_queried,
    ev.SignalPlanned: _signal_planned,
    ev.SignalRefused: _signal_refused,
    ev.AccountUpdated: facts.account_updated,
    ev.HistoryRecorded: facts.history_recorded,
    ev.BarsRecorded: facts.bars_recorded,
    ev.BookConfigured: facts.book_configured,
    ev.AccountHalted: facts.account_halted,
    ev.InterventionRequired: facts.intervention_required,
}
check(set(_HANDLERS) == set(get_args(ev.Event)), "every event must have exactly one handler")
