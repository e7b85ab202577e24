"""Short scenarios in which the process dies at each boundary that it passes, one after the other.

A boundary is an instant at which the process has just done something or is about to: each step of
an append, a write to a venue, a view, a snapshot, a connection, an entry before its effects, a
message received. The next process recovers from the journal and goes on over the same venues, to
the end; the auditor watches all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from stretto.brokers.sim_config import RejectCode, SimVenueConfig
from stretto.brokers.sim_faults import FaultKind
from stretto.config.failure_tables import builtin_table
from stretto.core import events as ev
from stretto.core.terms import intervention as person
from stretto.core.terms.exit_signal import AnySignal, ExitSignal
from stretto.core.terms.killing import KillScope
from stretto.core.terms.policy import BookConfig, CompletionPolicy, Policy
from stretto.core.terms.report import OrderType
from stretto.core.terms.signal import Action, BestAccounts, PerAccount, Urgency
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import NS_PER_MS
from stretto.market.feed import SeriesMarket
from stretto.simulation.drawn import HOURS_MIN, DrawnWorld, draw_world
from stretto.simulation.drawn_market import HOUR_NS
from stretto.simulation.drawn_people import Asked
from stretto.simulation.outcome import Outcome
from stretto.simulation.schedule import Boundary, Crash, DiskFailure, Schedule
from stretto.simulation.stage import perform
from stretto.simulation.stage_ports import Director
from tests.builders import (
    BALANCE,
    INSTRUMENTS,
    START,
    SYMBOLS,
    VENUE,
    S,
    a_config,
    a_signal,
    an_account,
    bars_of,
    returns_like,
)
from tests.unit.market.series_maker import series_of

_SEED, _SEED_ON_DISK = 3, 75
"""Of the stage: nobody flattens the book at the end; the second runs on SQLite."""
OTHER = "other"
FIRST_AT = START + 5 * S


class Scenario(NamedTuple):
    """What happens within ``seconds``; the rest of the hour is for coming to rest. ``holds``: what
    the undisturbed run must have done, so that there is something to disturb.
    """

    config: BookConfig
    arrivals: tuple[tuple[int, AnySignal], ...]
    seconds: int
    holds: Callable[[Outcome], bool]
    venues: tuple[SimVenueConfig, ...]
    requests: tuple[Asked, ...] = ()
    faults: tuple[FaultKind, ...] = ()


class Death(NamedTuple):
    """The process dies at the boundary passed after ``skipped`` others of its kind."""

    boundary: Boundary
    skipped: int


def a_venue(name: str = VENUE, **changes: Any) -> SimVenueConfig:
    usual: dict[str, Any] = {
        "latency_request_ns": (40 * NS_PER_MS, 60 * NS_PER_MS),
        "latency_report_ns": (40 * NS_PER_MS, 60 * NS_PER_MS),
        "depth_lots": Decimal(100),
        "requote_ppm": 0,
        "reject_ppm": {},
        "capabilities": VenueCapabilities(absence_is_proof=True),
    }
    return SimVenueConfig(venue=name, **{**usual, **changes})


def an_exit(action: Action, seconds: int, **changes: Any) -> tuple[int, ExitSignal]:
    at = START + seconds * S
    return at, ExitSignal(
        signal_id=f"s1-{action}",
        strategy_id="strategy",
        action=action,
        refers_to="s1",
        generated_at=at,
        **changes,
    )


def an_entry(**changes: Any) -> tuple[int, AnySignal]:
    return FIRST_AT, a_signal("s1", FIRST_AT, **{"urgency": Urgency.IMMEDIATE, **changes})


_RESTS = {"order_type": OrderType.LIMIT, "limit_price": Decimal("1.0900")}
_SUSPENDS = a_venue(reject_ppm={RejectCode.ACCOUNT_DISABLED: 1_000_000})
_IMPATIENT = Policy(
    completion=CompletionPolicy(wait_ns=4 * S, waits_max=9, age_ns_max=6 * S, illiquid_waits_max=9)
)


def _at_two_venues(policy: Policy | None = None) -> BookConfig:
    """Two accounts, each at a venue of its own."""
    config = a_config([an_account("a0"), an_account("b0", venue=OTHER)], policy=policy)
    return replace(config, failure_tables={name: builtin_table("sim") for name in (VENUE, OTHER)})


def _kill() -> tuple[Asked, ...]:
    action = person.Kill(scope=KillScope.BOOK, name="")
    asked = ev.Intervened(request_id="k", actor="Ada", reason="enough", action=action)
    return ((START + 20 * S, asked),)


SCENARIOS: dict[str, Scenario] = {
    "an order that fills": Scenario(
        a_config(2), (an_entry(),), 40, lambda ran: ran.fills == 2, (a_venue(),)
    ),
    "releases one after another": Scenario(
        a_config(3),
        (an_entry(urgency=Urgency.NORMAL),),
        70,
        lambda ran: ran.fills == 3,
        (a_venue(),),
    ),
    "a part, a cancel, the remainder elsewhere": Scenario(
        _at_two_venues(_IMPATIENT),
        (
            an_entry(
                accounts=BestAccounts(count=1),
                urgency=Urgency.NORMAL,
                size=PerAccount(quantity=Decimal(40_000)),
            ),
        ),
        90,
        lambda ran: ran.orders > 1 and ran.fills > 1,
        (a_venue(depth_lots=Decimal("0.003"), depth_levels=1), a_venue(OTHER)),
    ),
    "a rejection and another account": Scenario(
        _at_two_venues(),
        (an_entry(accounts=BestAccounts(count=1)),),
        60,
        lambda ran: ran.orders == 2 and ran.fills == 1,
        (_SUSPENDS, a_venue(OTHER)),
    ),
    "in doubt": Scenario(
        a_config(1),
        (an_entry(),),
        60,
        lambda ran: ran.fills == 1,
        (a_venue(),),
        faults=(FaultKind.NO_ANSWER,),
    ),
    "a close": Scenario(
        a_config(2),
        (an_entry(), an_exit(Action.CLOSE, 25)),
        60,
        lambda ran: ran.orders == 4,
        (a_venue(),),
    ),
    "a close of what still rests": Scenario(
        a_config(2),
        (an_entry(**_RESTS), an_exit(Action.CLOSE, 25)),
        60,
        lambda ran: ran.orders == 2 and ran.fills == 0,
        (a_venue(deciding_ns=(S, 2 * S)),),
    ),
    "a kill": Scenario(
        a_config(2),
        (an_entry(**_RESTS),),
        60,
        lambda ran: ran.orders == 2 and ran.fills == 0,
        (a_venue(),),
        requests=_kill(),
    ),
    "an amend": Scenario(
        a_config(2),
        (an_entry(), an_exit(Action.AMEND, 25, stop_loss=Decimal("1.0950"))),
        60,
        lambda ran: ran.fills == 2,
        (a_venue(),),
    ),
}


def run(
    name: str,
    *deaths: Death,
    down_ns: int = S,
    disk: tuple[DiskFailure, ...] = (),
    sqlite: bool = False,
) -> Outcome:
    """Play a scenario; the process dies, and its disk fails, as told. With ``sqlite`` on a real
    file, with tables.
    """
    scenario = SCENARIOS[name]
    schedule = Schedule(
        venue_faults=dict.fromkeys(_names(scenario), scenario.faults),
        rate_ppm=1_000_000,
        crashes=tuple(
            Crash(at=START, boundary=death.boundary, skipped=death.skipped, down_ns=down_ns)
            for death in deaths
        ),
        disk=disk,
        yields=False,
    )
    return perform(_SEED_ON_DISK if sqlite else _SEED, 1, world_of(name), schedule)


class Passed(NamedTuple):
    """What the undisturbed process passes: how often each boundary, and when it appends."""

    boundaries: Counter[Boundary]
    appends_at: list[int]


@cache
def passed_by(name: str, *, sqlite: bool = False) -> Passed:
    """The boundaries at which the process of a scenario can be struck."""
    passed = Passed(Counter(), [])
    original = Director.crash

    def counted(self: Director, boundary: Boundary) -> Crash | None:
        if self._clock.now_ns() < self._heals_at:
            passed.boundaries[boundary] += 1
            if boundary is Boundary.APPEND_BEGUN:
                passed.appends_at.append(self._clock.now_ns())
        return original(self, boundary)

    Director.crash = counted  # type: ignore[method-assign]
    try:
        outcome = run(name, sqlite=sqlite)
    finally:
        Director.crash = original  # type: ignore[method-assign]
    assert outcome.broken is None, outcome.broken
    assert SCENARIOS[name].holds(outcome), outcome
    return passed


def deaths_of(name: str, *, sqlite: bool = False) -> list[Death]:
    """Every boundary of a scenario, kind by kind."""
    return [
        Death(boundary, skipped)
        for boundary, count in sorted(passed_by(name, sqlite=sqlite).boundaries.items())
        for skipped in range(count)
    ]


def disk_failures_of(name: str, lasts_ns: int = 0) -> list[DiskFailure]:
    """Every append fails once at each of its steps, or from there on for ``lasts_ns``."""
    return [
        DiskFailure(at=at, boundary=boundary, until=at + lasts_ns)
        for boundary in Boundary
        if boundary.value.startswith("append")
        for at in sorted(set(passed_by(name).appends_at))
    ]


@cache
def world_of(name: str) -> DrawnWorld:
    """The scenario as a world: one price, a quote a second."""
    scenario = SCENARIOS[name]
    heals_at = START + scenario.seconds * S
    ends_at = heals_at + HOUR_NS
    rows = range(START - HOUR_NS, ends_at + HOUR_NS, S)
    touch = {"EURUSD": 110_000, "GBPUSD": 127_000}
    quotes = {
        symbol: series_of(symbol, [(at, touch[symbol], touch[symbol] + 10) for at in rows])
        for symbol in SYMBOLS
    }
    config = scenario.config
    drawn = draw_world(_SEED, HOURS_MIN)  # whatever else a world has
    market = drawn.market._replace(
        starts_at=START,
        heals_at=heals_at,
        ends_at=ends_at,
        instruments=INSTRUMENTS,
        quotes=SeriesMarket(quotes),
        bars={symbol: bars_of(symbol) for symbol in SYMBOLS},
    )
    return drawn._replace(
        config=config,
        market=market,
        venues={venue.venue: venue for venue in scenario.venues},
        balances=dict.fromkeys(config.accounts, BALANCE),
        histories={name: returns_like(name) for name in config.accounts},
        arrivals=scenario.arrivals,
        requests=scenario.requests,
        starts_at=START,
        heals_at=heals_at,
        clears_at=heals_at,
        ends_at=ends_at,
    )


def _names(scenario: Scenario) -> list[str]:
    return [venue.venue for venue in scenario.venues]
