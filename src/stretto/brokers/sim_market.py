"""What the simulated venue sees of the market: quotes, the next time a price is reached, levels.

``TriggerFeed`` is the one place where the venue asks about the future. Recorded series answer it by
search; a live feed would answer by watching. Knows nothing of orders and accounts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from stretto.brokers.sim_book import CENT, VenueAccount, touch, unrealized
from stretto.brokers.sim_config import SimVenueConfig
from stretto.core.errors import InvalidInput, check
from stretto.core.terms.market import Instrument, MarketStatistics, Quote
from stretto.core.values import ONE, ZERO, Side, floor_to_step

_CENTILOT = Decimal("0.01")


class TriggerFeed(Protocol):
    """Quotes as of a time, and when something happens next (ns UTC; None where it never does)."""

    def quote(self, symbol: str, at_ns: int) -> Quote | None:
        """The last quote at or before ``at_ns``."""
        ...

    def statistics(self, symbol: str, at_ns: int) -> MarketStatistics | None:
        """Volatility and spread as known at ``at_ns``."""
        ...

    def next_tick(self, symbol: str, after_ns: int) -> int | None:
        """When the next quote comes."""
        ...

    def next_at_or_below(self, symbol: str, side: str, level: Decimal, after_ns: int) -> int | None:
        """When ``side`` ("bid" or "ask") is next at or below ``level``."""
        ...

    def next_at_or_above(self, symbol: str, side: str, level: Decimal, after_ns: int) -> int | None:
        """When ``side`` is next at or above ``level``."""
        ...


class VenueCalendar(Protocol):
    """Sessions and trading days of the venue."""

    def is_open(self, symbol: str, at_ns: int) -> bool:
        """True where the symbol trades at this venue."""
        ...

    def trading_day(self, at_ns: int) -> str:
        """The venue's trading day, as an ISO date."""
        ...

    def day_end(self, at_ns: int) -> int:
        """When that trading day ends."""
        ...


def draws(*parts: str) -> tuple[int, ...]:
    """Eight draws in [0, 2**64) from a hash of the parts: the same whoever asks first."""
    data = hashlib.blake2b("\x1f".join(parts).encode()).digest()
    return tuple(int.from_bytes(data[place : place + 8], "big") for place in range(0, 64, 8))


def identity(*parts: str) -> str:
    """Sixteen hexadecimal digits from a hash of the parts: an id that no counter hands out."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()


class Ladder:
    """The price levels of one side at one tick, best first. A dealer's book: each client is shown
    the same sizes, and no order takes from what another one sees.
    """

    __slots__ = ("_centilots", "_draws", "_first", "_gap", "_levels_max", "_shown")

    def __init__(
        self,
        seed: str,
        side: Side,
        quote: Quote,
        statistics: MarketStatistics | None,
        tick: Decimal,
        depth_lots: Decimal,
        levels_max: int,
    ) -> None:
        gap = max(tick, floor_to_step(quote.spread / 2, tick))
        self._first = quote.ask if side is Side.BUY else quote.bid
        self._gap = gap if side is Side.BUY else -gap
        self._levels_max = levels_max
        self._draws = draws("depth", seed, quote.symbol, side, str(quote.at))
        self._centilots = int(depth_lots * 100 * calmness(quote, statistics))
        self._shown: list[tuple[Decimal, Decimal]] = []

    def level(self, place: int) -> tuple[Decimal, Decimal] | None:
        """Price and shown lots of a level (0 is the touch); None beyond the last."""
        if place >= self._levels_max:
            return None
        while len(self._shown) <= place:
            nth = len(self._shown)
            # 50 % to 150 % of the mean, half as much again with each level.
            share = 500 + (self._draws[nth] * 1_000 >> 64)
            centilots = max(1, self._centilots * share * (2 + nth) // 2_000)
            self._shown.append((self._first + self._gap * nth, centilots * _CENTILOT))
        return self._shown[place]


def calmness(quote: Quote, statistics: MarketStatistics | None) -> Decimal:
    """How much of the usual size is shown, in (0, 1]: median over present spread, times median over
    present volatility, each at most 1.
    """
    if statistics is None:
        return ONE
    factor = ONE
    if quote.spread > statistics.spread_median > 0:
        factor = statistics.spread_median / quote.spread
    if statistics.volatility_ppm > statistics.volatility_median_ppm > 0:
        factor = factor * statistics.volatility_median_ppm / statistics.volatility_ppm
    return factor


class Converter:
    """Currency conversion at the venue's own mid quotes, direct, inverse or over one currency."""

    def __init__(self, instruments: Mapping[str, Instrument], feed: TriggerFeed) -> None:
        self._feed = feed
        self._pairs = {
            (instruments[name].base_currency, instruments[name].quote_currency): name
            for name in sorted(instruments)
        }
        self._routes: dict[tuple[str, str], tuple[tuple[str, bool], ...]] = {}

    def rate(self, source: str, target: str, at_ns: int) -> Decimal | None:
        """Units of ``target`` for one ``source``; None while a quote on the way is missing. Raises
        InvalidInput where no instrument of the venue connects the two.
        """
        if source == target:
            return ONE
        route = self._routes.get((source, target))
        if route is None:
            route = self._routes[source, target] = self._route(source, target)
        rate = ONE
        for symbol, inverse in route:
            quote = self._feed.quote(symbol, at_ns)
            if quote is None:
                return None
            rate = rate / quote.mid if inverse else rate * quote.mid
        return rate

    def _route(self, source: str, target: str) -> tuple[tuple[str, bool], ...]:
        direct = self._step(source, target)
        if direct is not None:
            return (direct,)
        for currency in sorted({currency for pair in self._pairs for currency in pair}):
            first, second = self._step(source, currency), self._step(currency, target)
            if first is not None and second is not None:
                return (first, second)
        raise InvalidInput(
            "simulated venue",
            f"no instrument converts {source} to {target}",
            "a pair of the two, or two pairs with one currency between",
        )

    def _step(self, source: str, target: str) -> tuple[str, bool] | None:
        if (source, target) in self._pairs:
            return self._pairs[source, target], False
        if (target, source) in self._pairs:
            return self._pairs[target, source], True
        return None


