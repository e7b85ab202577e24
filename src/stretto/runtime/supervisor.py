"""Runs a session of one book: opening facts in, accounts kept fresh, signals fed, an orderly end.

Everything it learns becomes an input of the writer. Knows the ports, no adapter and no command
line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import BrokerUnreachable
from stretto.core.failures.failure_actions import ACTIONS, Also
from stretto.core.limits import (
    ABSENCE_APART_NS,
    CALENDAR_HORIZON_NS,
    CALENDAR_REMAINING_NS_MIN,
)
from stretto.core.terms.account import BarReturn
from stretto.core.terms.calendar import covers
from stretto.core.terms.exit_signal import AnySignal
from stretto.core.terms.market import Bar
from stretto.core.terms.policy import BookConfig
from stretto.core.values import NS_PER_MS, NS_PER_S
from stretto.ports import Broker, Calendars, Clock
from stretto.runtime.reconciler import Reconciler
from stretto.runtime.writer import Writer

REFRESH_AFTER_FILL_NS = 1 * NS_PER_S
CALENDARS_RENEWED_NS = 15 * 60 * NS_PER_S
SETTLE_POLL_NS = NS_PER_S // 4
SETTLE_VIEWS = 5
"""Views asked for at a session's end: an order in doubt can be proven dead by the fourth."""
DRAIN_POLL_NS = NS_PER_MS
_DAY_NS = 86_400 * NS_PER_S


class Opening:
    """What a book is told before its first signal."""

    def __init__(
        self,
        config: BookConfig,
        bars: Mapping[str, Sequence[Bar]],
        histories: Mapping[str, Sequence[BarReturn]],
        calendars: Calendars,
    ) -> None:
        self.config = config
        self.calendars = calendars
        self.bars = bars
        self.histories = histories

    def inputs(self, book: Book, at_ns: int) -> list[ev.Input]:
        """What ``book`` is told at ``at_ns``, in a fixed order; what it knows is not journaled."""
        items: list[ev.Input] = [ev.BookOpened(config=self.config)]
        items += self.sessions(book, at_ns)
        for symbol in sorted(self.bars):
            items.append(ev.BarsObserved(symbol=symbol, bars=tuple(self.bars[symbol])))
        for account_id in sorted(self.histories):
            bars = tuple(self.histories[account_id])
            items.append(ev.HistoryObserved(account_id=account_id, bars=bars))
        return items

    def sessions(self, book: Book, at_ns: int) -> list[ev.CalendarObserved]:
        """Every calendar over the span that the book knows, or over a new one where too little of
        that is left: a holiday that was declared meanwhile replaces what was known.
        """
        items = []
        for name in self.calendars.names:
            held = book.calendars.get(name)
            if held is not None and covers(held, at_ns + CALENDAR_REMAINING_NS_MIN):
                starts_at, ends_at = held.starts_at, held.ends_at
            else:
                starts_at = at_ns - at_ns % _DAY_NS
                ends_at = starts_at + CALENDAR_HORIZON_NS
            table = self.calendars.table(name, starts_at, ends_at)
            items.append(ev.CalendarObserved(table=table))
        return items


