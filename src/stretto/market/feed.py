"""Recorded quotes and their statistics as a market: what the engine reads and a venue trades on.

Implements ``ports.MarketData``; its searches tell the simulated venue when a price is next reached,
and nobody else may ask them: they know the future. Knows nothing of accounts or orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from stretto.core.errors import InvalidInput
from stretto.core.terms.market import MarketStatistics, Quote, Reads
from stretto.market.series import QuoteSeries
from stretto.market.statistics import SymbolStatistics


class SeriesMarket:
    """Quote series by symbol, with statistics computed when a symbol is first asked for."""

    def __init__(self, series: Mapping[str, QuoteSeries]) -> None:
        if not series:
            raise InvalidInput("market", "there is no quote series", "at least one symbol")
        self._series = {symbol: series[symbol] for symbol in sorted(series)}
        self._statistics: dict[str, SymbolStatistics] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that have quotes, sorted."""
        return tuple(self._series)

    @property
    def starts_at(self) -> int:
        """When every symbol has had its first quote, ns UTC."""
        return max(series.starts_at for series in self._series.values())

    @property
    def ends_at(self) -> int:
        """The last quote of any symbol, ns UTC."""
        return max(series.ends_at for series in self._series.values())

    def reads(self, symbols: Sequence[str], at_ns: int) -> Reads:
        """The last quotes and statistics at or before ``at_ns`` for the symbols that have any."""
        quotes: dict[str, Quote] = {}
        statistics: dict[str, MarketStatistics] = {}
        for symbol in symbols:
            quote = self.quote(symbol, at_ns)
            if quote is None:
                continue
            quotes[symbol] = quote
            found = self.statistics(symbol, at_ns)
            if found is not None:
                statistics[symbol] = found
        return Reads(quotes=quotes, statistics=statistics)

    def quote(self, symbol: str, at_ns: int) -> Quote | None:
        """The last quote at or before ``at_ns``."""
        series = self._series.get(symbol)
        return None if series is None else series.quote(at_ns)

    def statistics(self, symbol: str, at_ns: int) -> MarketStatistics | None:
        """The statistics known at ``at_ns``."""
        known = self._statistics.get(symbol)
        if known is None:
            series = self._series.get(symbol)
            if series is None:
                return None
            known = self._statistics[symbol] = SymbolStatistics(series)
        return known.at(at_ns)

    # --- the future, for the simulated venue only

    def next_tick(self, symbol: str, after_ns: int) -> int | None:
        """When the symbol's next quote comes."""
        return self._series[symbol].next_tick(after_ns)

    def next_at_or_below(self, symbol: str, side: str, level: Decimal, after_ns: int) -> int | None:
        """When ``side`` ("bid" or "ask") is next at or below ``level``."""
        return self._series[symbol].next_at_or_below(side, level, after_ns)

    def next_at_or_above(self, symbol: str, side: str, level: Decimal, after_ns: int) -> int | None:
        """When ``side`` is next at or above ``level``."""
        return self._series[symbol].next_at_or_above(side, level, after_ns)
