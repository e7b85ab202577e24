"""The demo's signals: times, sides, sizes and prices as strategies near the market would send them.

Most are sound. A few, in a run of at least ten, are not, so that refusals are seen. Around the US
payrolls release of 2 May 2014 several stand just before and just after it. Knows nothing of plans.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec.structs import replace

from stretto.core.terms.market import Instrument, Quote
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.report import OrderType, TimeInForce
from stretto.core.terms.signal import (
    Action,
    Addressing,
    AllAccounts,
    BestAccounts,
    GroupAccounts,
    ListedAccounts,
    PerAccount,
    RiskPercent,
    Signal,
    Size,
    Split,
    Total,
    Urgency,
)
from stretto.core.values import (
    NS_PER_MS,
    NS_PER_S,
    Side,
    draw,
    draw_below,
    floor_to_step,
    parse_iso,
)
from stretto.market.sessions import FxWeek

RELEASE_AT = parse_iso("2014-05-02T12:30:00Z")
_RELEASE_OFFSETS_MS = (-12_000, 400, -2_000, 5_000, -75_000, 45_000)
_RELEASE_SHARE = 4
_WARM_UP_NS = 3_600 * NS_PER_S
_TAIL_NS = 35 * 60 * NS_PER_S
_QUOTE_AGE_NS_MAX = 20 * NS_PER_S
_PLACINGS_MAX = 24
_PPM = Decimal(1_000_000)
_FAULTS = ("stop_on_wrong_side", "duplicate", "expired", "unknown_symbol")
_UNKNOWN_SYMBOL = "XYZUSD"
_STRATEGIES = ("breakout", "carry", "news", "reversal", "trend")


class Horizon(NamedTuple):
    """From when to when signals come (ns UTC), and the market's last quote at an instant."""

    starts_at: int
    ends_at: int
    quote: Callable[[str, int], Quote | None]


