"""From what a session was started with to the scenario that ``bootstrap`` plays.

The same arguments give the same scenario on every machine: no path, name of a file or time of the
wall goes into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from stretto.bootstrap import Elsewhere, Scenario
from stretto.brokers.sim import sim_accounts
from stretto.brokers.sim_config import SimVenueConfig
from stretto.brokers.sim_faults import FaultPlan, kinds_named
from stretto.config import EcbMarket, Settings, read_placed_signals
from stretto.core.errors import InvalidInput
from stretto.core.terms.exit_signal import AnySignal
from stretto.core.terms.policy import BookConfig
from stretto.core.values import NS_PER_S, digest
from stretto.market import FxWeek
from stretto.sessions.markets import (
    DEMO_DAY,
    DEMO_SYMBOLS,
    SessionMarket,
    drawn_market,
    recorded_market,
)
from stretto.sessions.places import SignalPlaces
from stretto.sessions.started import DemoArguments, RunArguments, StartedWith
from stretto.simulation.world import DemoWorld, demo_world

STANDARD_INPUT = "-"
_HEALED_NS_MAX = 1_800 * NS_PER_S
"""How long before the end of the quotes no fault is left; a quarter of them where they are few."""
_AFTER_DAY_END_NS = 60 * NS_PER_S
"""A demo ends so long after the venue's trading day, with which its day orders expire."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A scenario and what it is made of, for whoever describes it. ``places``: where its signals
    stood; ``repeated``: id, place and first place of each that stood there before, as it is.
    """

    scenario: Scenario
    market: SessionMarket
    places: SignalPlaces = field(default_factory=SignalPlaces)
    repeated: tuple[tuple[str, str, str], ...] = ()


def prepare(started: StartedWith) -> Prepared:
    """The scenario of a demo or of a configured book. Raises InvalidInput."""
    if isinstance(started, DemoArguments):
        return _of_demo(started)
    return of_settings(started)


def of_settings(started: RunArguments) -> Prepared:
    """The scenario of a configured book; ``signals`` is read unless it is standard input."""
    settings = started.settings
    session = market_of(settings)
    start = settings.market.start
    places = SignalPlaces()
    arrivals, repeated = _arrivals(started, places)
    return Prepared(
        scenario=Scenario(
            config=settings.book,
            market=session.market,
            venues=_venues({name: venue.options for name, venue in settings.venues.items()}),
            balances={
                name: account.initial_balance for name, account in settings.book.accounts.items()
            },
            arrivals=arrivals,
            starts_at=session.market.starts_at if start is None else start,
            ends_at=started.until,
            seed=_seed(settings),
            bars=session.bars,
            elsewhere=_elsewhere(settings),
        ),
        market=session,
        places=places,
        repeated=repeated,
    )


def market_of(settings: Settings) -> SessionMarket:
    """The market that a configuration names, reduced to the book's instruments."""
    market = settings.market
    if isinstance(market, EcbMarket):
        symbols = sorted(settings.book.instruments)
        return drawn_market(symbols, date.fromisoformat(market.day), market.seed, market.days)
    return recorded_market(market.quotes, market.daily)


def book_id_of(started: StartedWith) -> str:
    """The book that a session runs."""
    return "demo" if isinstance(started, DemoArguments) else started.settings.book.book_id


def _of_demo(arguments: DemoArguments) -> Prepared:
    if arguments.quotes:
        session = recorded_market(arguments.quotes, arguments.bars)
    elif arguments.bars:
        raise InvalidInput("--bars", "there are no quotes to go with them", "--quotes as well")
    else:
        session = drawn_market(DEMO_SYMBOLS, DEMO_DAY, arguments.seed)
    market = session.market
    if not market.starts_at < market.ends_at:
        raise InvalidInput(
            "--quotes",
            "there is no span of time in which every symbol has quotes",
            "files that overlap in time, with more than one quote",
        )
    world = demo_world(
        accounts=arguments.accounts,
        signals=arguments.signals,
        seed=arguments.seed,
        symbols=session.symbols,
        bars=session.bars,
        starts_at=market.starts_at,
        ends_at=market.ends_at,
        quote=market.quote,
    )
    return Prepared(
        scenario=Scenario(
            config=_with_day_start(world, market.starts_at),
            market=market,
            venues=_venues(world.venues),
            balances={name: opening.balance for name, opening in world.opening.items()},
            arrivals=world.arrivals,
            starts_at=market.starts_at,
            ends_at=FxWeek().day_end(market.ends_at) + _AFTER_DAY_END_NS,
            seed=arguments.seed,
            bars=session.bars,
            histories=world.histories,
            faults=_faults(arguments, market.starts_at, market.ends_at),
        ),
        market=session,
    )


def _faults(arguments: DemoArguments, starts_at: int, ends_at: int) -> FaultPlan | None:
    """What goes wrong at the demo's venues, healed early enough for every order to come to an end.
    Raises InvalidInput for a name that is none.
    """
    kinds = kinds_named(arguments.faults)
    if not kinds:
        return None
    return FaultPlan(
        kinds=kinds, heals_at=ends_at - min(_HEALED_NS_MAX, (ends_at - starts_at) // 4)
    )


def _with_day_start(world: DemoWorld, at_ns: int) -> BookConfig:
    """The world's accounts were flat before it began: so their first day started."""
    accounts = {
        name: replace(account, day_start_balance=world.opening[name].balance, day_start_at=at_ns)
        for name, account in world.config.accounts.items()
    }
    return replace(world.config, accounts=accounts)


def _venues(options: Mapping[str, dict[str, Any]]) -> dict[str, SimVenueConfig]:
    return {
        name: msgspec.convert({**values, "venue": name}, SimVenueConfig)
        for name, values in sorted(options.items())
    }


def _seed(settings: Settings) -> int:
    """One seed that every venue's own seed goes into; each venue's draws carry its name besides."""
    parts = [f"{name}={venue.seed}" for name, venue in sorted(settings.venues.items())]
    return int.from_bytes(digest("venues", *parts)[:8], "big")


def _elsewhere(settings: Settings) -> dict[str, Elsewhere]:
    """The venues with an address, each with a digest of all that its books follow from."""
    book = settings.book
    balances = {name: account.initial_balance for name, account in book.accounts.items()}
    found = {}
    for name, venue in sorted(settings.venues.items()):
        if venue.address:
            accounts = sim_accounts(book.accounts.values(), name, balances)
            known = (venue, accounts, book.instruments, settings.market, _seed(settings))
            print_of = digest("venue", msgspec.json.encode(known, order="sorted").hex()).hex()
            found[name] = Elsewhere(address=venue.address, fingerprint=print_of)
    return found


def _arrivals(
    started: RunArguments, places: SignalPlaces
) -> tuple[list[tuple[int, AnySignal]], tuple[tuple[str, str, str], ...]]:
    if started.signals in ("", STANDARD_INPUT):
        return [], ()
    until = started.until
    arrivals, repeated = [], []
    for place, signal in read_placed_signals(Path(started.signals)):
        if until is not None and signal.generated_at >= until:
            continue
        arrivals.append((signal.generated_at, signal))
        first = places.note(signal, place)
        if first:
            repeated.append((signal.signal_id, place, first))
    return sorted(arrivals, key=itemgetter(0)), tuple(repeated)
