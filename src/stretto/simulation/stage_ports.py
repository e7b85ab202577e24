"""The ports of a simulated process: clock, disk and venues as the schedule lets it have them.

Every call is a boundary at which the process may give way, stand still, fail or die; once it has
died, nothing it still does reaches the world. Knows the schedule, nothing of the domain.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from stretto.brokers.sim import SimVenue
from stretto.core.errors import BrokerUnreachable, check
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.market import Reads
from stretto.core.terms.report import ExecutionReport
from stretto.core.terms.venue import MassStatus, VenueCapabilities
from stretto.core.values import NS_PER_MS, NS_PER_S
from stretto.journal.steps import AppendStep
from stretto.market.feed import SeriesMarket
from stretto.ports import (
    CancelOrder,
    Command,
    NotSent,
    QueryOrder,
    SendOutcome,
    VenueMessage,
)
from stretto.simulation.draws import Draws
from stretto.simulation.schedule import (
    MEETS_NS,
    Boundary,
    Crash,
    DiskFailure,
    Pause,
    Schedule,
    Struck,
    Takeover,
)
from stretto.simulation.stage_time import MachineClock, StageLoop, TrueClock, at_once

_STEPS = {
    AppendStep.BEGUN: Boundary.APPEND_BEGUN,
    AppendStep.WRITTEN: Boundary.APPEND_WRITTEN,
    AppendStep.PROJECTED: Boundary.APPEND_PROJECTED,
    AppendStep.COMMITTED: Boundary.APPEND_COMMITTED,
}


class ProcessDied(BaseException):
    """The simulated process is dead, and with it everything it had in memory."""


class Director:
    """The schedule of a seed as it is carried out, over all processes. ``shows``: whether the book
    has an order in a state.
    """

    def __init__(self, schedule: Schedule, clock: TrueClock, heals_at: int, seed: Draws) -> None:
        self.occurred: list[Struck] = []
        self.shows: Callable[[str], bool] = lambda _: True
        self._clock = clock
        self._heals_at = heals_at
        self._yields = schedule.yields
        self._crashes = {crash: crash.skipped for crash in schedule.crashes}
        self._disk = dict.fromkeys(schedule.disk)
        self._pauses = list(schedule.pauses)
        self._takeovers = list(schedule.takeovers)
        self._draws = seed.within("yields")
        self._calls = 0

    def _is_time(self, planned: Crash | DiskFailure | Pause | Takeover, now: int) -> bool:
        """What is planned strikes now: it does not wait for an order in a state any more."""
        if planned.at > now:
            return False
        return not planned.meets or now >= planned.at + MEETS_NS or self.shows(planned.meets)

    def pause(self) -> int:
        """How long the process stands still now, ns."""
        if not self._pauses:
            return 0
        now = self._clock.now_ns()
        if now >= self._heals_at or not self._is_time(self._pauses[0], now):
            return 0
        self.occurred.append(Struck(now, "pause"))
        return self._pauses.pop(0).length_ns

    def crash(self, boundary: Boundary) -> Crash | None:
        """What the process dies of at this boundary, now."""
        if not self._crashes:
            return None
        now = self._clock.now_ns()
        if now >= self._heals_at:
            return None
        for crash, left in self._crashes.items():
            if crash.boundary is boundary and self._is_time(crash, now):
                if left:
                    self._crashes[crash] = left - 1
                    continue
                del self._crashes[crash]
                self.occurred.append(Struck(now, f"crash {boundary.value}"))
                return crash
        return None

    def takeover(self) -> Takeover | None:
        """Who takes the book over from a process that stands still from now on."""
        if not self._takeovers:
            return None
        now = self._clock.now_ns()
        if now >= self._heals_at or not self._is_time(self._takeovers[0], now):
            return None
        self.occurred.append(Struck(now, "takeover"))
        return self._takeovers.pop(0)

    def check_disk(self, boundary: Boundary) -> None:
        """Raises OSError where the disk fails at this step of an append, now."""
        now = self._clock.now_ns()
        if now >= self._heals_at:
            return
        for failure in self._disk:
            if failure.boundary is boundary and self._is_time(failure, now):
                if now >= failure.until:
                    del self._disk[failure]
                self.occurred.append(Struck(now, f"disk {boundary.value}"))
                raise OSError(errno.ENOSPC, "simulated: no space left on device")

    def wait(self) -> tuple[int, int]:
        """How a port's call gives way: so many turns of the loop, and then so many ns."""
        if not self._yields:
            return 0, 0
        self._calls += 1
        drawn = self._draws.below(str(self._calls), 1_000)
        if drawn < 300:
            return 1 + drawn % 3, 0
        if drawn < 400:
            return 0, (drawn % 100 + 1) ** 2 * NS_PER_MS // 10
        return 0, (drawn - 399) * 700 * NS_PER_MS if drawn < 404 else 0


