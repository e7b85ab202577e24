"""What events of executions and their allocations change in the book. Part of ``evolve``.

Knows nothing of the order machine.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, Execution, KnownSignal, allocation_key
from stretto.core.carried import carry, enter
from stretto.core.errors import InvariantViolated, check
from stretto.core.limits import ROTATION_WINDOW_NS, SIGNAL_KEPT_NS
from stretto.core.plan import Plan
from stretto.core.positions import move_position, remember_report
from stretto.core.values import NS_PER_S, ZERO

_DAY_NS = 86_400 * NS_PER_S


def signal_planned(book: Book, event: ev.SignalPlanned) -> None:
    """The execution and its allocations, reserved and scheduled."""
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
            gap_ns=plan.timing_gap_ns,
            limit_price=planned.limit_price,
            stop_price=planned.stop_price,
            stop_loss=planned.stop_loss,
            take_profit=planned.take_profit,
        )
        put_allocation(book, key, allocation)
        carry(book, planned.account_id, symbol, sign * planned.position_size)
        ledger = book.ledgers[planned.account_id]
        book.ledgers[planned.account_id] = replace(
            ledger,
            reserved_margin=ledger.reserved_margin + planned.margin,
            reserved_risk=ledger.reserved_risk + planned.risk,
            load=(*(t for t in ledger.load if t > horizon), book.at),
        )


def signal_refused(book: Book, event: ev.SignalRefused) -> None:
    """Only the signal's id is kept."""
    _remember_signal(book, event.plan)


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


def release_deferred(book: Book, event: ev.ReleaseDeferred) -> None:
    """The release gets a later timer and keeps its window."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    scheduled = book.scheduled.get(event.symbol, {})
    check(key in scheduled, f"{key}: nothing waits for its release")
    check(event.deferred_to > book.at, f"{key}: deferred to {event.deferred_to}, not after now")
    book.allocations[key] = replace(allocation, deferred_to=event.deferred_to, gap_ns=event.gap_ns)
    book.timers.set(f"{ev.TimerKind.RELEASE.value}:{key}", event.deferred_to)
    scheduled[key] = event.deferred_to


def fill_booked(book: Book, event: ev.FillBooked) -> None:
    """A fill moves quantity, money and the position, once."""
    ledger = book.ledgers[event.account_id]
    if event.cause == "entry":
        key = allocation_key(event.execution_id, event.account_id)
        allocation = book.allocations[key]
        counted = event.quantity - event.overfill
        carry(book, event.account_id, event.symbol, event.direction * event.overfill)
        put_allocation(
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


def allocation_ended(book: Book, event: ev.AllocationEnded) -> None:
    """What was left is abandoned and what was reserved is free."""
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
    put_allocation(book, key, ended)
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


def execution_ended(book: Book, event: ev.ExecutionEnded) -> None:
    """How the execution ended, and when."""
    execution = book.executions[event.execution_id]
    book.executions[event.execution_id] = replace(execution, status=event.status, ended_at=book.at)


def put_allocation(book: Book, key: str, allocation: Allocation) -> None:
    """Store an allocation's record; the entry's end checks its conservation."""
    book.allocations[key] = allocation
    book.touched[key] = None
    enter(book, allocation)
    schedule(book, key, allocation)


def schedule(book: Book, key: str, allocation: Allocation) -> None:
    """Arm or disarm the release of what is pending, beside the index of the scheduled."""
    waiting = allocation.pending > 0 and allocation.legs == 0 and not allocation.ended
    timer = f"{ev.TimerKind.RELEASE.value}:{key}"
    symbol = book.executions[allocation.execution_id].signal.symbol
    scheduled = book.scheduled.get(symbol, {})
    if waiting == (key in scheduled):
        return
    if waiting:
        book.timers.set(timer, allocation.due_at)
        scheduled[key] = allocation.due_at
        book.scheduled[symbol] = scheduled
    else:
        book.timers.set(timer, None)
        del scheduled[key]
        if not scheduled:
            del book.scheduled[symbol]


def reopen(book: Book, key: str) -> None:
    """An ended allocation lives again: its order came back, or a bust freed some of it."""
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
