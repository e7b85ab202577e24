"""The book as arrays: returns of accounts and symbols on one bar grid, and signed exposures.

What ``correlation`` works on. Each value is made by single IEEE operations, so that every machine
makes the same; nothing is summed here. Knows nothing of thresholds or conflicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stretto.core.book import Book
from stretto.core.correlations.factors import History, Indices, history
from stretto.core.limits import CORRELATION_WINDOW_BARS
from stretto.core.terms.account import AccountSnapshot, BarReturn
from stretto.core.terms.market import Bar, Quote, Reads, conversion_rate
from stretto.core.values import ZERO

Floats = NDArray[np.float64]
_PPB = 1e9


class Returns(NamedTuple):
    """``accounts`` is (n, T), NaN where an account was not active; ``symbols`` is (T, S),
    NaN where a symbol has no bar; rows and columns in the order of ``account_ids`` and
    ``symbol_names``; ``row_of`` is the row of each account.
    """

    account_ids: tuple[str, ...]
    symbol_names: tuple[str, ...]
    days: tuple[str, ...]
    accounts: Floats
    symbols: Floats
    row_of: dict[str, int]


def returns_of(book: Book) -> Returns:
    """Returns on the last 60 bars of the grid; kept until bars, histories or accounts change."""
    versions = book.versions
    key = (versions["bars"], versions["history"], versions["config"])
    held = book.cache.get("returns")
    if held is not None and held[0] == key and isinstance(held[1], Returns):
        return held[1]
    made = _returns(
        tuple(sorted(book.configuration.accounts)),
        tuple(sorted(book.configuration.instruments)),
        book.bars,
        book.history,
    )
    book.cache["returns"] = (key, made)
    return made


def _returns(
    account_ids: tuple[str, ...],
    symbol_names: tuple[str, ...],
    bars: Mapping[str, Sequence[Bar]],
    history: Mapping[str, Sequence[BarReturn]],
) -> Returns:
    seen = {bar.day: None for name in symbol_names for bar in bars.get(name, ())}
    days = tuple(sorted(seen))[-CORRELATION_WINDOW_BARS:]
    place = {day: at for at, day in enumerate(days)}
    symbols = np.full((len(days), len(symbol_names)), np.nan)
    for column, name in enumerate(symbol_names):
        known = bars.get(name, ())
        for before, bar in pairwise(known):
            at = place.get(bar.day)
            if at is not None:
                symbols[at, column] = float(bar.close) / float(before.close) - 1.0
    accounts = np.full((len(account_ids), len(days)), np.nan)
    for row, account_id in enumerate(account_ids):
        for bar_return in history.get(account_id, ()):
            at = place.get(bar_return.day)
            if at is not None:
                accounts[row, at] = bar_return.return_ppb / _PPB
    row_of = {name: at for at, name in enumerate(account_ids)}
    return Returns(account_ids, symbol_names, days, accounts, symbols, row_of)


class Exposures(NamedTuple):
    """Signed notional over equity (n, S) of what each account carries. ``unvalued``: an account and
    what it carries that no price or no return is known of, so that nothing can be said about any
    pair with it; the first by symbol and id, or None.
    """

    values: Floats
    unvalued: tuple[str, str] | None


def history_of(book: Book, returns: Returns) -> History:
    """What the bars say of ``returns``; kept as long as they are."""
    held = book.cache.get("history")
    if held is not None and held[0] is returns and isinstance(held[1], History):
        return held[1]
    made = history(returns.accounts, returns.symbols)
    book.cache["history"] = (returns, made)
    return made


def exposures_of(
    book: Book,
    reads: Reads,
    returns: Returns,
    leaving: Mapping[tuple[str, str], Decimal] | None = None,
) -> Exposures:
    """What the book carries, at the last price known: the quote however old, else the last bar's
    close. For a correlation a price is a matter of percents, and its absence would be one of all.

    Equity counts as at least a hundredth of the initial balance: of an account that has lost
    everything only the direction matters, and that one hundredth settles. Quantities and equities
    are kept between calls, for only prices move with every signal. ``leaving``: signed base units,
    by account and symbol, that are carried now and are about to go elsewhere.
    """
    carriers = _carriers(book, returns)
    carriers.follow(book)
    carrying = carriers.carrying
    if leaving:  # who carries nothing in all may carry something without what leaves
        carriers.value(book, [account_id for account_id, _ in leaving])
        carrying = carrying.copy()
        carrying[[returns.row_of[account_id] for account_id, _ in leaving]] = True
    rows = np.flatnonzero(carrying)
    quantities = carriers.quantities[rows]
    for (account_id, symbol), gone in (leaving or {}).items():
        place = np.searchsorted(rows, returns.row_of[account_id])
        left = book.carried.get(symbol, {}).get(account_id, ZERO) - gone
        quantities[place, returns.symbol_names.index(symbol)] = float(left)
    found = _valued(book, reads, carriers, rows, quantities)
    unvalued = _unvalued(returns, rows, found)
    values = np.zeros_like(carriers.quantities)
    values[rows] = found
    return Exposures(values, unvalued)


class _Carriers:
    """What of the exposures no price moves, by row and column of ``returns``: ``quantities`` base
    units, ``equity`` of those who carry any in their currency, ``currency_of`` its place in
    ``currencies``, and the columns that ``moves``, of which a return is known.
    """

    def __init__(self, book: Book, returns: Returns) -> None:
        accounts = book.configuration.accounts
        held = [accounts[name].currency for name in returns.account_ids]
        self.returns = returns
        self.currencies = tuple(sorted(dict.fromkeys(held)))
        self.currency_of = np.array([self.currencies.index(name) for name in held], np.int64)
        self.moves = [not np.isnan(column).all() for column in returns.symbols.T]
        self.quantities = np.zeros((len(returns.account_ids), len(returns.symbol_names)))
        self.carrying = np.zeros(len(returns.account_ids), np.bool_)
        self.equity = np.ones(len(returns.account_ids))
        self._snapshots: list[AccountSnapshot | None] = [None] * len(returns.account_ids)
        self._change = 0
        self._accounts_version = -1

    def follow(self, book: Book) -> None:
        """Take over what changed in the book since the last time."""
        since, self._change = self._change, book.versions["carried"]
        names = self.returns.symbol_names
        held = [(at, book.carried[name]) for at, name in enumerate(names) if name in book.carried]
        for account_id in reversed(book.moved):
            if book.moved[account_id] <= since:
                break
            row = self.returns.row_of.get(account_id)
            if row is None:  # it left the configuration, and a late report brought it back
                continue
            quantities = [0.0] * len(names)
            for column, of_accounts in held:
                quantity = of_accounts.get(account_id)
                if quantity is not None:
                    quantities[column] = float(quantity)
            self.quantities[row] = quantities
            self.carrying[row] = any(quantities)
            self._value(book, account_id, row)
        if self._accounts_version != book.versions["accounts"]:
            self._accounts_version = book.versions["accounts"]
            for row in np.flatnonzero(self.carrying).tolist():
                self._value(book, self.returns.account_ids[row], row)

    def value(self, book: Book, account_ids: Sequence[str]) -> None:
        """Take over the equities of accounts that may carry nothing."""
        for account_id in account_ids:
            self._value(book, account_id, self.returns.row_of[account_id])

    def _value(self, book: Book, account_id: str, row: int) -> None:
        snapshot = book.snapshots.get(account_id)
        if snapshot is None or snapshot is not self._snapshots[row]:
            initial = book.configuration.accounts[account_id].initial_balance
            equity = initial if snapshot is None else snapshot.equity
            self.equity[row] = float(max(initial / 100, equity))
            self._snapshots[row] = snapshot


def exposures_at(
    book: Book, reads: Reads, returns: Returns, account_ids: Sequence[str], quantities: Floats
) -> Exposures:
    """The same of signed ``quantities`` (m x S, base units), each row of the account named for it,
    which is configured.
    """
    carriers = _carriers(book, returns)
    carriers.follow(book)
    carriers.value(book, account_ids)
    rows = np.array([returns.row_of[name] for name in account_ids], np.int64)
    values = _valued(book, reads, carriers, rows, quantities)
    return Exposures(values, _unvalued(returns, rows, values))


def _carriers(book: Book, returns: Returns) -> _Carriers:
    held = book.cache.get("carriers")
    if held is not None and held[0] is returns and isinstance(held[1], _Carriers):
        return held[1]
    made = _Carriers(book, returns)
    book.cache["carriers"] = (returns, made)
    return made


def _valued(
    book: Book, reads: Reads, carriers: _Carriers, rows: Indices, quantities: Floats
) -> Floats:
    """Quantities as shares of their accounts' equities; NaN where that is not known."""
    per_unit = _money(book, reads, carriers)[carriers.currency_of[rows]]
    per_unit /= carriers.equity[rows, None]
    found: Floats = quantities * per_unit
    found[quantities == 0] = 0.0
    return found


