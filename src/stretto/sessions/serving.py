"""Serves the simulated venues of a configuration to books in other processes, until stopped.

Knows no journal and no book: a venue has only what it was sent.
"""

from __future__ import annotations

import asyncio
import signal as system_signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from stretto.bootstrap import Elsewhere, Scenario, venues_of
from stretto.brokers.remote_server import Served, VenueServer
from stretto.brokers.remote_wire import AskDump, Dumped, Pace, ask_once
from stretto.brokers.sim_memory import CommandLog
from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.runtime.clock import LoopClock, PacedLoop

Dumps = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class ServedUntil:
    """How serving ended: the venues' own books, how many commands they took, their time, ns UTC."""

    dumps: Dumps
    commands: int
    at: int


def serve(
    source: str,
    scenario: Scenario,
    speed: Decimal,
    on_ready: Callable[[], None],
    commands: Path | None = None,
) -> ServedUntil:
    """Serve every venue that has an address until SIGINT or SIGTERM; ``on_ready`` is called once
    all of them listen. Their time begins with the first book. ``commands`` is a new file that each
    command is written to as it arrives. Raises InvalidInput.
    """
    _elsewhere(source, scenario)
    loop = PacedLoop(scenario.starts_at, speed)
    clock = LoopClock(loop)
    log = None if commands is None else CommandLog(commands)
    venues = venues_of(scenario, clock, names=tuple(scenario.elsewhere), log=log)
    served = {
        name: Served(
            venue=venue,
            address=scenario.elsewhere[name].address,
            fingerprint=scenario.elsewhere[name].fingerprint,
            heartbeat_ns=scenario.venues[name].heartbeat_ns,
        )
        for name, venue in venues.items()
    }

    def begin() -> Pace:
        loop.begin()
        return Pace(start_ns=loop.start_ns, began_ns=loop.began_ns, speed=str(speed))

    server = VenueServer(served, clock, begin)
    try:
        loop.run_until_complete(_until_stopped(server, loop, on_ready))
        return ServedUntil(dumps=server.dumps(), commands=server.commands, at=clock.now_ns())
    finally:
        loop.close()


def dumps_of(source: str, scenario: Scenario) -> Dumps:
    """The own books of every venue with an address, asked of the processes that serve them. Raises
    BrokerUnreachable, InvalidInput.
    """
    elsewhere = _elsewhere(source, scenario)
    found: dict[str, Mapping[str, Any]] = {}
    for address in sorted({each.address for each in elsewhere.values()}):
        answer = ask_once(address, AskDump())
        if not isinstance(answer, Dumped):
            raise BrokerUnreachable(f"{address}: no answer of a venue")
        found.update(answer.venues)
    return found


def _elsewhere(source: str, scenario: Scenario) -> Mapping[str, Elsewhere]:
    if not scenario.elsewhere:
        raise InvalidInput(
            source, "no venue has an address", 'address = "PATH" in [venues.NAME] of those to serve'
        )
    return scenario.elsewhere


async def _until_stopped(
    server: VenueServer, loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]
) -> None:
    stopped: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not stopped.done():
            stopped.set_result(None)

    for number in (system_signal.SIGINT, system_signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await server.open()
        on_ready()
        await stopped
    finally:
        await server.close()
