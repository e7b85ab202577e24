"""The venues of a seed: simulated ones, with the faults that its schedule gives each.

Knows nothing of the processes that connect to them.
"""

from __future__ import annotations

from stretto.bootstrap import calendars_of
from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.brokers.sim_faults import FaultPlan
from stretto.market.calendars import VenueHours
from stretto.ports import Clock
from stretto.simulation.drawn import DrawnWorld
from stretto.simulation.schedule import Schedule


def venue_of(name: str, world: DrawnWorld, schedule: Schedule, seed: int, clock: Clock) -> SimVenue:
    """A venue of the world, with its accounts and its faults."""
    config = world.config
    return SimVenue(
        world.venues[name],
        clock,
        world.market.quotes,
        VenueHours(calendars_of(config), name, config.instruments),
        config.instruments,
        sim_accounts(config.accounts.values(), name, world.balances),
        seed,
        None,
        FaultPlan(
            kinds=schedule.venue_faults.get(name, ()),
            rate_ppm=schedule.rate_ppm,
            heals_at=world.heals_at,
        ),
    )
