"""How an allocation ends, and with the last one its execution: the events that say so.

Knows nothing of what led to the end.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.orders.order import Order
from stretto.core.terms.refusal import Refusal
from stretto.core.terms.report import OrderRole
from stretto.core.values import Side


def refused(rest: Decimal, allocation: Allocation, refusal: Refusal) -> ev.AllocationEnded:
    """An allocation whose ``rest`` is never sent, with the rule that ended it."""
    return ev.AllocationEnded(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        abandoned=rest,
        reason=refusal.rule.value,
        margin=allocation.margin,
        risk=allocation.risk,
        refusal=refusal,
    )


def reason_of(order: Order, filled: Decimal, intended: Decimal, detail: str) -> str:
    """Why an allocation ended with its last order: "filled", or the order's end and its words."""
    if filled >= intended:
        return "filled"
    words = [order.state.value]
    words += [word for word in (order.reject_code, order.text or detail) if word]
    return ": ".join(dict.fromkeys(words))


def shortfall_pips(
    book: Book, execution: Execution, notional: Decimal, quantity: Decimal
) -> Decimal:
    """Volume-weighted price against the touch at the decision, in pips, positive where worse."""
    symbol, side = execution.signal.symbol, execution.side
    touch = execution.arrival_ask if side is Side.BUY else execution.arrival_bid
    pip = book.configuration.instruments[symbol].pip
    worse = (notional / quantity - touch) * side.sign / pip
    return worse.quantize(Decimal("0.0001"))


def status_of(book: Book, execution: Execution) -> str:
    """How an execution ended of which nothing is open any more: a close of what is not there (any
    more) is done.
    """
    if execution.role is OrderRole.EXIT:
        return "completed"
    keys = (allocation_key(execution.execution_id, name) for name in execution.accounts)
    return "completed" if any(book.allocations[key].filled > 0 for key in keys) else "abandoned"


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
    status = "completed" if filled or execution.role is OrderRole.EXIT else "abandoned"
    if execution.status == status:
        return []
    return [ev.ExecutionEnded(execution_id=ended.execution_id, status=status)]
