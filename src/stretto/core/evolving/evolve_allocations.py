"""What events of executions and their allocations change in the book. Part of ``evolve``.

Knows nothing of the order machine.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, KnownSignal, allocation_key
from stretto.core.errors import check
from stretto.core.evolving.evolve_accounts import count
from stretto.core.evolving.positions import move_position, remember_report
from stretto.core.executions.carried import carry, carry_planned, enter, keep_breach
from stretto.core.executions.opening import opened_by, share_of
from stretto.core.limits import ROTATION_WINDOW_NS, SIGNAL_KEPT_NS
from stretto.core.terms.plan import Plan
from stretto.core.values import NS_PER_S, ZERO

_DAY_NS = 86_400 * NS_PER_S


def signal_planned(book: Book, event: ev.SignalPlanned) -> None:
    """The execution and its allocations, reserved and scheduled."""
    plan = event.plan
    remember_signal(book, plan)
    execution_id = plan.execution_id
    book.executions[execution_id] = opened_by(plan, book.seq)
    book.open_executions[execution_id] = None
    symbol, sign = plan.signal.symbol, plan.signal.side.sign
    horizon = book.at - ROTATION_WINDOW_NS
    for planned in plan.allocations:
        key = allocation_key(execution_id, planned.account_id)
        put_allocation(book, key, share_of(plan, planned))
        carry_planned(book, planned.account_id, symbol, sign * planned.position_size)
        ledger = book.ledgers[planned.account_id]
        book.ledgers[planned.account_id] = replace(
            ledger,
            reserved_margin=ledger.reserved_margin + planned.margin,
            reserved_risk=ledger.reserved_risk + planned.risk,
            load=(*(t for t in ledger.load if t > horizon), book.at),
        )


def signal_refused(book: Book, event: ev.SignalRefused) -> None:
    """Only the signal's id is kept."""
    remember_signal(book, event.plan)


def remember_signal(book: Book, plan: Plan) -> None:
    """The signal's id is taken; those older than they have to be kept are forgotten."""
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
    """An overdue entry waits for its turn."""
    key = allocation_key(event.execution_id, event.account_id)
    check(key in book.scheduled.get(event.symbol, {}), f"{key}: nothing waits for its release")
    check(event.deferred_to > book.at, f"{key}: deferred to {event.deferred_to}, not after now")
    waits = replace(book.allocations[key], due_at=event.deferred_to, gap_ns=event.gap_ns)
    put_allocation(book, key, waits)


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
        if event.position_of:
            _exit_filled(book, event)
        carry(book, event.account_id, event.symbol, event.direction * event.quantity)
        counts = 1 if event.quantity > 0 else -1  # a bust takes back what its fill counted
        ledger = replace(
            ledger,
            last_fill_at=book.at,
            trades=ledger.trades + counts,
            hits=ledger.hits + counts * int(event.realized * counts > 0),
        )
    book.ledgers[event.account_id] = ledger
    move_position(book, event)
    remember_report(book, event)


def _exit_filled(book: Book, event: ev.FillBooked) -> None:
    """The exit's own numbers; the position and the account's are moved as for any close."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    put_allocation(
        book,
        key,
        replace(
            allocation,
            filled=allocation.filled + event.quantity - event.overfill,
            overfilled=allocation.overfilled + event.overfill,
            notional=allocation.notional + event.notional,
            fees=allocation.fees + event.fee,
        ),
    )


def allocation_ended(book: Book, event: ev.AllocationEnded) -> None:
    """What was left is abandoned and what was reserved is free."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    first = not allocation.ended
    ended = replace(
        allocation,
        pending=ZERO,
        due_at=None,
        held="",
        abandoned=allocation.abandoned + event.abandoned,
        margin=allocation.margin - event.margin,
        risk=allocation.risk - event.risk,
        ended=event.reason,
    )
    put_allocation(book, key, ended)
    if event.abandoned:
        _carry_less(book, event, event.abandoned)
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


def allocation_adjusted(book: Book, event: ev.AllocationAdjusted) -> None:
    """Quantity that a venue took back, set free, or may fill beyond the intended."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    put_allocation(
        book,
        key,
        replace(
            allocation,
            pending=allocation.pending + event.pending,
            abandoned=allocation.abandoned + event.abandoned,
            excess=allocation.excess + event.excess,
        ),
    )
    _carry_less(book, event, event.abandoned - event.excess)


def leg_scheduled(book: Book, event: ev.LegScheduled) -> None:
    """What a dead order left waits for its next leg, part of it may be given up."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    put_allocation(
        book,
        key,
        replace(
            allocation,
            pending=allocation.pending + event.released - event.abandoned,
            abandoned=allocation.abandoned + event.abandoned,
            due_at=event.due_at,
            step=event.step,
            leg_quantity=event.leg_quantity,
            stop_loss=allocation.stop_loss if event.stop_loss is None else event.stop_loss,
            tries=allocation.tries | {event.reason: event.attempt},
        ),
    )
    _carry_less(book, event, event.abandoned)


