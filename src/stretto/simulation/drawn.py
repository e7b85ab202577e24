"""The small world of a seed: book, market, venues, signals, and what people ask.

The same seed and length make the same world, on any machine, and nothing in it depends on what
goes wrong. Knows nothing of faults or of what runs the book.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from stretto.brokers.sim_config import SimVenueConfig
from stretto.core.terms.account import BarReturn
from stretto.core.terms.exit_signal import AnySignal, ExitSignal
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.report import OrderType, TimeInForce
from stretto.core.terms.signal import Action, PerAccount, Share, Signal, Urgency
from stretto.core.values import NS_PER_S, floor_to_step
from stretto.market.feed import SeriesMarket
from stretto.simulation.drawn_book import (
    draw_balances,
    draw_config,
    draw_histories,
    draw_venues,
)
from stretto.simulation.drawn_market import HEALING_NS, HOUR_NS, DrawnMarket, draw_market
from stretto.simulation.drawn_people import Asked, draw_people
from stretto.simulation.draws import Draws
from stretto.simulation.world_signals import Horizon, demo_arrivals

HOURS_MIN, HOURS_MAX = 2, 120
_EXIT_KINDS = (Action.CLOSE, Action.CLOSE, Action.REDUCE, Action.AMEND)


class DrawnWorld(NamedTuple):
    """``arrivals``: when each signal reaches the book (ns UTC), in that order; ``requests`` of
    people likewise. Until ``heals_at`` things go wrong, at ``clears_at`` people begin to clear up,
    at ``ends_at`` everything is at rest.
    """

    config: BookConfig
    market: DrawnMarket
    venues: Mapping[str, SimVenueConfig]
    balances: Mapping[str, Decimal]
    histories: Mapping[str, tuple[BarReturn, ...]]
    arrivals: Sequence[tuple[int, AnySignal]]
    requests: Sequence[Asked]
    starts_at: int
    heals_at: int
    clears_at: int
    ends_at: int


def draw_world(seed: int, hours: int) -> DrawnWorld:
    """The world of ``seed``; in the last of its ``hours`` nothing new happens."""
    draws = Draws(str(seed))
    market = draw_market(draws, hours * HOUR_NS)
    config = draw_config(draws, market.instruments, market.day.zone)
    heals_at = market.heals_at
    arrivals = _arrivals(draws, config, market, heals_at)
    return DrawnWorld(
        config=config,
        market=market,
        venues=draw_venues(draws, config),
        balances=draw_balances(draws, config),
        histories=draw_histories(draws, config, market.days_before[1:]),
        arrivals=arrivals,
        requests=draw_people(draws, config, arrivals, heals_at),
        starts_at=market.starts_at,
        heals_at=heals_at,
        clears_at=market.ends_at - HEALING_NS,
        ends_at=market.ends_at,
    )


def _arrivals(
    seed: Draws, config: BookConfig, market: DrawnMarket, until: int
) -> tuple[tuple[int, AnySignal], ...]:
    draws = seed.within("signals")
    hours = max(1, (until - market.starts_at) // HOUR_NS)
    count = min(draws.pick("count", (2, 8), (3, 16), (2, 30)), 2 + 2 * hours)
    horizon = Horizon(starts_at=market.starts_at, ends_at=until, quote=market.quotes.quote)
    key = str(draws.below("key", 1 << 63))
    found: list[tuple[int, AnySignal]] = []
    burst_at = None
    for place, (at, signal) in enumerate(demo_arrivals(count, key, config, horizon)):
        own = draws.within(str(place))
        # Bar-close signals cluster: some come at the very instant of another.
        if burst_at is not None and own.chance("burst", 15):
            earlier = at - burst_at
            signal = replace(  # noqa: PLW2901
                signal,
                generated_at=signal.generated_at - earlier,
                valid_until=signal.valid_until - earlier,
            )
            at = burst_at  # noqa: PLW2901
        burst_at = at
        changed = _changed(own, signal, at)
        found.append((at, changed))
        found += [
            (when, each) for when, each in _exits(own, changed, at, market.quotes) if when < until
        ]
        if own.chance("again", 4):
            found.append((at + own.spread("again after", 1, 600) * NS_PER_S, changed))
    return tuple(sorted(found, key=lambda each: each[0]))


def _changed(draws: Draws, signal: Signal, at: int) -> Signal:
    """The signal with a time in force and a validity of every kind."""
    if signal.order_type is OrderType.MARKET:
        times = ((5, signal.time_in_force), (1, TimeInForce.FOK), (1, TimeInForce.GTC))
    else:
        times = ((4, TimeInForce.DAY), (2, TimeInForce.GTC), (1, TimeInForce.IOC))
    changed = replace(signal, time_in_force=draws.pick("time in force", *times))
    if draws.chance("short", 8):
        changed = replace(changed, valid_until=at + draws.between("valid", 1, 40) * NS_PER_S)
    if draws.chance("high", 10):
        changed = replace(changed, urgency=Urgency.HIGH)
    return changed


def _exits(
    seed: Draws, signal: Signal, at: int, quotes: SeriesMarket
) -> list[tuple[int, ExitSignal]]:
    """Up to three exits of what the signal opens, some before anything of it can be filled."""
    count = seed.pick("exits", (6, 0), (4, 1), (2, 2), (1, 3))
    found = []
    for number in range(count):
        draws = seed.within("exit", str(number))
        when = at + draws.spread("after", 1, 7_200) * NS_PER_S
        action = _EXIT_KINDS[draws.below("action", len(_EXIT_KINDS))]
        basis = ExitSignal(
            signal_id=f"{signal.signal_id}-exit-{number + 1}",
            strategy_id=signal.strategy_id,
            action=action,
            refers_to=signal.signal_id,
            generated_at=when - NS_PER_S // 5,
        )
        if action is Action.REDUCE:
            share = Share(fraction=draws.pick("share", (2, _HALF), (1, _THIRD), (1, Decimal(1))))
            units = PerAccount(quantity=Decimal(1_000 * draws.between("units", 1, 15)))
            size = draws.pick("mode", (2, share), (1, units))
            basis = replace(basis, size=size)
        elif action is Action.AMEND:
            basis = _amend(draws, basis, signal, when, quotes)
        found.append((when, basis))
    return found


def _amend(
    draws: Draws, basis: ExitSignal, signal: Signal, at: int, quotes: SeriesMarket
) -> ExitSignal:
    """New levels around the quote, at times on its wrong side; in part a new limit price."""
    quote = quotes.quote(signal.symbol, at)
    if quote is None:
        return replace(basis, stop_loss=Decimal(1))

    def away(purpose: str, least: int, most: int) -> Decimal:
        ppm = signal.side.sign * draws.between(purpose, least, most)
        return floor_to_step(quote.mid + quote.mid * ppm / 1_000_000, Decimal("0.001"))

    which = draws.pick("levels", (3, "stop"), (2, "both"), (2, "target"), (1, "limit"))
    stop = away("stop", -6_000, 200) if which in ("stop", "both") else None
    target = away("target", -200, 9_000) if which in ("target", "both") else None
    limit = away("limit", -900, 100) if which == "limit" else None
    return replace(basis, stop_loss=stop, take_profit=target, limit_price=limit)


_HALF, _THIRD = Decimal("0.5"), Decimal("0.3")