class VenueMarket:
    """The market at an instant, as the venue uses it."""

    def __init__(
        self,
        config: SimVenueConfig,
        seed: str,
        feed: TriggerFeed,
        calendar: VenueCalendar,
        instruments: Mapping[str, Instrument],
    ) -> None:
        self.feed = feed
        self.calendar = calendar
        self._config = config
        self._seed = seed
        self._instruments = instruments
        self._converter = Converter(instruments, feed)
        self._ladders: dict[tuple[str, Side], tuple[int, Ladder]] = {}
        self._day = ""
        self._day_from = self._day_until = 0
        # What the venue decrees now and then, by symbol, each until an instant (ns UTC).
        self.closed_until: dict[str, int] = {}
        self.stops_widened: dict[str, tuple[int, Decimal]] = {}
        self.margin_rates: dict[str, tuple[int, Decimal]] = {}

    def is_open(self, symbol: str, at: int) -> bool:
        """True where the symbol trades now: by its calendar, and by what the venue decrees."""
        return at >= self.closed_until.get(symbol, 0) and self.calendar.is_open(symbol, at)

    def stop_distance(self, symbol: str, usual: Decimal, at: int) -> Decimal:
        """The least distance of a stop or target, in price: the account's, or a wider one."""
        until, distance = self.stops_widened.get(symbol, (0, ZERO))
        return max(usual, distance) if at < until else usual

    def tick(self, symbol: str) -> Decimal:
        """The symbol's price step."""
        return self._instruments[symbol].tick

    def fresh(self, symbol: str, at: int) -> Quote | None:
        """The quote on which the venue trades; None where it is too old or there is none."""
        quote = self.feed.quote(symbol, at)
        if quote is None or at - quote.at > self._config.quote_age_ns_max:
            return None
        return quote

    def ladder(self, side: Side, quote: Quote) -> Ladder:
        """The levels of one side at a quote."""
        key = (quote.symbol, side)
        held = self._ladders.get(key)
        if held is not None and held[0] == quote.at:
            return held[1]
        # Statistics as known at the tick, so that the sizes hold until the next one.
        ladder = Ladder(
            self._seed,
            side,
            quote,
            self.feed.statistics(quote.symbol, quote.at),
            self.tick(quote.symbol),
            self._config.depth_lots,
            self._config.depth_levels,
        )
        self._ladders[key] = (quote.at, ladder)
        return ladder

    def reached(
        self, symbol: str, side: Side, level: Decimal, at: int, *, stop: bool
    ) -> int | None:
        """When the price at which ``side`` trades next stands at ``level`` or beyond: against the
        side for a stop, in its favour for a limit.
        """
        column = "ask" if side is Side.BUY else "bid"
        if stop is (side is Side.BUY):
            return self.feed.next_at_or_above(symbol, column, level, at)
        return self.feed.next_at_or_below(symbol, column, level, at)

    def rate(self, symbol: str, currency: str, at: int) -> Decimal | None:
        """From the symbol's quote currency to another."""
        return self._converter.rate(self._instruments[symbol].quote_currency, currency, at)

    def required_margin(
        self, account: VenueAccount, quote: Quote, side: Side, quantity: Decimal, at: int
    ) -> Decimal | None:
        """Margin for opening a quantity at the touch, in account currency; None while a quote for
        the conversion is missing.
        """
        rate = self.rate(quote.symbol, account.config.currency, at)
        if rate is None:
            return None
        margin_rate = self.margin_rate(account, quote.symbol, at)
        return quantity * touch(side, quote) * margin_rate * rate

    def margin_rate(self, account: VenueAccount, symbol: str, at: int) -> Decimal:
        """Share of the notional that a position opened now holds as margin."""
        usual = account.config.symbols[symbol].margin_rate
        until, decreed = self.margin_rates.get(symbol, (0, ZERO))
        return max(usual, decreed) if at < until else usual

    def equity(self, account: VenueAccount, at: int) -> Decimal:
        """Balance, and every position as if it were closed at the touch."""
        equity = account.balance
        for symbol, long, long_cost, short, short_cost in account.exposures():
            quote = self.feed.quote(symbol, at)
            rate = self.rate(symbol, account.config.currency, at)
            # What has traded has had these quotes; a quote, once there, does not vanish.
            check(quote is not None and rate is not None, f"{symbol} is held without a quote")
            if quote is not None and rate is not None:
                profit = unrealized(long, long_cost, short, short_cost, quote.bid, quote.ask)
                equity += (profit * rate).quantize(CENT)
        return equity

    def trading_day(self, at: int) -> str:
        """The venue's trading day."""
        if not self._day_from <= at < self._day_until:
            self._day = self.calendar.trading_day(at)
            self._day_from, self._day_until = at, self.calendar.day_end(at)
        return self._day