class _Draws:
    """The draws of one signal."""

    def __init__(self, world_key: str, number: int) -> None:
        self._world_key = world_key
        self._number = str(number)

    def below(self, purpose: str, bound: int) -> int:
        """A whole number in [0, bound)."""
        return draw_below(bound, draw(self._world_key, "signal", self._number, purpose))

    def between(self, purpose: str, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.below(purpose, high - low + 1)

    def pick(self, purpose: str, *weighted: tuple[int, Any]) -> Any:
        """One of the values, each as often as its weight says."""
        left = self.below(purpose, sum(weight for weight, _ in weighted))
        for weight, value in weighted:
            if left < weight:
                return value
            left -= weight
        raise AssertionError("weights sum to the bound")


def demo_arrivals(
    count: int, world_key: str, config: BookConfig, horizon: Horizon
) -> tuple[tuple[int, Signal], ...]:
    """``count`` signals with the time at which each reaches the book, in that order."""
    week = FxWeek()
    moments = _release_moments(count, horizon)
    ordinary = count - len(moments)
    moments += [
        _ordinary_moment(_Draws(world_key, number), number, ordinary, config, horizon, week)
        for number in range(ordinary)
    ]
    moments.sort()
    arrivals = []
    for number, (at, release) in enumerate(moments):
        draws = _Draws(world_key, 1_000_000 + number)
        symbol = _symbol(draws, at, config, horizon)
        arrivals.append((at, _signal(number, at, symbol, release, draws, config, horizon)))
    return tuple(_with_faults(arrivals, moments, config, horizon))


def _release_moments(count: int, horizon: Horizon) -> list[tuple[int, bool]]:
    covered = horizon.starts_at + NS_PER_S * 600 < RELEASE_AT < horizon.ends_at - NS_PER_S * 600
    several = min(len(_RELEASE_OFFSETS_MS), count // _RELEASE_SHARE) if covered else 0
    return [(RELEASE_AT + ms * NS_PER_MS, True) for ms in _RELEASE_OFFSETS_MS[:several]]


def _ordinary_moment(
    draws: _Draws, number: int, count: int, config: BookConfig, horizon: Horizon, week: FxWeek
) -> tuple[int, bool]:
    """An instant in the signal's own part of the span, inside the session and with fresh quotes;
    the middle of the span where no draw finds one.
    """
    span = horizon.ends_at - horizon.starts_at
    low = horizon.starts_at + min(_WARM_UP_NS, span // 10)
    high = horizon.ends_at - min(_TAIL_NS, span // 10)
    part = (high - low) // count
    best = low + (high - low) // 2
    for placing in range(_PLACINGS_MAX):
        # The later tries look further away than the signal's own part of the span.
        reach = part * (1 + placing // 6)
        at = low + part * number + draws.below(f"at-{placing}", max(1, reach))
        at = min(at, high) // NS_PER_MS * NS_PER_MS
        if not (week.is_open(at) and week.is_open(at + _TAIL_NS)):
            continue
        best = at
        if any(_fresh(horizon.quote(symbol, at), at) for symbol in config.instruments):
            break
    return best, False


def _fresh(quote: Quote | None, at: int) -> bool:
    return quote is not None and at - quote.at <= _QUOTE_AGE_NS_MAX


def _symbol(draws: _Draws, at: int, config: BookConfig, horizon: Horizon) -> str:
    """One of the symbols with a fresh quote; any with a quote where none is fresh."""
    quotes = {symbol: horizon.quote(symbol, at) for symbol in sorted(config.instruments)}
    fresh = [symbol for symbol, quote in quotes.items() if _fresh(quote, at)]
    among = fresh or [symbol for symbol, quote in quotes.items() if quote] or list(quotes)
    return among[draws.below("symbol", len(among))]


def _signal(
    number: int,
    at: int,
    symbol: str,
    release: bool,
    draws: _Draws,
    config: BookConfig,
    horizon: Horizon,
) -> Signal:
    instrument = config.instruments[symbol]
    quote = horizon.quote(symbol, at)
    side = _side(draws, symbol, at, horizon)
    order_type = draws.pick(
        "order_type",
        (95 if release else 70, OrderType.MARKET),
        (0 if release else 14, OrderType.LIMIT),
        (5 if release else 8, OrderType.STOP),
        (0 if release else 8, OrderType.STOP_LIMIT),
    )
    signal = Signal(
        signal_id=f"demo-{number + 1:05d}",
        strategy_id=_STRATEGIES[draws.below("strategy", len(_STRATEGIES))],
        action=Action.OPEN,
        symbol=symbol,
        side=side,
        size=_size(draws, instrument, config),
        generated_at=at - draws.between("generated", 150, 900) * NS_PER_MS,
        valid_until=at + draws.between("valid", 5, 30) * 60 * NS_PER_S,
        confidence=Decimal(draws.between("confidence", 50, 95)).scaleb(-2),
        urgency=draws.pick(
            "urgency",
            (50, Urgency.NORMAL),
            (20, Urgency.HIGH),
            (15, Urgency.LOW),
            (15, Urgency.IMMEDIATE),
        ),
        expected_hold_ns=draws.between("hold", 1, 16) * 1_800 * NS_PER_S,
        accounts=_addressing(draws, config),
    )
    if quote is None:
        # Refused at intake for want of a quote; the distance only completes the form.
        return replace(signal, stop_distance=instrument.pip * 20)
    return _priced(signal, order_type, release, draws, instrument, quote)


def _side(draws: _Draws, symbol: str, at: int, horizon: Horizon) -> Side:
    """With the day's move so far seven times in eight, so that strategies mostly agree."""
    first, last = horizon.quote(symbol, horizon.starts_at), horizon.quote(symbol, at)
    rising = first is None or last is None or last.mid >= first.mid
    return Side.BUY if rising == (draws.below("side", 8) > 0) else Side.SELL


def _size(draws: _Draws, instrument: Instrument, config: BookConfig) -> Size:
    metal = instrument.base_currency in ("XAU", "XAG")
    unit = Decimal(1) if metal else Decimal(1_000)
    mode = draws.pick("size", (45, PerAccount), (33, RiskPercent), (22, Total))
    if mode is PerAccount:
        return PerAccount(quantity=unit * draws.between("quantity", 10, 40))
    if mode is RiskPercent:
        return RiskPercent(percent=Decimal(draws.between("percent", 4, 12)).scaleb(-2))
    split = draws.pick(
        "split",
        (3, Split.EQUAL),
        (3, Split.BY_EQUITY),
        (2, Split.BY_FREE_MARGIN),
        (1, Split.BY_RATIO),
    )
    share = draws.between("total", 12, 30)
    quantity = unit * share * min(8, len(config.accounts))
    if split is not Split.BY_RATIO:
        return Total(quantity=quantity, split=split)
    ratios = {
        account_id: Decimal(draws.between(f"ratio-{place}", 1, 4))
        for place, account_id in enumerate(list(config.accounts)[:12])
    }
    return Total(quantity=quantity, split=split, ratios=ratios)


def _addressing(draws: _Draws, config: BookConfig) -> Addressing:
    accounts = list(config.accounts)
    groups = sorted({account.group for account in config.accounts.values()})
    kind = draws.pick("accounts", (55, "all"), (30, "best"), (8, "group"), (7, "list"))
    if kind == "best":
        return BestAccounts(count=draws.between("best", 4, 8))
    if kind == "group":
        return GroupAccounts(group=groups[draws.below("group", len(groups))])
    if kind == "list":
        first = draws.below("first", max(1, len(accounts) - 5))
        return ListedAccounts(account_ids=tuple(accounts[first : first + 6]))
    return AllAccounts()


def _priced(
    signal: Signal,
    order_type: OrderType,
    release: bool,
    draws: _Draws,
    instrument: Instrument,
    quote: Quote,
) -> Signal:
    """Order, stop and target prices on the tick grid around the quote; distances in 1e-6 of it."""
    sign, tick = signal.side.sign, instrument.tick
    touch = quote.ask if signal.side is Side.BUY else quote.bid

    def away(price: Decimal, ppm: int) -> Decimal:
        """``ppm`` of the price further in the signal's favour (or against it, if negative)."""
        return floor_to_step(price + sign * price * ppm / _PPM, tick)

    limit = stop = None
    entry = touch
    if order_type is OrderType.LIMIT:
        limit = entry = away(touch, -draws.between("limit", 60, 400))
    elif order_type in (OrderType.STOP, OrderType.STOP_LIMIT):
        stop = entry = away(touch, draws.between("trigger", 100, 400))
        if order_type is OrderType.STOP_LIMIT:
            limit = entry = away(stop, draws.between("beyond", 60, 150))
    stop_ppm = draws.between("stop", 1_500, 3_500)
    target_ppm = stop_ppm * draws.between("reward", 10, 25) // 10
    by_distance = draws.below("by_distance", 4) == 0
    slippage_ppm = draws.between("slippage", 40, 120) if release else _slippage(draws)
    pips = touch * slippage_ppm / _PPM / instrument.pip
    immediately = order_type is OrderType.MARKET and draws.below("ioc", 4) == 0
    return replace(
        signal,
        order_type=order_type,
        limit_price=limit,
        stop_price=stop,
        stop_loss=None if by_distance else away(entry, -stop_ppm),
        stop_distance=floor_to_step(entry * stop_ppm / _PPM, tick) if by_distance else None,
        take_profit=None if draws.below("no_target", 4) == 0 else away(entry, target_ppm),
        max_slippage=floor_to_step(pips, Decimal("0.1")) if slippage_ppm else None,
        time_in_force=TimeInForce.IOC if immediately else TimeInForce.DAY,
    )


def _slippage(draws: _Draws) -> int:
    """In 1e-6 of the price; 0 for no limit."""
    kind = draws.pick("slippage_kind", (2, "none"), (6, "loose"), (2, "tight"))
    if kind == "none":
        return 0
    low, high = (300, 900) if kind == "loose" else (40, 120)
    return draws.between("slippage", low, high)


def _with_faults(
    arrivals: list[tuple[int, Signal]],
    moments: list[tuple[int, bool]],
    config: BookConfig,
    horizon: Horizon,
) -> list[tuple[int, Signal]]:
    """One in five signals, at most four, made wrong: each in its own way, never the first."""
    count = len(arrivals)
    wrong = min(len(_FAULTS), count // 5) if count >= 10 else 0
    places = [place for place in range(1, count) if not moments[place][1]]
    for number in range(min(wrong, len(places))):
        place = places[(number + 1) * len(places) // (wrong + 1)]
        at, signal = arrivals[place]
        fault = _FAULTS[number]
        if fault == "duplicate":
            signal = replace(signal, signal_id=arrivals[0][1].signal_id)
        elif fault == "expired":
            past = at - 600 * NS_PER_S
            signal = replace(signal, generated_at=past, valid_until=at - 2 * NS_PER_S)
        elif fault == "unknown_symbol":
            signal = replace(signal, symbol=_UNKNOWN_SYMBOL)
        else:
            signal = _stop_turned(signal, config.instruments[signal.symbol], horizon, at)
        arrivals[place] = (at, signal)
    return arrivals


def _stop_turned(signal: Signal, instrument: Instrument, horizon: Horizon, at: int) -> Signal:
    """The signal with its stop where its target should be."""
    quote = horizon.quote(signal.symbol, at)
    entry = signal.limit_price or signal.stop_price or (quote.mid if quote else instrument.pip)
    beyond = entry + signal.side.sign * entry * 2_000 / _PPM
    return replace(signal, stop_distance=None, stop_loss=floor_to_step(beyond, instrument.tick))
