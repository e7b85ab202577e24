"""A seeded intraday path between fixings, in integers, so that every machine gets the same bytes.

Each currency has one path against the euro: a Brownian bridge from fixing to fixing whose variance
follows the time of day; a pair is the quotient of two paths, so that triangles close. Ticks and
spreads follow the time of day too. Every draw is a hash of (seed, name, place in time): a window
does not change what happens inside it. No libm, no random module. Knows nothing of files or venues.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stretto.core.values import NS_PER_MS, NS_PER_S, digest
from stretto.market.series import Ints, QuoteSeries
from stretto.market.sessions import FxWeek

NODE_NS = 10 * NS_PER_S
RATE_DIGITS = 8
_HOUR_NS = 3_600 * NS_PER_S
_MINUTE_NS = 60 * NS_PER_S
_NODES_PER_HOUR = _HOUR_NS // NODE_NS
# By UTC hour: volatility (relative), ticks a minute, spread (percent of its base).
_VOLATILITY = (9, 9, 8, 8, 8, 9, 12, 17, 18, 16, 15, 15, 18, 21, 22, 20, 17, 14, 12, 11, 9, 6, 6, 8)
_TICKS = (9, 9, 8, 7, 7, 9, 14, 24, 26, 22, 20, 20, 26, 34, 36, 32, 24, 18, 14, 12, 9, 5, 5, 8)
_SPREAD = (
    *(130, 130, 130, 130, 130, 120, 110, 100, 95, 95, 100, 100),
    *(95, 95, 95, 95, 100, 105, 110, 120, 140, 320, 200, 150),
)
_NOMINAL_VARIANCE = _NODES_PER_HOUR * sum(a * a for a in _VOLATILITY)
# Standard deviation of a sum of four centred 16-bit draws: 2 * 2**15 / sqrt(3).
_DRAW_DEVIATION = 37_837
_TICKS_PER_MINUTE_MAX = 64

Words = NDArray[np.uint64]


class Fixing(NamedTuple):
    """Units of a currency for one euro, in 10**-8, at an instant (ns UTC)."""

    at_ns: int
    rate: int


class CurrencyPath(NamedTuple):
    """Units of a currency for one euro in 10**-8 every ten seconds from ``start_ns``."""

    start_ns: int
    nodes: Ints

    def at(self, at_ns: Ints) -> Ints:
        """The rate at instants inside the path, straight between nodes."""
        place, rest = np.divmod(at_ns - self.start_ns, NODE_NS)
        low = self.nodes[place]
        high = self.nodes[np.minimum(place + 1, len(self.nodes) - 1)]
        found: Ints = low + (high - low) * (rest // NS_PER_MS) // (NODE_NS // NS_PER_MS)
        return found


def words(seed: int, places: Ints) -> Words:
    """One 64-bit draw for each place: SplitMix64 (Steele, Lea and Flood, 2014) at that place."""
    z = np.uint64(seed) + places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Words = z ^ (z >> np.uint64(31))
    return mixed


def below(bound: int, draws: Words) -> Ints:
    """Draws mapped to [0, bound), bound at most 2**31, from their upper halves."""
    found: Ints = (((draws >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32)).astype(np.int64)
    return found


def seed_of(*parts: str) -> int:
    """A 64-bit seed of the parts."""
    return int.from_bytes(digest("path", *parts)[:8], "big")


def currency_path(
    seed: int, fixings: Sequence[Fixing], deviations: Sequence[int], week: FxWeek
) -> CurrencyPath:
    """The path through ``fixings`` (at least two, on whole ten seconds); ``deviations``: for each
    stretch between two, the standard deviation of a day's change in 10**-8.
    """
    pieces = [
        _bridge(seed, start, end, deviation, week)
        for (start, end), deviation in zip(pairwise(fixings), deviations, strict=True)
    ]
    nodes = np.concatenate([*pieces, np.array([fixings[-1].rate], dtype=np.int64)])
    return CurrencyPath(fixings[0].at_ns, nodes)


def _bridge(seed: int, start: Fixing, end: Fixing, deviation: int, week: FxWeek) -> Ints:
    """Nodes from ``start`` (inclusive) to ``end`` (exclusive)."""
    first = start.at_ns // NODE_NS
    places = first + np.arange((end.at_ns - start.at_ns) // NODE_NS, dtype=np.int64)
    hours = places // _NODES_PER_HOUR
    open_hours = _open_hours(int(hours[0]), int(hours[-1]), week)
    mood = 60 + below(81, words(seed ^ 0x6D6F6F64, hours))  # each hour is calmer or busier
    amplitude = np.array(_VOLATILITY)[hours % 24] * open_hours[hours - hours[0]] * mood // 10
    variance = np.concatenate([[0], np.cumsum(amplitude * amplitude)]) // 100
    whole = max(1, int(variance[-1]))
    draws = words(seed, places)
    centred = sum(
        ((draws >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
        for shift in (0, 16, 32, 48)
    ) - 4 * (1 << 15)
    walk = np.concatenate([[0], np.cumsum(amplitude * centred)]) // 10
    noise = walk - walk[-1] * variance // whole
    drift = (end.rate - start.rate) * variance // whole
    nodes: Ints = (
        start.rate + drift + noise * deviation // (isqrt(_NOMINAL_VARIANCE) * _DRAW_DEVIATION)
    )
    return np.maximum(nodes[:-1], 1)


def _open_hours(first: int, last: int, week: FxWeek) -> Ints:
    return np.array(
        [week.is_open(hour * _HOUR_NS) for hour in range(first, last + 1)], dtype=np.int64
    )


def tick_times(seed: int, start_ns: int, end_ns: int, week: FxWeek) -> Ints:
    """Instants of quotes on whole milliseconds in [start_ns, end_ns), both on whole hours."""
    hours = _open_hours(start_ns // _HOUR_NS, end_ns // _HOUR_NS - 1, week)
    minutes = np.arange(start_ns // _MINUTE_NS, end_ns // _MINUTE_NS, dtype=np.int64)
    rate = np.array(_TICKS)[minutes // 60 % 24] * hours[(minutes - minutes[0]) // 60]
    count = rate * (50 + below(101, words(seed, minutes))) // 100
    minute = np.repeat(minutes, count)
    nth = np.arange(len(minute)) - np.repeat(np.cumsum(count) - count, count)
    draws = words(seed ^ 0x7469636B, minute * _TICKS_PER_MINUTE_MAX + nth)
    return np.unique(minute * _MINUTE_NS + below(60_000, draws) * NS_PER_MS)


def pair_series(
    symbol: str,
    seed: int,
    base: CurrencyPath | None,
    quote: CurrencyPath | None,
    at_ns: Ints,
    digits: int,
    spread_ppm: int,
) -> QuoteSeries:
    """Bid and ask of a pair at ``at_ns``; ``None`` stands for the euro. The spread is
    ``spread_ppm`` of the price, changed by the hour, by chance and by the move of the last minute.
    """
    mid = _cross(base, quote, at_ns, digits)
    earlier = _cross(base, quote, at_ns - _MINUTE_NS, digits)
    draws = words(seed ^ 0x73707264, at_ns // NS_PER_MS)
    hour = at_ns // _HOUR_NS % 24
    spread = mid * spread_ppm // 1_000_000 * np.array(_SPREAD)[hour] // 100
    spread = spread * (75 + below(51, draws)) // 100 + np.abs(mid - earlier) // 6
    # The low bits move the middle by up to an eighth of the spread: quotes flicker.
    jitter = spread * ((draws & np.uint64(0xFF)).astype(np.int64) - 128) // 1_024
    bid = (mid + jitter - spread // 2) // 10
    ask = bid + np.maximum(1, (spread + 5) // 10)
    return QuoteSeries(symbol, at_ns, bid, ask, digits)


def _cross(base: CurrencyPath | None, quote: CurrencyPath | None, at_ns: Ints, digits: int) -> Ints:
    """Quote units for one base unit, in 10**-(digits + 1)."""
    one = 10**RATE_DIGITS
    per_base = base.at(at_ns) if base is not None else one
    per_quote = quote.at(at_ns) if quote is not None else np.full(len(at_ns), one, dtype=np.int64)
    found: Ints = per_quote * 10 ** (digits + 1) // per_base
    return found
