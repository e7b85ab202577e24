"""What the broker contract needs of a venue under test.

A new venue adds a ``BrokerWorld`` to ``WORLDS``: how to play a scenario against it. The market of
the scenario: EURUSD quoted about 1.3800 every second, an account "A1" of 100,000 USD, lots of
100,000, and no refusals without a cause.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from stretto.brokers.sim_config import SimVenueConfig, frictionless
from tests.unit.brokers.desk import Desk, at_desk, patient


class BrokerWorld(NamedTuple):
    """One venue under the contract."""

    name: str
    config: SimVenueConfig

    def play(self, scenario: Callable[[Desk], Awaitable[None]]) -> Desk:
        """Connect, play, close."""
        return at_desk(scenario, config=self.config)


WORLDS = (
    BrokerWorld("simulated, immediate", frictionless()),
    BrokerWorld("simulated, with latency", patient()),
)