class Process:
    """One life: whether it still is one, and what becomes of it at each boundary."""

    def __init__(self, director: Director, loop: StageLoop) -> None:
        self.loop = loop
        self.dead = False
        self.died_of: Crash | None = None
        self.stands_still = False
        self.overtaken_by: Takeover | None = None
        self._director = director
        self._frozen: list[asyncio.Future[None]] = []

    def end(self) -> None:
        """The process is over, in whatever way: nothing of it runs from here on."""
        self.dead = True
        if self.loop.is_running():
            self.loop.stop()

    def passes(self, boundary: Boundary) -> None:
        """The process is at a boundary: it may stand still here, or die. Raises ProcessDied."""
        if self.dead or self.is_struck(boundary):
            raise ProcessDied

    def is_struck(self, boundary: Boundary) -> bool:
        """True where the process died at this boundary, now."""
        if self.overtaken_by is not None:
            return False
        self.loop.stall(self._director.pause())
        crash = self._director.crash(boundary)
        if crash is None:
            return False
        self.died_of = crash
        self.end()
        return True

    def append_step(self, step: AppendStep) -> None:
        """The observer of the journal: an append may fail here, or the process die."""
        boundary = _STEPS[step]
        self.passes(boundary)
        self._director.check_disk(boundary)

    async def gives_way(self, boundary: Boundary) -> None:
        """Let others run, mostly not at all, at times for long; then see that one is alive."""
        self.passes(boundary)
        turns, length_ns = self._director.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        if length_ns:
            await asyncio.sleep(length_ns / NS_PER_S)
        if not self.dead and self.overtaken_by is None:
            self.overtaken_by = self._director.takeover()
            self.stands_still = self.overtaken_by is not None
        if self.stands_still:
            self.loop.stop()
            self._frozen.append(self.loop.create_future())
            await self._frozen[-1]
        if self.dead:
            raise ProcessDied

    def wake(self) -> None:
        """The process goes on where it stood still, and does not know for how long."""
        self.stands_still = False
        for each in self._frozen:
            if not each.done():
                each.set_result(None)


class Line:
    """A venue over all processes: who is connected, and what nobody heard."""

    def __init__(self, venue: SimVenue) -> None:
        self.venue = venue
        self.holder: StageBroker | None = None
        self.unheard: list[VenueMessage] = []

    def close(self) -> None:
        """The connection is gone, whoever held it."""
        self.holder = None
        at_once(self.venue.close())

    def forget(self) -> None:
        """What was said is lost, but for fills that the venue made of its own accord: nobody can
        ask about those by an order's id, so that every venue repeats them.
        """
        self.unheard = [m for m in self.unheard if _by_itself(m)]


class StageBroker:
    """One venue as one process reaches it. ``sending`` and ``said`` are told what really leaves and
    arrives; what is said to a dead process is kept on the line.
    """

    def __init__(
        self,
        line: Line,
        process: Process,
        clock: MachineClock,
        sending: Callable[[Command, int, Process], None],
        said: Callable[[str, VenueMessage, int], None],
    ) -> None:
        self._line = line
        self._inner = line.venue
        self._process = process
        self._clock = clock
        self._sending = sending
        self._said = said
        self._sink: Callable[[VenueMessage], None] | None = None

    @property
    def venue(self) -> str:
        """Name of the venue."""
        return self._inner.venue

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the venue declares of itself."""
        return self._inner.capabilities

    async def connect(self, sink: Callable[[VenueMessage], None]) -> None:
        """Connect; what nobody heard is said first."""
        await self._process.gives_way(Boundary.CONNECT)
        if self._process.overtaken_by is not None:
            raise BrokerUnreachable(f"{self.venue}: another process is connected")
        self._sink = sink
        self._line.holder = self
        await self._inner.connect(self._receive)
        unheard, self._line.unheard = self._line.unheard, []
        for message in unheard:
            self._receive(message)

    async def send(self, command: Command) -> SendOutcome:
        """Write one command; it leaves in the instant in which ``sending`` is told."""
        await self._process.gives_way(Boundary.SEND_BEFORE)
        at_ns = self._clock.now_ns()
        outcome: SendOutcome | None = None
        try:
            outcome = await self._inner.send(_by_venue_time(command, self._clock.offset_ns))
        finally:
            if not isinstance(outcome, NotSent):
                self._sending(command, at_ns, self._process)
        await self._process.gives_way(Boundary.SEND_AFTER)
        return outcome

    async def snapshot(self, account_id: str) -> AccountSnapshot:
        """Balance, equity and used margin of one account."""
        await self._process.gives_way(Boundary.SNAPSHOT_BEFORE)
        found = await self._inner.snapshot(account_id)
        await self._process.gives_way(Boundary.SNAPSHOT_AFTER)
        return found

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        """The complete view of one account."""
        await self._process.gives_way(Boundary.VIEW_BEFORE)
        found = await self._inner.mass_status(account_id, since_ns, after)
        await self._process.gives_way(Boundary.VIEW_AFTER)
        return found

    def heartbeat_at(self) -> int:
        """When the venue's last sign of life came, by the process's clock."""
        return self._inner.heartbeat_at() + self._clock.offset_ns

    async def close(self) -> None:
        """Close the connection, where this process still holds it."""
        if self._line.holder is self and not self._process.dead:
            self._line.close()

    def _receive(self, message: VenueMessage) -> None:
        process = self._process
        if process.dead or process.is_struck(Boundary.RECEIVED) or self._sink is None:
            self._line.unheard.append(message)
            return
        self._said(self.venue, message, self._clock.now_ns())
        if not process.dead:
            self._sink(message)


class StageMarket:
    """The market's last word by the venues' time, whatever the machine's clock says."""

    def __init__(self, quotes: SeriesMarket, clock: TrueClock) -> None:
        self._quotes = quotes
        self._clock = clock

    def reads(self, symbols: Sequence[str], at_ns: int) -> Reads:
        """Quotes and statistics known now; ``at_ns`` is the process's own time."""
        check(at_ns > 0, "a read is at some time")
        return self._quotes.reads(symbols, self._clock.now_ns())


def _by_itself(message: VenueMessage) -> bool:
    return isinstance(message, ExecutionReport) and not message.client_order_id


def _by_venue_time(command: Command, offset_ns: int) -> Command:
    """The command as the connection checks it, which here keeps the venues' time."""
    if not offset_ns or isinstance(command, CancelOrder | QueryOrder):
        return command
    return replace(command, send_before=command.send_before - offset_ns)
