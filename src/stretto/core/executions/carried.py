"""What each account carries of each symbol, where it stands, and its entries on their way.

Quantity pending, working or in doubt counts as if filled, for it may be at any moment. Indexes
over positions and allocations, kept exact in decimals; part of ``evolve``. Knows no prices.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core.book import CORRELATION_BREACH, Allocation, Book, Breach, allocation_key
from stretto.core.inputs import TimerKind
from stretto.core.terms.account import Entering
from stretto.core.values import ZERO


def carry(book: Book, account_id: str, symbol: str, signed: Decimal) -> None:
    """Add signed base units that no plan foresaw to what the account carries; breaches that the
    account is part of are looked at again.
    """
    if not signed:
        return
    carry_planned(book, account_id, symbol, signed)
    book.shifted[account_id] = book.shifted_seq = book.seq
    for key, breach in book.breaches.items():
        if account_id in (breach.first, breach.second):
            put_breach(book, key, replace(breach, review_at=book.at))


def put_breach(book: Book, key: str, breach: Breach) -> None:
    """Keep a breach and its timer, under the key of the allocation that it holds."""
    book.breaches[key] = breach
    book.timers.set(f"{TimerKind.CORRELATION}:{key}", breach.review_at)


def keep_breach(book: Book, key: str, allocation: Allocation) -> None:
    """Forget the breach of an allocation that it does not hold any more."""
    if key in book.breaches and not (allocation.pending and allocation.held == CORRELATION_BREACH):
        del book.breaches[key]
        book.timers.set(f"{TimerKind.CORRELATION}:{key}", None)


def carry_planned(book: Book, account_id: str, symbol: str, signed: Decimal) -> None:
    """Add signed base units to what the account carries; nothing is kept where that is flat."""
    if not signed:
        return
    carried = book.carried.setdefault(symbol, {})
    total = carried.get(account_id, ZERO) + signed
    if total:
        carried[account_id] = total
    else:
        carried.pop(account_id, None)
    change = book.versions["carried"] + 1
    book.versions["carried"] = change
    book.moved.pop(account_id, None)
    book.moved[account_id] = change


def stand(book: Book, account_id: str, symbol: str, before: Decimal, after: Decimal) -> None:
    """A position of the account, or an entry of it on its way, had ``before`` signed base units of
    the symbol and has ``after``. An account can stand on both sides, whatever it carries in all.
    """
    was, now = (before > 0) - (before < 0), (after > 0) - (after < 0)
    if was == now:
        return
    for sign, by in ((was, -1), (now, 1)):
        if not sign:
            continue
        side = book.stances.setdefault((symbol, sign), {})
        count = side.get(account_id, 0) + by
        if count:
            side[account_id] = count
        else:
            del side[account_id]
        if not count or count == by:
            name = stances_version(symbol, sign)
            book.versions[name] = book.versions.get(name, 0) + 1


def stances_version(symbol: str, sign: int) -> str:
    """Name of the version that changes whenever accounts come to stand on a side, or leave it."""
    return f"stances:{symbol}:{sign}"


def enter(book: Book, allocation: Allocation) -> None:
    """Keep what of an allocation is still on its way, by account and execution."""
    account_id, execution_id = allocation.account_id, allocation.execution_id
    coming = allocation.intended - allocation.filled - allocation.abandoned + allocation.excess
    entering = book.entering.get(account_id)
    before = None if entering is None else entering.get(execution_id)
    if coming:
        execution = book.executions[execution_id]
        if execution.closes:  # it counts once it is filled, for until then it may not be
            return
        if entering is None:
            entering = book.entering[account_id] = {}
        symbol, signed = execution.signal.symbol, execution.side.sign * coming
        entering[execution_id] = Entering(execution_id, symbol, signed, allocation.stop_loss)
        # Between two events of one entry it can be below nothing: a late fill takes back later what
        # was abandoned.
        stand(book, account_id, symbol, ZERO if before is None else before.quantity, signed)
    elif entering is not None and before is not None:
        del entering[execution_id]
        if not entering:
            del book.entering[account_id]
        stand(book, account_id, before.symbol, before.quantity, ZERO)


def recount(book: Book) -> None:
    """Make the indexes anew from positions and allocations."""
    book.carried.clear()
    book.stances.clear()
    book.entering.clear()
    for account_id, held in book.positions.items():
        for position in held.values():
            carry_planned(book, account_id, position.symbol, position.quantity)
            stand(book, account_id, position.symbol, ZERO, position.quantity)
    for execution in book.executions.values():
        if execution.closes:
            continue
        for account_id in execution.accounts:
            allocation = book.allocations[allocation_key(execution.execution_id, account_id)]
            coming = allocation.intended - allocation.filled - allocation.abandoned
            coming += allocation.excess
            carry_planned(book, account_id, execution.signal.symbol, execution.side.sign * coming)
            enter(book, allocation)