class Supervisor:
    """Keeps one writer supplied until the session's end."""

    def __init__(
        self, writer: Writer, brokers: Mapping[str, Broker], clock: Clock, opening: Opening
    ) -> None:
        self._writer = writer
        self._brokers = brokers
        self._clock = clock
        self._opening = opening
        self.reconciler = Reconciler(writer, brokers, clock)
        self._stale: dict[str, None] = {}
        self._rouse: asyncio.Future[None] | None = None
        self._compared: asyncio.Future[None]
        self.signals_turned_away = 0
        writer.on_entry.append(self._notice_fills)

    async def run(
        self,
        arrivals: AsyncIterator[AnySignal],
        *,
        ends_at: int | None,
        recovered: bool,
        engine_version: str,
    ) -> None:
        """Open, connect, feed every signal, then go on until ``ends_at`` (None: until nothing is
        open any more) and stop the writer. Raises what halted the writer.
        """
        loop = asyncio.get_running_loop()
        self._compared = loop.create_future()
        # Before the first word of a venue, which may need the configuration.
        for item in self._opening.inputs(self._writer.book, self._clock.now_ns()):
            self._writer.post(item)
        if recovered:
            self._writer.post(ev.BookRecovered(engine_version=engine_version))
        await self._writer.connect()
        writing = loop.create_task(self._writer.run())
        work = loop.create_task(self._session(arrivals, ends_at))
        keeping = [
            loop.create_task(self._keep_fresh()),
            loop.create_task(self._keep_reconciled()),
        ]
        for task in (writing, *keeping):
            task.add_done_callback(lambda _: work.cancel())
        try:
            await work
        except asyncio.CancelledError:
            if not any(task.done() for task in (writing, *keeping)):
                raise
        finally:
            for task in keeping:
                task.cancel()
            self.reconciler.stop()
            self._writer.stop()
            try:
                await writing
            finally:
                for task in keeping:
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _session(self, arrivals: AsyncIterator[AnySignal], ends_at: int | None) -> None:
        await self._drained()
        await self.reconciler.once(sorted(self._opening.config.accounts))
        await self._drained()
        self._compared.set_result(None)
        async for signal in arrivals:
            if not self._writer.post(ev.arrival_of(signal)):
                self.signals_turned_away += 1
        await self._drained()
        if ends_at is not None:
            await self._clock.sleep_until(ends_at)
        else:
            await self._settled()
        await self._refresh(sorted(self._stale))
        await self._drained()

    async def _settled(self) -> None:
        """Until nothing waits, and views have said what they can of orders in doubt and of fills
        that only a total told.
        """
        for _ in range(SETTLE_VIEWS):
            while not (self._writer.book.is_at_rest and self._writer.idle):
                await self._clock.sleep_until(self._clock.now_ns() + SETTLE_POLL_NS)
            doubtful = self.reconciler.in_doubt()
            unexplained = self.reconciler.unexplained()
            if not doubtful and not unexplained:
                return
            await self.reconciler.once(sorted({*doubtful, *unexplained}))
            await self._drained()
            if doubtful and doubtful == self.reconciler.in_doubt():
                await self._clock.sleep_until(self._clock.now_ns() + ABSENCE_APART_NS)

    async def _keep_reconciled(self) -> None:
        await self._compared
        await self.reconciler.run()

    async def _drained(self) -> None:
        while not self._writer.idle:
            await self._clock.sleep_until(self._clock.now_ns() + DRAIN_POLL_NS)

    # --- calendars

    def _renew_calendars(self) -> None:
        """Tell the book its sessions further on, where too little of what it knows is left."""
        now, held = self._clock.now_ns(), self._writer.book.calendars
        needed = now + CALENDAR_REMAINING_NS_MIN
        names = self._opening.calendars.names
        if all(name in held and covers(held[name], needed) for name in names):
            return
        for item in self._opening.sessions(self._writer.book, now):
            self._writer.post(item)

    # --- accounts -----------------------------------------------------------------------------

    def _notice_fills(self, entry: ev.Entry) -> None:
        """After a fill, and after a refusal that says the book's numbers are not the venue's."""
        for event in entry.events:
            if isinstance(event, ev.FillBooked) or (
                isinstance(event, ev.OrderFailed)
                and Also.REFRESH_ACCOUNT in ACTIONS[event.failure_class].also
            ):
                self._stale[event.account_id] = None
                self._wake()

    async def _keep_fresh(self) -> None:
        """Ask for a snapshot soon after a fill; renew the calendars now and then."""
        rest_ends_at = self._clock.now_ns() + CALENDARS_RENEWED_NS
        while True:
            if not self._stale:
                await self._roused(rest_ends_at)
            if self._clock.now_ns() >= rest_ends_at:
                rest_ends_at = self._clock.now_ns() + CALENDARS_RENEWED_NS
                self._renew_calendars()
            else:
                await self._clock.sleep_until(self._clock.now_ns() + REFRESH_AFTER_FILL_NS)
                await self._refresh(sorted(self._stale))

    async def _roused(self, until_ns: int) -> None:
        """Wait for a fill, or until ``until_ns``."""
        loop = asyncio.get_running_loop()
        self._rouse = loop.create_future()
        left = max(0, until_ns - self._clock.now_ns()) / NS_PER_S
        alarm = loop.call_later(left, self._wake)
        try:
            await self._rouse
        finally:
            alarm.cancel()
            self._rouse = None

    def _wake(self) -> None:
        if self._rouse is not None and not self._rouse.done():
            self._rouse.set_result(None)

    async def _refresh(self, account_ids: Sequence[str]) -> None:
        for account_id in account_ids:
            self._stale.pop(account_id, None)
            account = self._opening.config.accounts.get(account_id)
            broker = self._brokers.get(account.venue) if account is not None else None
            if broker is None:
                continue  # left the configuration; a late fill of it is known to the book
            try:
                snapshot = await broker.snapshot(account_id)
            except BrokerUnreachable:
                self._stale[account_id] = None
                continue
            self._writer.post(ev.AccountObserved(snapshot=snapshot))
