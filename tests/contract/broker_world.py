"""What the broker contract needs of a venue under test.

A new venue adds a ``BrokerWorld`` to ``WORLDS``: how to play a scenario against it. The market of
the scenario: EURUSD quoted about 1.3800 every second, an account "A1" of 100,000 USD, lots of
100,000, and no refusals without a cause.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from stretto.brokers.remote import RemoteVenue
from stretto.brokers.remote_server import Served, VenueServer
from stretto.brokers.remote_wire import Pace
from stretto.brokers.sim import SimVenue
from stretto.brokers.sim_config import SimVenueConfig, frictionless
from stretto.core.values import NS_PER_S
from stretto.runtime.clock import LoopClock
from tests.unit.brokers.desk import START, Desk, at_desk, patient

PACE = Pace(start_ns=START, began_ns=0, speed="1")


@asynccontextmanager
async def over_a_socket(venue: SimVenue, clock: LoopClock) -> AsyncIterator[RemoteVenue]:
    """A connection to the venue over a real socket, with real frames."""
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "venue.sock")
        served = Served(venue=venue, address=address, fingerprint="f", heartbeat_ns=NS_PER_S)
        server = VenueServer({venue.venue: served}, clock, lambda: PACE)
        await server.open()
        broker = RemoteVenue(venue.venue, address, clock, "f", venue.capabilities, PACE)
        try:
            yield broker
        finally:
            await broker.close()
            await server.close()


class BrokerWorld(NamedTuple):
    """One venue under the contract."""

    name: str
    config: SimVenueConfig
    is_remote: bool = False

    def play(self, scenario: Callable[[Desk], Awaitable[None]]) -> Desk:
        """Connect, play, close."""
        wire = over_a_socket if self.is_remote else None
        return at_desk(scenario, config=self.config, wire=wire)


WORLDS = (
    BrokerWorld("simulated, immediate", frictionless()),
    BrokerWorld("simulated, with latency", patient()),
    BrokerWorld("in another process, immediate", frictionless(), is_remote=True),
    BrokerWorld("in another process, with latency", patient(), is_remote=True),
)
