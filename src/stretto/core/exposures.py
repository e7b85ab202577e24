"""The book as arrays: returns of accounts and symbols on one bar grid, and signed exposures.

What ``correlation`` works on. Each value is made by single IEEE operations, so that every machine
makes the same; nothing is summed here. Knows nothing of thresholds or conflicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stretto.core.account import BarReturn
from stretto.core.book import Book
from stretto.core.limits import CORRELATION_WINDOW_BARS
from stretto.core.market import Bar, Quote, Reads, conversion_rate

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


def exposures_of(book: Book, reads: Reads, returns: Returns) -> Exposures:
    """What the book carries, at the last price known: the quote however old, else the last bar's
    close. For a correlation a price is a matter of percents, and its absence would be one of all.

    Equity counts as at least a hundredth of the initial balance: of an account that has lost
    everything only the direction matters, and that one hundredth settles.
    """
    exposure = np.zeros((len(returns.account_ids), len(returns.symbol_names)))
    values = _Values(book, reads)
    unvalued = None
    for column, symbol in enumerate(returns.symbol_names):
        carried = book.carried.get(symbol)
        if not carried:
            continue
        moves = not np.isnan(returns.symbols[:, column]).all()
        for account_id, quantity in carried.items():
            row = returns.row_of.get(account_id)
            if row is None:  # it left the configuration, and a late report brought it back
                continue
            value = values.of(account_id, symbol)
            if value is None or not moves:
                found = (symbol, account_id)
                unvalued = found if unvalued is None else min(unvalued, found)
            else:
                exposure[row, column] = float(quantity) * value
    return Exposures(exposure, None if unvalued is None else (unvalued[1], unvalued[0]))


class _Values:
    """Value of one base unit over equity, by account and symbol."""

    def __init__(self, book: Book, reads: Reads) -> None:
        self._book = book
        self._instruments = book.configuration.instruments
        self._quotes = _last_prices(book, reads)
        self._money: dict[tuple[str, str], float | None] = {}
        self._equity: dict[str, float] = {}

    def of(self, account_id: str, symbol: str) -> float | None:
        """None where no price of the symbol, or none that converts its money, is known."""
        account = self._book.configuration.accounts[account_id]
        key = (symbol, account.currency)
        if key not in self._money:
            self._money[key] = self._in_currency(symbol, account.currency)
        money = self._money[key]
        if money is None:
            return None
        equity = self._equity.get(account_id)
        if equity is None:
            equity = self._equity[account_id] = self._equity_of(account_id)
        return money / equity

    def _equity_of(self, account_id: str) -> float:
        initial = self._book.configuration.accounts[account_id].initial_balance
        snapshot = self._book.snapshots.get(account_id)
        return float(max(initial / 100, initial if snapshot is None else snapshot.equity))

    def _in_currency(self, symbol: str, currency: str) -> float | None:
        quote = self._quotes.get(symbol)
        instrument = self._instruments.get(symbol)
        if quote is None or instrument is None:
            return None
        rate = conversion_rate(instrument.quote_currency, currency, self._quotes, self._instruments)
        return None if rate is None else float(quote.mid * rate)


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
