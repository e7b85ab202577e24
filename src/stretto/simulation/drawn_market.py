"""The market of a seed: a day, a mood, quotes of a few pairs and the bars of the days before.

The days are those on which something ends or the clocks change, and ordinary ones between. Whole
numbers and hash draws throughout. Knows nothing of accounts or signals.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from stretto.config.instruments import instrument_of
from stretto.core.errors import check
from stretto.core.terms.market import Bar, Instrument
from stretto.core.values import NS_PER_S, iso, parse_iso
from stretto.market.feed import SeriesMarket
from stretto.market.path import (
    CurrencyPath,
    Fixing,
    currency_path,
    pair_series,
    seed_of,
    tick_times,
)
from stretto.market.series import Ints
from stretto.market.sessions import FxWeek
from stretto.simulation.draws import Draws

HOUR_NS = 3_600 * NS_PER_S
HEALING_NS = HOUR_NS
"""What a world goes on after its last fault, signal and request, so that everything can end."""
BARS = 61
_NODE_NS = 10 * NS_PER_S
_RATES = {"USD": 108_000_000, "GBP": 85_000_000, "JPY": 16_200_000_000}
_DIGITS = {"JPY": 3}
_SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "EURGBP")


class Day(NamedTuple):
    """A day to simulate: from when, the time zone whose clocks change on it, and when something is
    released that moves prices at once.
    """

    name: str
    starts: str
    zone: str = ""
    release: str = ""
    weight: int = 1


DAYS = (
    Day("an ordinary day", "2024-03-13T00:00:00Z", weight=5),
    Day("a Friday", "2024-03-15T00:00:00Z"),
    Day("a Sunday", "2024-03-17T12:00:00Z"),
    Day("payrolls", "2024-05-02T20:00:00Z", release="2024-05-03T12:30:00Z", weight=3),
    Day("New York loses an hour", "2024-03-10T05:00:00Z", zone="America/New_York"),
    Day("New York gains an hour", "2024-11-03T05:00:00Z", zone="America/New_York"),
    Day("London loses an hour", "2024-03-31T00:00:00Z", zone="Europe/London"),
    # Midnight itself is what is missing in Cairo, in the middle of a trading week.
    Day("Cairo loses midnight", "2024-04-25T12:00:00Z", zone="Africa/Cairo", weight=2),
)


class Mood(NamedTuple):
    """How much prices move in a day, in 1e-6, and the spread, in 1e-6 of the price."""

    name: str
    deviation_ppm: int
    spread_ppm: int


_MOODS = (
    Mood("calm", 1_500, 20),
    Mood("ordinary", 4_000, 40),
    Mood("busy", 9_000, 90),
    Mood("wild", 20_000, 300),
)


class DrawnMarket(NamedTuple):
    """``starts_at``: when the book opens, ns UTC; at ``heals_at`` nothing new goes wrong, and the
    last ``HEALING_NS`` before ``ends_at`` lie in a session. Quotes begin an hour before and end an
    hour after.
    """

    day: Day
    mood: str
    starts_at: int
    heals_at: int
    ends_at: int
    instruments: dict[str, Instrument]
    quotes: SeriesMarket
    bars: dict[str, tuple[Bar, ...]]
    days_before: tuple[str, ...]


def draw_market(seed: Draws, length_ns: int) -> DrawnMarket:
    """The market of a seed over ``length_ns``, of which a part is in session, and on to the next
    session where it ends in none.
    """
    draws = seed.within("market")
    day = draws.pick("day", *((each.weight, each) for each in DAYS))
    mood = draws.pick("mood", *((weight, _MOODS[n]) for n, weight in enumerate((3, 4, 3, 2))))
    starts_at = _starting(draws, day, length_ns)
    heals_at = starts_at + length_ns - HEALING_NS
    ends_at = _healed(heals_at)
    symbols = ("EURUSD", *draws.some("symbol", _SYMBOLS[1:], 50))
    instruments = {symbol: _instrument(draws, symbol) for symbol in symbols}
    first, last = _hour_of(starts_at) - HOUR_NS, _hour_of(ends_at) + 2 * HOUR_NS
    release = parse_iso(day.release) if day.release else 0
    paths: dict[str, CurrencyPath | None] = {"EUR": None}
    for currency in _RATES:
        paths[currency] = _path(draws, currency, mood, first - HOUR_NS, last + HOUR_NS, release)
    series = {}
    for symbol in symbols:
        at_ns = _ticks(draws, symbol, first, last)
        digits = _DIGITS.get(symbol[3:], 5)
        base, quote = paths[symbol[:3]], paths[symbol[3:]]
        number = draws.below(f"quotes {symbol}", 1 << 63)
        series[symbol] = pair_series(symbol, number, base, quote, at_ns, digits, mood.spread_ppm)
    before = _days_before(starts_at)
    return DrawnMarket(
        day=day,
        mood=mood.name,
        starts_at=starts_at,
        heals_at=heals_at,
        ends_at=ends_at,
        instruments=instruments,
        quotes=SeriesMarket(series),
        bars={symbol: _bars(draws, symbol, before) for symbol in symbols},
        days_before=before,
    )


def _healed(heals_at: int) -> int:
    """What waits for a session must have had one: an hour of it, from ``heals_at`` on."""
    week = FxWeek()
    closes_at = week.closes_at(heals_at)
    if closes_at is not None and closes_at >= heals_at + HEALING_NS:
        return heals_at + HEALING_NS
    opens_at = week.opens_at(heals_at if closes_at is None else closes_at)
    check(opens_at is not None, "a market that is closed opens again")
    return HEALING_NS + (opens_at or heals_at)


def _hour_of(at_ns: int) -> int:
    return at_ns // HOUR_NS * HOUR_NS


def _starting(draws: Draws, day: Day, length_ns: int) -> int:
    """The day's beginning; a shorter span lies where the market is open, over a release if any."""
    starts_at = parse_iso(day.starts)
    room = 24 - -(-length_ns // HOUR_NS)
    if room <= 0:
        return starts_at
    opens_at = FxWeek().opens_at(starts_at) or starts_at
    if day.release:
        return min(parse_iso(day.release) - length_ns // 2, starts_at + room * HOUR_NS)
    latest = min(room, (opens_at - starts_at) // HOUR_NS + 14)
    earliest = min(latest, (opens_at - starts_at) // HOUR_NS + 6)
    return starts_at + draws.between("hour", earliest, latest) * HOUR_NS


def _instrument(draws: Draws, symbol: str) -> Instrument:
    found = instrument_of(symbol)
    check(found is not None, f"{symbol} is a pair")
    assert found is not None  # noqa: S101  # for the type checker; the check above holds always
    if not draws.chance(f"pause {symbol}", 15):
        return found
    hour = draws.between(f"pause at {symbol}", 7, 20)
    return Instrument(
        symbol=symbol,
        base_currency=found.base_currency,
        quote_currency=found.quote_currency,
        pip=found.pip,
        tick=found.tick,
        pauses=(f"{hour:02d}:00-{hour:02d}:10 UTC",),
    )


def _path(
    draws: Draws, currency: str, mood: Mood, start: int, end: int, release: int
) -> CurrencyPath:
    """From fixing to fixing; a release moves the rate within ten seconds."""
    rate = _RATES[currency] * (950 + draws.below(f"rate {currency}", 101)) // 1_000
    deviation = rate * mood.deviation_ppm // 1_000_000
    instants = [start, end]
    if start < release < end - _NODE_NS:
        instants = [start, release, release + _NODE_NS, end]
    fixings, deviations = [Fixing(start, rate)], []
    for place, at in enumerate(instants[1:]):
        most = 2 * deviation if at != release + _NODE_NS else rate // 100
        rate += draws.between(f"move {currency} {place}", -most, most)
        fixings.append(Fixing(at, rate))
        deviations.append(deviation)
    return currency_path(
        seed_of(str(draws.below(f"path {currency}", 1 << 63))),
        fixings,
        deviations,
        FxWeek(),
    )


def _ticks(draws: Draws, symbol: str, first: int, last: int) -> Ints:
    """Instants of quotes, in one market in four with an hour in which none come for minutes."""
    number = seed_of(str(draws.below(f"ticks {symbol}", 1 << 63)))
    at_ns = tick_times(number, first, last, FxWeek())
    if draws.chance(f"outage {symbol}", 25):
        begins = first + draws.below(f"outage at {symbol}", last - first)
        ends = begins + draws.spread(f"outage of {symbol}", 30, 1_800) * NS_PER_S
        kept = at_ns[(at_ns < begins) | (at_ns >= ends)]
        if len(kept):
            at_ns = kept
    check(len(at_ns) > 0, f"{symbol} has no quotes")
    found: Ints = np.ascontiguousarray(at_ns)
    return found


def _days_before(starts_at: int) -> tuple[str, ...]:
    """The last weekdays before the day of ``starts_at``, oldest first."""
    day = date.fromisoformat(iso(starts_at)[:10])
    found: list[str] = []
    while len(found) < BARS:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            found.append(day.isoformat())
    return tuple(reversed(found))


def _bars(draws: Draws, symbol: str, days: Sequence[str]) -> tuple[Bar, ...]:
    """A walk of up to half a percent a day; in a few books too short to say anything."""
    count = 12 if draws.chance(f"few bars {symbol}", 4) else len(days)
    price, bars = 1_000_000, []
    for day in days[-count:]:
        price += draws.between(f"bar {symbol} {day}", -5_000, 5_000)
        bars.append(Bar(day=day, close=Decimal(price).scaleb(-6)))
    return tuple(bars)
