"""Giving up what an allocation has left: cancel what works, abandon what waits, nothing after it.

An order that was asked to go is asked again until the venue says so, a bounded number of times;
then a person has to look. Must not know who wanted it, or quotes.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.alarms import CANCEL_UNANSWERED
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.executions.ending import shortfall_pips, status_of
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS, CANCELS_MAX
from stretto.core.orders.order import Message, Order, OrderInput, is_done, step
from stretto.core.orders.order_changes import OrderChanges, changes_between
from stretto.core.orders.order_table import TABLE, UNANSWERED
from stretto.core.terms.choices import choices
from stretto.core.terms.killing import KILLED, covering, switches_over
from stretto.core.terms.report import CancelReject, OrderRole
from stretto.core.values import ZERO


def give_up(
    book: Book, allocations: Sequence[Allocation], reason: str, at_ns: int
) -> list[ev.Event]:
    """The events that end these allocations, or let them end with their live orders; those that
    ended are left alone. With the last of an execution goes the execution.
    """
    events: list[ev.Event] = []
    ended: dict[str, int] = {}
    for allocation in allocations:
        if allocation.ended:
            continue
        live = _live(book, allocation)
        if not live:
            events.append(_ended(book, allocation, reason))
            ended[allocation.execution_id] = ended.get(allocation.execution_id, 0) + 1
            continue
        if not allocation.closing or allocation.pending:
            events.append(
                ev.RemainderAbandoned(
                    execution_id=allocation.execution_id,
                    account_id=allocation.account_id,
                    abandoned=allocation.pending,
                    reason=reason,
                )
            )
        for order in live:
            if not order.cancel_requested and order.role is OrderRole.ENTRY:
                events += cancel(order, reason, at_ns)
    for execution_id, count in ended.items():
        execution = book.executions[execution_id]
        if execution.open_allocations == count:
            events.append(_execution_ended(book, execution))
    return events


def has_left(book: Book, allocation: Allocation) -> bool:
    """True where something of it waits, works or is in doubt that was not given up already."""
    if allocation.ended:
        return False
    if not allocation.closing:
        return True
    return any(not order.cancel_requested for order in _live(book, allocation))


def cancel(order: Order, reason: str, at_ns: int) -> list[ev.Event]:
    """CancelRequested, where the order's state has a row for it."""
    if (order.state, OrderInput.CANCEL_REQUESTED) not in TABLE or is_done(order):
        return []
    asked = step(order, OrderInput.CANCEL_REQUESTED, at_ns).order
    return [
        ev.CancelRequested(
            client_order_id=order.client_order_id,
            execution_id=order.execution_id,
            account_id=order.account_id,
            reason=reason,
            changes=changes_between(order, asked) or OrderChanges(),
        )
    ]


def wanted_gone(
    book: Book, allocation: Allocation, order: Order, message: Message, at_ns: int
) -> list[ev.Event]:
    """What a message leaves to do about an order of an allocation that was given up: where it
    works on and no cancel is under way, it is cancelled; after a refused cancel, a while later.
    """
    if (
        is_done(order)
        or order.cancel_requested
        or order.state in UNANSWERED
        or order.role is not OrderRole.ENTRY
        or message is OrderInput.OUTCOME_UNKNOWN
    ):
        return []
    if isinstance(message, CancelReject):
        return [
            ev.OrderAdvanced(
                client_order_id=order.client_order_id,
                execution_id=order.execution_id,
                account_id=order.account_id,
                cause="cancel_wanted",
                changes=OrderChanges(answer_due_at=at_ns + ACKNOWLEDGE_TIMEOUT_NS),
            )
        ]
    return cancel_again(book, order, allocation.closing, at_ns)


def revived_under_kill(
    book: Book, allocation: Allocation, before: Order, order: Order, at_ns: int
) -> list[ev.Event]:
    """An entry that the venue brings back to life (a bust, a restatement) where a kill switch is in
    force goes as those did that worked when it was thrown.
    """
    is_revived = is_done(before) and not is_done(order)
    if not book.kills or not is_revived or allocation.closing or order.role is not OrderRole.ENTRY:
        return []
    account = book.configuration.accounts.get(order.account_id)
    if covering(switches_over(book.kills, order.symbol), account, order.symbol) is None:
        return []
    given_up = ev.RemainderAbandoned(
        execution_id=order.execution_id,
        account_id=order.account_id,
        abandoned=ZERO,
        reason=KILLED,
    )
    return [given_up, *cancel(order, KILLED, at_ns)]


def cancel_unanswered(book: Book, order: Order, at_ns: int) -> list[ev.Event]:
    """A cancel that nobody answered in time, or that is still wanted, is asked for again."""
    allocation = book.allocations[allocation_key(order.execution_id, order.account_id)]
    closing = allocation.closing if order.role is OrderRole.ENTRY else ""
    if order.role is OrderRole.EXIT or not (order.cancel_requested or closing):
        return []
    reason = closing or CANCEL_UNANSWERED
    return cancel_again(book, replace(order, answer_due_at=None), reason, at_ns)


def cancel_again(book: Book, order: Order, reason: str, at_ns: int) -> list[ev.Event]:
    """Another cancel, or after the last one the call for a person."""
    if order.cancels < CANCELS_MAX:
        return cancel(order, reason, at_ns)
    if book.interventions.get(order.client_order_id) == CANCEL_UNANSWERED:
        return []
    return [
        ev.InterventionRequired(
            execution_id=order.execution_id,
            account_id=order.account_id,
            client_order_id=order.client_order_id,
            reason=CANCEL_UNANSWERED,
            known={
                **choices(CANCEL_UNANSWERED),
                "wanted": reason,
                "cancels": str(order.cancels),
                "order_state": order.state.value,
                "order_qty": str(order.quantity),
                "cum_qty": str(order.cum_qty),
            },
        )
    ]


def cancels_owed(book: Book, order: Order, at_ns: int) -> list[ev.Event]:
    """A new process repeats what may not have left the old one."""
    allocation = book.allocations[allocation_key(order.execution_id, order.account_id)]
    wanted = allocation.closing and order.role is OrderRole.ENTRY
    if is_done(order) or not (order.cancel_requested or wanted):
        return []
    return cancel(order, allocation.closing or "asked_before_restart", at_ns)


def _live(book: Book, allocation: Allocation) -> list[Order]:
    orders = (book.orders[name] for name in allocation.order_ids)
    return [order for order in orders if not is_done(order)]


def _ended(book: Book, allocation: Allocation, reason: str) -> ev.AllocationEnded:
    executed = allocation.filled + allocation.overfilled
    execution = book.executions[allocation.execution_id]
    shortfall = None
    if executed and not execution.closes:
        shortfall = shortfall_pips(book, execution, allocation.notional, executed)
    return ev.AllocationEnded(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        abandoned=allocation.pending,
        reason=reason,
        margin=allocation.margin,
        risk=allocation.risk,
        shortfall_pips=shortfall,
    )


def _execution_ended(book: Book, execution: Execution) -> ev.ExecutionEnded:
    return ev.ExecutionEnded(execution_id=execution.execution_id, status=status_of(book, execution))
