"""What an execution holds in an account, and how much of it exits have in hand already.

Pure questions. Knows nothing of events, or of why something is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.orders.order import Order, is_done, open_quantity
from stretto.core.values import ZERO


def held(book: Book, execution: Execution, account_id: str) -> Decimal:
    """Base units of the execution's position, on the side that it entered; 0 where it is flat (or
    stands on the other side: that is no position of this execution any more).
    """
    position = book.positions.get(account_id, {}).get(execution.execution_id)
    return ZERO if position is None else max(ZERO, position.quantity * execution.side.sign)


def exits_of(
    book: Book, execution: Execution, account_id: str, but: str = ""
) -> Iterator[Allocation]:
    """The allocations that close the execution's position in the account, without execution
    ``but``; those that have ended are left out.
    """
    for exit_id in execution.exits:
        allocation = book.allocations.get(allocation_key(exit_id, account_id))
        if allocation is not None and not allocation.ended and exit_id != but:
            yield allocation


def live_orders(book: Book, allocation: Allocation) -> list[Order]:
    """The allocation's orders that are not over."""
    orders = (book.orders[name] for name in allocation.order_ids)
    return [order for order in orders if not is_done(order)]


def at_venue(book: Book, allocation: Allocation) -> Decimal:
    """What the allocation's orders may still fill, base units."""
    orders = (book.orders[name] for name in allocation.order_ids)
    return sum((open_quantity(order) for order in orders), ZERO)
