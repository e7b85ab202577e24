"""What each account carries of each symbol, and its entries on their way. Part of ``evolve``.

Quantity pending, working or in doubt counts as if filled, for it may be at any moment. An index
over positions and allocations, kept exact in decimals. Knows nothing of prices.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core.account import Entering
from stretto.core.book import Allocation, Book, allocation_key
from stretto.core.values import ZERO


def carry(book: Book, account_id: str, symbol: str, signed: Decimal) -> None:
    """Add signed base units to what the account carries; nothing is kept where that is flat."""
    if not signed:
        return
    carried = book.carried.setdefault(symbol, {})
    before = carried.get(account_id, ZERO)
    total = before + signed
    longs, shorts = book.sides.get(symbol, (0, 0))
    book.sides[symbol] = (
        longs + (total > 0) - (before > 0),
        shorts + (total < 0) - (before < 0),
    )
    if total:
        carried[account_id] = total
    else:
        carried.pop(account_id, None)


def enter(book: Book, allocation: Allocation) -> None:
    """Keep what of an allocation is still on its way, by account and execution."""
    account_id, execution_id = allocation.account_id, allocation.execution_id
    coming = allocation.intended - allocation.filled - allocation.abandoned + allocation.excess
    entering = book.entering.get(account_id)
    if coming:
        execution = book.executions[execution_id]
        if entering is None:
            entering = book.entering[account_id] = {}
        entering[execution_id] = Entering(
            execution_id,
            execution.signal.symbol,
            execution.side.sign * coming,
            allocation.stop_loss,
        )
    elif entering is not None and entering.pop(execution_id, None) is not None and not entering:
        del book.entering[account_id]


def recount(book: Book) -> None:
    """Make both indexes anew from positions and allocations."""
    book.carried.clear()
    book.sides.clear()
    book.entering.clear()
    for account_id, held in book.positions.items():
        for position in held.values():
            carry(book, account_id, position.symbol, position.quantity)
    for execution in book.executions.values():
        for account_id in execution.accounts:
            allocation = book.allocations[allocation_key(execution.execution_id, account_id)]
            coming = allocation.intended - allocation.filled - allocation.abandoned
            coming += allocation.excess
            carry(book, account_id, execution.signal.symbol, execution.side.sign * coming)
            enter(book, allocation)