def _unvalued(returns: Returns, rows: Indices, values: Floats) -> tuple[str, str] | None:
    """Account and symbol of the first value that is not known, which counts as nothing from here
    on.
    """
    unknown = np.isnan(values)
    if not unknown.any():
        return None
    blind, columns = np.nonzero(unknown)
    values[blind, columns] = 0.0
    names = [
        (returns.symbol_names[column], returns.account_ids[row])
        for row, column in zip(rows[blind].tolist(), columns.tolist(), strict=True)
    ]
    unvalued = min(names, default=None)
    return None if unvalued is None else (unvalued[1], unvalued[0])


def _money(book: Book, reads: Reads, carriers: _Carriers) -> Floats:
    """Value of one base unit by currency and symbol, of the symbols that anybody carries; NaN where
    no price of it, or none that converts its money, or no return is known.
    """
    quotes, instruments = _last_prices(book, reads), book.configuration.instruments
    found = np.full((len(carriers.currencies), len(carriers.returns.symbol_names)), np.nan)
    for column, symbol in enumerate(carriers.returns.symbol_names):
        quote = quotes.get(symbol)
        if not book.carried.get(symbol) or quote is None or not carriers.moves[column]:
            continue
        source = instruments[symbol].quote_currency
        for place, currency in enumerate(carriers.currencies):
            rate = conversion_rate(source, currency, quotes, instruments)
            if rate is not None:
                found[place, column] = float(quote.mid * rate)
    return found


def _last_prices(book: Book, reads: Reads) -> dict[str, Quote]:
    """Quotes, and where a symbol has none its last close as both sides of one."""
    quotes = reads.quotes
    missing = [name for name in book.configuration.instruments if name not in quotes]
    closes = {name: book.bars[name][-1].close for name in missing if book.bars.get(name)}
    if not closes:
        return quotes
    return quotes | {
        name: Quote(symbol=name, at=0, bid=close, ask=close) for name, close in closes.items()
    }
