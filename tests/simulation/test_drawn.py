"""The worlds that seeds draw: the same for the same seed, together all there is to draw."""

from __future__ import annotations

from functools import cache

from stretto.core.terms.account import PositionMode
from stretto.core.terms.intervention import name_of
from stretto.core.terms.report import OrderType, TimeInForce
from stretto.core.terms.signal import Action, Signal, Urgency
from stretto.simulation.drawn import DrawnWorld, draw_world
from stretto.simulation.drawn_market import DAYS, HOUR_NS
from stretto.simulation.draws import Draws
from stretto.simulation.schedule import (
    Boundary,
    Schedule,
    Span,
    draw_schedule,
    faults_named,
)

SEEDS = range(1, 61)


@cache
def worlds() -> list[DrawnWorld]:
    return [draw_world(seed, 24) for seed in SEEDS]


def schedule_of(seed: int, world: DrawnWorld) -> Schedule:
    span = Span(world.starts_at, world.heals_at, [at for at, _ in world.arrivals])
    return draw_schedule(Draws(str(seed)), world.venues, faults_named(["all"]), span)


@cache
def schedules() -> list[Schedule]:
    return [schedule_of(seed, world) for seed, world in zip(SEEDS, worlds(), strict=True)]


def test_the_same_seed_draws_the_same_world_and_schedule() -> None:
    again = draw_world(SEEDS[0], 24)
    for name in DrawnWorld._fields:
        if name != "market":  # whose arrays are compared by the journal hashes
            assert getattr(again, name) == getattr(worlds()[0], name)
    assert schedule_of(SEEDS[0], again) == schedules()[0]


def test_every_day_and_both_ends_of_every_world_are_drawn() -> None:
    assert {world.market.day for world in worlds()} == set(DAYS)
    assert {len(world.venues) for world in worlds()} == {1, 2, 3}
    assert {len(world.config.accounts) for world in worlds()} == set(range(2, 9))
    for world in worlds():
        assert world.starts_at < world.heals_at <= world.clears_at == world.ends_at - HOUR_NS
        assert all(world.starts_at <= at < world.ends_at for at, _ in world.arrivals)
        assert all(at < world.heals_at for at, _ in world.requests)


def test_every_kind_of_signal_exit_and_request_is_drawn() -> None:
    sent = [signal for world in worlds() for _, signal in world.arrivals]
    entries = [signal for signal in sent if isinstance(signal, Signal)]
    assert {signal.action for signal in sent} == set(Action)
    assert {signal.order_type for signal in entries} == set(OrderType)
    assert {signal.time_in_force for signal in entries} == set(TimeInForce)
    assert {signal.urgency for signal in entries} == set(Urgency)
    assert len({type(signal.size) for signal in entries}) == 3
    asked = {name_of(item.action) for world in worlds() for _, item in world.requests}
    assert len(asked) >= 14


def test_every_capability_is_there_and_missing() -> None:
    venues = [venue for world in worlds() for venue in world.venues.values()]
    for name in ("absence_is_proof", "attached_stops", "replaces_orders", "amends_protection"):
        assert {getattr(venue.capabilities, name) for venue in venues} == {True, False}
    accounts = [account for world in worlds() for account in world.config.accounts.values()]
    assert {account.position_mode for account in accounts} == set(PositionMode)


def test_every_fault_of_the_process_is_drawn_before_everything_heals() -> None:
    assert {c.boundary for s in schedules() for c in s.crashes} == set(Boundary)
    for world, schedule in zip(worlds(), schedules(), strict=True):
        assert all(change.at <= world.heals_at for change in schedule.clock)
    for name in ("crashes", "disk", "clock", "pauses", "takeovers"):
        counts = [len(getattr(schedule, name)) for schedule in schedules()]
        assert min(counts) == 0 < max(counts)
    calm = [s for s in schedules() if not any(s.venue_faults.values()) and not s.crashes]
    assert calm, "what happens without faults must be seen as well"
