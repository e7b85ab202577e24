"""What a decision may know of the market: instruments, quotes, statistics, conversions.

Pure data handed to ``decide`` as journaled reads. Knows nothing of accounts, orders or where a
quote came from.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.errors import InvalidInput
from stretto.core.terms.calendar import FX_WEEK
from stretto.core.values import ONE


class Instrument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tradable symbol of the book. ``pip`` and ``tick`` are in quote currency per base unit;
    ``calendar`` names its sessions (``fx_week``, ``always_open`` or an exchange's code), ``pauses``
    are daily windows taken out of them, each ``HH:MM-HH:MM Zone``.
    """

    symbol: str
    base_currency: str
    quote_currency: str
    pip: Decimal
    tick: Decimal
    calendar: str = FX_WEEK
    pauses: tuple[str, ...] = ()

    @property
    def session_calendar(self) -> str:
        """The name of its table of sessions: instruments with the same hours share one."""
        return " without ".join((self.calendar, *self.pauses))


def venue_calendar(venue: str) -> str:
    """The name of the table of a venue that states maintenance."""
    return f"venue {venue}"


class Quote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Top of book at ``at`` (ns UTC); sizes in base units where the source shows them. Raises
    InvalidInput for a price that is not a finite number above 0.
    """

    symbol: str
    at: int
    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None

    def __post_init__(self) -> None:
        if not (self.bid.is_finite() and self.ask.is_finite() and self.bid > 0 and self.ask > 0):
            raise InvalidInput(
                f"quote of {self.symbol!r}", f"bid {self.bid}, ask {self.ask}", "prices above 0"
            )

    @property
    def mid(self) -> Decimal:
        """Arithmetic middle of bid and ask."""
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> Decimal:
        """ask - bid, in quote currency per base unit."""
        return self.ask - self.bid


class MarketStatistics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Short-term state of one symbol: volatility as 1e-6 of price per minute, spread in price."""

    symbol: str
    at: int
    volatility_ppm: int
    volatility_median_ppm: int
    spread_median: Decimal


class VenueState(msgspec.Struct, frozen=True, kw_only=True):
    """Last sign of life of one venue connection (ns UTC)."""

    venue: str
    connected: bool
    heartbeat_at: int


class Reads(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Exactly what was handed to ``decide`` beside the state; stored in the journal entry."""

    quotes: dict[str, Quote] = msgspec.field(default_factory=dict)
    statistics: dict[str, MarketStatistics] = msgspec.field(default_factory=dict)
    venues: dict[str, VenueState] = msgspec.field(default_factory=dict)


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """Close of one bar of the book's grid; ``day`` is its ISO date."""

    day: str
    close: Decimal


def fresh_quotes(reads: Reads, oldest_ns: int) -> dict[str, Quote]:
    """The quotes of ``oldest_ns`` or later, by symbol."""
    quotes = reads.quotes
    if all(quote.at >= oldest_ns for quote in quotes.values()):
        return quotes
    return {symbol: quote for symbol, quote in quotes.items() if quote.at >= oldest_ns}


def conversion_rate(
    source: str, target: str, quotes: dict[str, Quote], instruments: dict[str, Instrument]
) -> Decimal | None:
    """Units of ``target`` currency for one unit of ``source`` at mid, direct, inverse or over one
    other currency; None where the quotes do not say. Never assumed to be 1.
    """
    symbols = conversion_symbols(source, target, quotes, instruments)
    if symbols is None:
        return None
    rate, currency = ONE, source
    for symbol in symbols:
        instrument, mid = instruments[symbol], quotes[symbol].mid
        if instrument.base_currency == currency:
            rate, currency = rate * mid, instrument.quote_currency
        else:
            rate, currency = rate * (ONE / mid), instrument.base_currency
    return rate


def conversion_symbols(
    source: str, target: str, quotes: dict[str, Quote], instruments: dict[str, Instrument]
) -> tuple[str, ...] | None:
    """The symbols whose quotes lead from ``source`` to ``target``: none where they are the same
    currency, one, or two over another currency; None where there is no way.
    """
    if source == target:
        return ()
    direct = _pair(source, target, quotes, instruments)
    if direct is not None:
        return (direct,)
    for currency in sorted(_currencies(quotes, instruments)):
        if currency in (source, target):
            continue
        first = _pair(source, currency, quotes, instruments)
        if first is None:
            continue
        second = _pair(currency, target, quotes, instruments)
        if second is not None:
            return first, second
    return None


def _pair(
    source: str, target: str, quotes: dict[str, Quote], instruments: dict[str, Instrument]
) -> str | None:
    for symbol in sorted(quotes):
        instrument = instruments.get(symbol)
        if instrument is None:
            continue
        pair = (instrument.base_currency, instrument.quote_currency)
        if pair in ((source, target), (target, source)):
            return symbol
    return None


def _currencies(quotes: dict[str, Quote], instruments: dict[str, Instrument]) -> list[str]:
    names: dict[str, None] = {}
    for symbol in quotes:
        instrument = instruments.get(symbol)
        if instrument is not None:
            names[instrument.base_currency] = None
            names[instrument.quote_currency] = None
    return list(names)