def remainder_rerouted(book: Book, event: ev.RemainderRerouted) -> None:
    """Proven-dead quantity and its reservation leave one account, and are another's from here."""
    execution_id, share = event.execution_id, event.share
    key = allocation_key(execution_id, event.account_id)
    target = allocation_key(execution_id, share.account_id)
    source = book.allocations[key]
    check(0 < event.quantity <= source.pending, "{}: more would move than is pending", key)
    check(target not in book.allocations, "{}: the account has an allocation already", target)
    execution = book.executions[execution_id]
    book.executions[execution_id] = replace(
        execution,
        accounts=(*execution.accounts, share.account_id),
        open_allocations=execution.open_allocations + 1,
    )
    left = replace(
        source,
        intended=source.intended - event.quantity,
        pending=source.pending - event.quantity,
        moved_out=source.moved_out + event.quantity,
        margin=source.margin - event.margin,
        risk=source.risk - event.risk,
    )
    put_allocation(book, key, left)
    moved = Allocation(
        execution_id=execution_id,
        account_id=share.account_id,
        planned=ZERO,
        intended=event.quantity,
        pending=event.quantity,
        moved_in=event.quantity,
        hops=source.hops + 1,
        priority=share.execution_priority,
        release_at=share.release_at,
        window_end=share.window_end,
        due_at=share.release_at,
        margin=share.margin,
        risk=share.risk,
        margin_planned=share.margin,
        risk_planned=share.risk,
        gap_ns=event.gap_ns,
        aggression=share.aggression,
        limit_price=share.limit_price,
        stop_price=share.stop_price,
        stop_loss=share.stop_loss,
        take_profit=share.take_profit,
        amended_by=source.amended_by,
    )
    put_allocation(book, target, moved)
    symbol, signed = execution.signal.symbol, execution.side.sign * event.quantity
    carry(book, event.account_id, symbol, -signed)
    carry(book, share.account_id, symbol, signed)
    ledger = book.ledgers[event.account_id]
    book.ledgers[event.account_id] = replace(
        ledger,
        reserved_margin=ledger.reserved_margin - event.margin,
        reserved_risk=ledger.reserved_risk - event.risk,
    )
    ledger = book.ledgers[share.account_id]
    book.ledgers[share.account_id] = replace(
        ledger,
        reserved_margin=ledger.reserved_margin + share.margin,
        reserved_risk=ledger.reserved_risk + share.risk,
        load=(*(t for t in ledger.load if t > book.at - ROTATION_WINDOW_NS), book.at),
    )


def order_failed(book: Book, event: ev.OrderFailed) -> None:
    """Counts against the attempts of its class, and in what account and venue are known for."""
    count(book, event.account_id, event.failure_class)
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    tries = allocation.tries | {event.failure_class.value: event.attempt}
    book.allocations[key] = replace(allocation, tries=tries)


def pending_held(book: Book, event: ev.PendingHeld) -> None:
    """What is pending may not go for now."""
    key = allocation_key(event.execution_id, event.account_id)
    held = replace(book.allocations[key], held=event.reason, due_at=event.until)
    put_allocation(book, key, held)


def pending_freed(book: Book, event: ev.PendingFreed) -> None:
    """What is pending may go again, at ``due_at``."""
    key = allocation_key(event.execution_id, event.account_id)
    put_allocation(book, key, replace(book.allocations[key], held="", due_at=event.due_at))


def _carry_less(
    book: Book, event: ev.AllocationAdjusted | ev.AllocationEnded | ev.LegScheduled, by: Decimal
) -> None:
    execution = book.executions[event.execution_id]
    if not execution.closes:
        carry(book, event.account_id, execution.signal.symbol, -execution.side.sign * by)


def execution_ended(book: Book, event: ev.ExecutionEnded) -> None:
    """How the execution ended, and when."""
    execution = book.executions[event.execution_id]
    book.executions[event.execution_id] = replace(execution, status=event.status, ended_at=book.at)


def put_allocation(book: Book, key: str, allocation: Allocation) -> None:
    """Store an allocation's record; the entry's end checks its conservation."""
    before = book.allocations.get(key)
    book.allocations[key] = allocation
    book.touched[key] = None
    enter(book, allocation)
    keep_breach(book, key, allocation)
    schedule(book, key, before, allocation)


def schedule(book: Book, key: str, before: Allocation | None, after: Allocation) -> None:
    """Keep the release timer and the symbol's schedule in step with the record."""
    was_due = None if before is None else _due(before)
    due_at = _due(after)
    if due_at != was_due or (before is not None and bool(before.held) is not bool(after.held)):
        book.timers.set(f"{ev.TimerKind.RELEASE}:{key}", due_at)
        execution = book.executions[after.execution_id]
        if execution.closes:  # keeps no gap to anything, and nothing keeps one to it
            return
        symbol = execution.signal.symbol
        scheduled = book.scheduled.setdefault(symbol, {})
        if due_at is not None and not after.held:
            scheduled[key] = due_at
        else:
            scheduled.pop(key, None)
            if not scheduled:
                del book.scheduled[symbol]


def _due(allocation: Allocation) -> int | None:
    """When what is pending goes on; None where nothing waits, or it may not go."""
    if allocation.pending <= 0 or allocation.ended:
        return None
    return allocation.due_at


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
