"""Correlation while an execution runs: what is not yet sent waits where it would make a pair alike.

The plan passed with every trade at its final size, and quantity on its way counts as carried, so a
fill as planned moves no pair. What moves one is what was not planned: an end with something
abandoned, an overfill, a bust, a close. From then on (``Book.shifted``) a release is judged once
more, against the accounts that moved, or against all where it moved itself, by the rule of the plan
for one candidate. Knows nothing of slippage, windows or rules of firms.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from stretto.core import events as ev
from stretto.core.book import CORRELATION_BREACH, Allocation, Book, Execution
from stretto.core.correlations.correlation import PairCorrelation
from stretto.core.correlations.correlation_pair import worst_raised
from stretto.core.correlations.factors import Floats
from stretto.core.executions.ending import ends_execution, refused
from stretto.core.executions.exposures import Returns, exposures_at, history_of, returns_of
from stretto.core.limits import CORRELATION_BARS_MIN
from stretto.core.terms.market import Reads
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.values import ZERO

Events = tuple[ev.Event, ...]
Waiting = dict[tuple[str, str], Decimal]


def moved_since_plan(book: Book, allocation: Allocation) -> bool:
    """Whether anything moved off plan since this allocation was planned: else the plan stands."""
    return book.shifted_seq > book.executions[allocation.execution_id].decision_seq


def held_back(book: Book, key: str, reads: Reads) -> Events:
    """PendingHeld and CorrelationBreached where what is pending would make a pair too alike, the
    end of the allocation where that cannot be known; empty where it may go.
    """
    allocation = book.allocations[key]
    if not moved_since_plan(book, allocation):
        return ()
    execution = book.executions[allocation.execution_id]
    found = _worst_pair(book, key, allocation, execution, reads)
    if found is None:
        return ()
    if isinstance(found, Refusal):
        return _ended(book, allocation, found)
    held = ev.PendingHeld(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        reason=CORRELATION_BREACH,
        until=execution.signal.valid_until + 1,
    )
    return (held, _breached(book, allocation, found))


def on_correlation_due(book: Book, key: str, reads: Reads, at_ns: int) -> Events:
    """One account of a breach moved: PendingFreed where it no longer is one, else the breach with
    the numbers of now.
    """
    breach = book.breaches.get(key)
    if breach is None or breach.review_at is None or breach.review_at > at_ns:
        return ()
    allocation = book.allocations[key]
    execution = book.executions[allocation.execution_id]
    found = _worst_pair(book, key, allocation, execution, reads)
    if isinstance(found, Refusal):
        return _ended(book, allocation, found)
    if found is not None:
        return (_breached(book, allocation, found),)
    return (
        ev.PendingFreed(
            execution_id=allocation.execution_id,
            account_id=allocation.account_id,
            reason=CORRELATION_BREACH,
            due_at=at_ns,
        ),
    )


def _breached(book: Book, allocation: Allocation, pair: PairCorrelation) -> ev.CorrelationBreached:
    names = returns_of(book).account_ids
    return ev.CorrelationBreached(
        execution_id=allocation.execution_id,
        first=allocation.account_id,
        second=names[pair.second],
        before=pair.before,
        now=pair.projected,
        historical=pair.historical,
        threshold=book.configuration.policy.correlation_threshold,
    )


def _ended(book: Book, allocation: Allocation, refusal: Refusal) -> Events:
    ended = refused(allocation.pending, allocation, refusal)
    return (ended, *ends_execution(book, ended, allocation.filled > 0))


def _worst_pair(
    book: Book, key: str, allocation: Allocation, execution: Execution, reads: Reads
) -> PairCorrelation | Refusal | None:
    """The worst breach between this account, with what is pending, and those to be compared."""
    account_id, symbol = allocation.account_id, execution.signal.symbol
    returns = returns_of(book)
    column = returns.symbol_names.index(symbol)
    bars = history_of(book, returns)
    waiting = _waiting_elsewhere(book, key)
    compared = _compared(book, account_id, execution.decision_seq, waiting)
    ids = [account_id, account_id, *(name for name in compared if name in returns.row_of)]
    quantities = _quantities(book, returns, ids, waiting)
    pending = execution.side.sign * allocation.pending
    quantities[0, column] = float(_carried(book, account_id, symbol, waiting) - pending)
    exposures = exposures_at(book, reads, returns, ids, quantities)
    if exposures.unvalued is not None or not bars.covariance_known(column):
        blind = symbol if exposures.unvalued is None else exposures.unvalued[1]
        return Refusal(
            rule=Rule.COVARIANCE_UNKNOWN,
            account_id=account_id,
            compared={"symbol": blind, "bars_min": str(CORRELATION_BARS_MIN)},
            would_pass=f"at least {CORRELATION_BARS_MIN} bars and a price of {blind}",
        )
    standing = exposures.values[2:]
    exposed = (standing != 0).any(axis=1)
    rows = np.array([returns.row_of[name] for name in ids], np.int64)
    return worst_raised(
        bars,
        int(rows[0]),
        exposures.values[:2],
        rows[2:][exposed],
        standing[exposed],
        threshold=book.configuration.policy.correlation_threshold,
    )


def _quantities(book: Book, returns: Returns, ids: Sequence[str], waiting: Waiting) -> Floats:
    """What each of ``ids`` carries by symbol, without what waits."""
    found = np.zeros((len(ids), len(returns.symbol_names)))
    for column, symbol in enumerate(returns.symbol_names):
        if book.carried.get(symbol):
            for row, name in enumerate(ids):
                found[row, column] = float(_carried(book, name, symbol, waiting))
    return found


def _carried(book: Book, account_id: str, symbol: str, waiting: Waiting) -> Decimal:
    carried = book.carried.get(symbol, {}).get(account_id, ZERO)
    return carried - waiting.get((account_id, symbol), ZERO)


def _compared(book: Book, account_id: str, since: int, waiting: Waiting) -> list[str]:
    """Who moved since the plan, or waits itself; everybody who carries anything where that holds of
    the account.
    """
    moved = {name: None for name, seq in book.shifted.items() if seq > since}
    moved |= {name: None for name, _ in waiting}
    if account_id in moved:
        moved |= {name: None for carried in book.carried.values() for name in carried}
    return sorted(name for name in moved if name != account_id)


def _waiting_elsewhere(book: Book, key: str) -> Waiting:
    """What breaches hold of other allocations, signed base units: it goes only where it
    passes with what goes now.
    """
    found: Waiting = {}
    for other in sorted(book.breaches):
        if other != key:
            allocation = book.allocations[other]
            execution = book.executions[allocation.execution_id]
            place = allocation.account_id, execution.signal.symbol
            signed = execution.side.sign * allocation.pending
            found[place] = found.get(place, ZERO) + signed
    return found
