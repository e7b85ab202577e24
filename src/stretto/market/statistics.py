"""Short-term volatility and spread of one symbol against their medians; never looks ahead.

Per minute, in integer arithmetic, so that every machine gets the same numbers. A statistic as of an
instant is that of the last *complete* minute. Knows nothing of files, accounts or orders.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from stretto.core.terms.market import MarketStatistics
from stretto.core.values import NS_PER_S
from stretto.market.series import QuoteSeries

MINUTE_NS = 60 * NS_PER_S
VOLATILITY_MINUTES = 5
MEDIAN_MINUTES = 1_440
# One-minute returns are kept in 1e-8 until they are averaged.
_RETURN_SCALE = 100_000_000
_RETURNS_PER_PPM = 100
_INT64_SAFE = (1 << 62) // _RETURN_SCALE


class SymbolStatistics:
    """Statistics of one series.

    Volatility: the mean absolute one-minute return of the mid over the last five minutes, in 1e-6
    of price. A minute without a tick, or after more than five minutes without one, counts as no
    return: a jump over an outage is not volatility. Medians: of the last 1,440 minutes that had a
    tick (24 hours of a busy symbol), or all that were seen; the lower one of two. Spread: the mean
    over the minute's ticks. In the first minute volatility is 0 and the spread is the first tick's.
    """

    def __init__(self, series: QuoteSeries) -> None:
        self._series = series
        self._first_minute = series.starts_at // MINUTE_NS
        # Five quiet minutes after the last tick bring the volatility of an ended stream to zero.
        minutes = series.ends_at // MINUTE_NS - self._first_minute + 1 + VOLATILITY_MINUTES
        ends = (self._first_minute + 1 + np.arange(minutes)) * MINUTE_NS
        last_tick = series.at_ns.searchsorted(ends, side="left") - 1
        active = np.diff(last_tick, prepend=-1) > 0
        volatility = _volatility(series, ends, last_tick, active)
        spread = np.zeros(minutes, dtype=np.int64)
        firsts = np.concatenate([[0], last_tick[:-1] + 1])[active]
        counts = np.diff(last_tick, prepend=-1)[active]
        spread[active] = np.add.reduceat(series.ask - series.bid, firsts) // counts
        seen = active.tolist()
        self._volatility = volatility
        self._volatility_median = list(_rolling_medians(volatility, seen))
        self._spread_median = list(_rolling_medians(spread.tolist(), seen))
        self._held_minute = -1
        self._held: MarketStatistics | None = None

    def at(self, at_ns: int) -> MarketStatistics | None:
        """The statistics known at ``at_ns``; None before the first tick."""
        minute = at_ns // MINUTE_NS
        if minute == self._held_minute and self._held is not None:
            return self._held
        if at_ns < self._series.starts_at:
            return None
        self._held = self._of(minute)
        self._held_minute = minute
        return self._held

    def _of(self, minute: int) -> MarketStatistics:
        place = min(minute - self._first_minute, len(self._volatility)) - 1
        if place < 0:
            series = self._series
            known_at, volatility, median = series.starts_at, 0, 0
            spread = int(series.ask[0] - series.bid[0])
        else:
            known_at = (self._first_minute + place + 1) * MINUTE_NS
            volatility = self._volatility[place]
            median = self._volatility_median[place]
            spread = self._spread_median[place]
        return MarketStatistics(
            symbol=self._series.symbol,
            at=known_at,
            volatility_ppm=volatility,
            volatility_median_ppm=median,
            spread_median=self._series.price(spread),
        )


def _volatility(
    series: QuoteSeries, ends: np.ndarray, last_tick: np.ndarray, active: np.ndarray
) -> list[int]:
    """Mean absolute one-minute return of the five minutes up to each minute's end, in 1e-6."""
    twice_mid = series.bid + series.ask
    if int(twice_mid.max()) > _INT64_SAFE:
        twice_mid = twice_mid.astype(object)  # Python integers: slower, and never too small
    close = twice_mid[last_tick]
    returns = np.zeros(len(ends), dtype=np.int64)
    moved = abs(close[1:] - close[:-1]) * _RETURN_SCALE // close[:-1]
    age = ends[:-1] - series.at_ns[last_tick[:-1]]
    counted = active[1:] & (age <= VOLATILITY_MINUTES * MINUTE_NS)
    returns[1:] = np.where(counted, moved, 0).astype(np.int64)
    total = np.cumsum(returns)
    window = total.copy()
    window[VOLATILITY_MINUTES:] -= total[:-VOLATILITY_MINUTES]
    seen = np.minimum(np.arange(1, len(ends) + 1), VOLATILITY_MINUTES) * _RETURNS_PER_PPM
    found: list[int] = ((window + seen // 2) // seen).tolist()
    return found


def _rolling_medians(values: Iterable[int], counted: Iterable[bool]) -> Iterator[int]:
    """The lower median of the last MEDIAN_MINUTES counted values, at each place."""
    window: deque[int] = deque()
    ordered: list[int] = []
    for value, counts in zip(values, counted, strict=True):
        if counts:
            window.append(value)
            insort(ordered, value)
            if len(window) > MEDIAN_MINUTES:
                del ordered[bisect_left(ordered, window.popleft())]
        yield ordered[(len(ordered) - 1) // 2]
