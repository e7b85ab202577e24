"""One symbol's quotes in time: exact scaled integers in numpy arrays, and searches in them.

Prices are integers of 10**-digits, so that nothing is rounded; ``Decimal`` appears only at the
edge. Knows nothing of files, accounts or orders.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stretto.core.errors import check
from stretto.core.terms.market import Quote

Ints = NDArray[np.int64]
_BLOCK = 512


class _Blocks(NamedTuple):
    """The lowest value of each block of _BLOCK, and from each block on to the end."""

    lows: Ints
    lows_from: list[int]


class QuoteSeries:
    """Quotes of one symbol at strictly increasing instants (``at_ns``, ns UTC); ``bid`` and ``ask``
    in 10**-``digits`` quote units. Raises InvariantViolated for arrays that are not that.
    """

    def __init__(self, symbol: str, at_ns: Ints, bid: Ints, ask: Ints, digits: int) -> None:
        check(len(at_ns) > 0, f"{symbol}: a quote series must not be empty")
        check(len(at_ns) == len(bid) == len(ask), f"{symbol}: columns of different length")
        check(bool((np.diff(at_ns) > 0).all()), f"{symbol}: instants must increase")
        check(bool((bid > 0).all()), f"{symbol}: prices must be positive")
        check(bool((bid <= ask).all()), f"{symbol}: crossed book")
        self.symbol = symbol
        self.at_ns = at_ns
        self.bid = bid
        self.ask = ask
        self.digits = digits
        self._first = int(at_ns[0])
        self._last = int(at_ns[-1])
        # The interval in which the last answer of ``quote`` holds.
        self._held_index = -1
        self._held_from = 0
        self._held_until = 0
        self._held_quote: Quote | None = None
        self._lows: tuple[_Blocks, _Blocks] | None = None
        self._highs: tuple[_Blocks, _Blocks] | None = None

    def __len__(self) -> int:
        return len(self.at_ns)

    @property
    def starts_at(self) -> int:
        """Instant of the first quote."""
        return self._first

    @property
    def ends_at(self) -> int:
        """Instant of the last quote."""
        return self._last

    def price(self, scaled: int) -> Decimal:
        """A scaled integer as an exact price."""
        return Decimal(scaled).scaleb(-self.digits)

    def index(self, at_ns: int) -> int:
        """Position of the last quote at or before ``at_ns``; -1 where there is none."""
        if self._held_from <= at_ns < self._held_until:
            return self._held_index
        return int(self.at_ns.searchsorted(at_ns, side="right")) - 1

    def quote(self, at_ns: int) -> Quote | None:
        """The last quote at or before ``at_ns``."""
        if self._held_from <= at_ns < self._held_until:
            return self._held_quote
        index = int(self.at_ns.searchsorted(at_ns, side="right")) - 1
        if index < 0:
            return None
        self._held_quote = self.quote_at(index)
        self._held_index = index
        self._held_from = self._held_quote.at
        self._held_until = int(self.at_ns[index + 1]) if index + 1 < len(self) else 1 << 62
        return self._held_quote

    def quote_at(self, index: int) -> Quote:
        """The quote at a position."""
        return Quote(
            symbol=self.symbol,
            at=int(self.at_ns[index]),
            bid=Decimal(int(self.bid[index])).scaleb(-self.digits),
            ask=Decimal(int(self.ask[index])).scaleb(-self.digits),
        )

    def next_tick(self, after_ns: int) -> int | None:
        """Instant of the first quote after ``after_ns``."""
        index = self.index(after_ns) + 1
        return int(self.at_ns[index]) if index < len(self) else None

    def next_at_or_below(self, side: str, level: Decimal, after_ns: int) -> int | None:
        """Instant of the first quote after ``after_ns`` whose ``side`` ("bid" or "ask") is at or
        below ``level``.
        """
        bound = int(level.scaleb(self.digits).to_integral_value(rounding=ROUND_FLOOR))
        if self._lows is None:
            self._lows = (_blocks(self.bid), _blocks(self.ask))
        first = self.index(after_ns) + 1
        if side == "bid":
            return self._instant(_first_below(self.bid, self._lows[0], bound, first))
        return self._instant(_first_below(self.ask, self._lows[1], bound, first))

    def next_at_or_above(self, side: str, level: Decimal, after_ns: int) -> int | None:
        """Instant of the first quote after ``after_ns`` whose ``side`` is at or above ``level``."""
        bound = int(level.scaleb(self.digits).to_integral_value(rounding=ROUND_CEILING))
        if self._highs is None:
            # Negated, so that one search serves both directions.
            self._highs = (_blocks(-self.bid), _blocks(-self.ask))
        first = self.index(after_ns) + 1
        if side == "bid":
            return self._instant(_first_below(self.bid, self._highs[0], -bound, first, negate=True))
        return self._instant(_first_below(self.ask, self._highs[1], -bound, first, negate=True))

    def _instant(self, index: int) -> int | None:
        return int(self.at_ns[index]) if index >= 0 else None


def _blocks(column: Ints) -> _Blocks:
    lows: Ints = np.minimum.reduceat(column, np.arange(0, len(column), _BLOCK))
    return _Blocks(lows, np.minimum.accumulate(lows[::-1])[::-1].tolist())


def _first_below(
    column: Ints, blocks: _Blocks, bound: int, first: int, *, negate: bool = False
) -> int:
    """Position of the first value at or below ``bound`` from ``first`` on; -1 where there is none.

    Looks at the rest of one block, then at the blocks' lows, then into the block that has it.
    """
    block = first // _BLOCK
    if first >= len(column) or blocks.lows_from[block] > bound:
        return -1
    found = _hit(column, first, (block + 1) * _BLOCK, bound, negate=negate)
    if found >= 0:
        return found
    later = blocks.lows[block + 1 :] <= bound
    if not later.any():
        return -1
    start = (block + 1 + int(later.argmax())) * _BLOCK
    return _hit(column, start, start + _BLOCK, bound, negate=negate)


def _hit(column: Ints, start: int, end: int, bound: int, *, negate: bool) -> int:
    hits = (-column[start:end] if negate else column[start:end]) <= bound
    return start + int(hits.argmax()) if hits.any() else -1


def merge(parts: Iterable[QuoteSeries]) -> QuoteSeries:
    """Several series of one symbol as one, in time order; of equal instants the last part's quote
    holds. Raises InvariantViolated for different symbols.
    """
    series = list(parts)
    check(len(series) > 0, "nothing to merge")
    check(len({part.symbol for part in series}) == 1, "series of different symbols")
    if len(series) == 1:
        return series[0]
    digits = max(part.digits for part in series)
    at = np.concatenate([part.at_ns for part in series])
    bid = np.concatenate([part.bid * 10 ** (digits - part.digits) for part in series])
    ask = np.concatenate([part.ask * 10 ** (digits - part.digits) for part in series])
    order = np.argsort(at, kind="stable")
    at, bid, ask = at[order], bid[order], ask[order]
    kept = keep_last(at)
    return QuoteSeries(series[0].symbol, at[kept], bid[kept], ask[kept], digits)


def keep_last(at_ns: Ints) -> NDArray[np.bool_]:
    """Of a non-decreasing column of instants, which rows are the last of their instant."""
    kept = np.ones(len(at_ns), dtype=np.bool_)
    kept[:-1] = at_ns[1:] > at_ns[:-1]
    return kept
