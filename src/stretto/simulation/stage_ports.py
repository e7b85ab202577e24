"""The ports of a simulated process: clock, disk and venues as the schedule lets it have them.

Every call is a boundary at which the process may give way, stand still, fail or die; once it has
died, nothing it still does reaches the world. Knows the schedule, nothing of the domain.
"""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from stretto.brokers.sim import SimVenue
from stretto.core.account import AccountSnapshot
from stretto.core.errors import check
from stretto.core.market import Reads
from stretto.core.report import ExecutionReport
from stretto.core.values import NS_PER_MS, NS_PER_S
from stretto.core.venue import MassStatus, VenueCapabilities
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
from stretto.simulation.schedule import Boundary, Crash, Schedule
from stretto.simulation.stage_time import MachineClock, StageLoop, TrueClock

_STEPS = {
    AppendStep.BEGUN: Boundary.APPEND_BEGUN,
    AppendStep.WRITTEN: Boundary.APPEND_WRITTEN,
    AppendStep.PROJECTED: Boundary.APPEND_PROJECTED,
    AppendStep.COMMITTED: Boundary.APPEND_COMMITTED,
}


class ProcessDied(BaseException):
    """The simulated process is dead, and with it everything it had in memory."""


class Director:
    """Carries out the schedule at the boundaries that the living process passes."""

    def __init__(self, schedule: Schedule, clock: TrueClock, heals_at: int, seed: Draws) -> None:
        self.occurred: list[tuple[int, str]] = []
        self.yielded: Counter[str] = Counter()
        self.dead = False
        self.died_of: Crash | None = None
        self.loop: StageLoop | None = None
        self._clock = clock
        self._heals_at = heals_at
        self._schedule = schedule
        self._crashes = {crash: crash.skipped for crash in schedule.crashes}
        self._disk = dict.fromkeys(schedule.disk)
        self._pauses = list(schedule.pauses)
        self._draws = seed.within("yields")
        self._calls = 0

    def begin(self, loop: StageLoop) -> None:
        """A process starts."""
        self.dead, self.died_of, self.loop = False, None, loop

    def end(self) -> None:
        """The process is over, in whatever way: nothing of it runs from here on."""
        self.dead = True
        if self.loop is not None and self.loop.is_running():
            self.loop.stop()

    def alive(self) -> None:
        """Raises ProcessDied in a process that is dead."""
        if self.dead:
            raise ProcessDied

    def passes(self, boundary: Boundary) -> None:
        """The process is at a boundary: it may stand still here, or die."""
        self.alive()
        if self.is_struck(boundary):
            raise ProcessDied

    def is_struck(self, boundary: Boundary) -> bool:
        """True where the process died at this boundary, now."""
        now = self._clock.now_ns()
        if now >= self._heals_at:
            return False
        if self._pauses and self._pauses[0].at <= now and self.loop is not None:
            self.occurred.append((now, "pause"))
            self.loop.stall(self._pauses.pop(0).length_ns)
        for crash, left in self._crashes.items():
            if crash.at <= now and crash.boundary is boundary:
                if left:
                    self._crashes[crash] = left - 1
                    continue
                del self._crashes[crash]
                self.occurred.append((now, f"crash {boundary.value}"))
                self.died_of = crash
                self.end()
                return True
        return False

    def append_step(self, step: AppendStep) -> None:
        """The observer of the journal: an append may fail here, or the process die."""
        boundary = _STEPS[step]
        self.passes(boundary)
        now = self._clock.now_ns()
        for failure in self._disk:
            if failure.boundary is boundary and failure.at <= now < self._heals_at:
                if now >= failure.until:
                    del self._disk[failure]
                self.occurred.append((now, f"disk {boundary.value}"))
                raise OSError(errno.ENOSPC, "simulated: no space left on device")

    async def gives_way(self, boundary: Boundary) -> None:
        """Let others run, mostly not at all, at times for long; then see that one is alive."""
        self.passes(boundary)
        if self._schedule.yields:
            self._calls += 1
            drawn = self._draws.below(str(self._calls), 1_000)
            if drawn < 300:
                for _ in range(1 + drawn % 3):
                    await asyncio.sleep(0)
            elif drawn < 400:
                await asyncio.sleep((drawn % 100 + 1) ** 2 * NS_PER_MS / 10 / NS_PER_S)
            elif drawn < 404:
                await asyncio.sleep((drawn - 399) * 700 * NS_PER_MS / NS_PER_S)
        self.alive()


class StageBroker:
    """One venue as the process reaches it. ``sending`` and ``said`` are told what really leaves and
    arrives; what is said to a dead process is kept in ``unheard``.
    """

    def __init__(
        self,
        inner: SimVenue,
        director: Director,
        clock: MachineClock,
        sending: Callable[[Command, int], None],
        said: Callable[[str, VenueMessage, int], None],
    ) -> None:
        self._inner = inner
        self._director = director
        self._clock = clock
        self._sending = sending
        self._said = said
        self._sink: Callable[[VenueMessage], None] | None = None
        self.unheard: list[VenueMessage] = []

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
        await self._director.gives_way(Boundary.CONNECT)
        self._sink = sink
        await self._inner.connect(self._receive)
        unheard, self.unheard = self.unheard, []
        for message in unheard:
            self._receive(message)

    async def send(self, command: Command) -> SendOutcome:
        """Write one command; it leaves in the instant in which ``sending`` is told."""
        await self._director.gives_way(Boundary.SEND_BEFORE)
        at_ns = self._clock.now_ns()
        outcome: SendOutcome | None = None
        try:
            outcome = await self._inner.send(_by_venue_time(command, self._clock.offset_ns))
        finally:
            if not isinstance(outcome, NotSent):
                self._sending(command, at_ns)
        await self._director.gives_way(Boundary.SEND_AFTER)
        return outcome

    async def snapshot(self, account_id: str) -> AccountSnapshot:
        """Balance, equity and used margin of one account."""
        await self._director.gives_way(Boundary.SNAPSHOT_BEFORE)
        found = await self._inner.snapshot(account_id)
        await self._director.gives_way(Boundary.SNAPSHOT_AFTER)
        return found

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        """The complete view of one account."""
        await self._director.gives_way(Boundary.VIEW_BEFORE)
        found = await self._inner.mass_status(account_id, since_ns, after)
        await self._director.gives_way(Boundary.VIEW_AFTER)
        return found

    def heartbeat_at(self) -> int:
        """When the venue's last sign of life came, by the process's clock."""
        return self._inner.heartbeat_at() + self._clock.offset_ns

    async def close(self) -> None:
        """Close the connection, where there is still a process that could."""
        if not self._director.dead:
            await self._inner.close()

    def _receive(self, message: VenueMessage) -> None:
        director = self._director
        if director.dead or director.is_struck(Boundary.RECEIVED) or self._sink is None:
            self.unheard.append(message)
            return
        self._said(self.venue, message, self._clock.now_ns())
        if not director.dead:
            self._sink(message)

    def overhear(self, message: VenueMessage) -> None:
        """What the venue says while no process listens."""
        self.unheard.append(message)

    def forget(self) -> None:
        """What was said is lost, but for fills that the venue made of its own accord: nobody can
        ask about those by an order's id, so that every venue repeats them.
        """
        self.unheard = [m for m in self.unheard if _by_itself(m)]


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
