"""The single writer of one book: drain, decide, append, and only then let effects out.

One journal transaction per batch (group commit). An append that raises has an unknown outcome: the
writer halts, performs nothing of that batch and says so; whoever resumes recovers from the journal.
Knows the core and the ports, no concrete adapter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.effects import Command
from stretto.core.engine import decide, effects_of, reads_needed
from stretto.core.evolve import begin, evolve, finish
from stretto.core.limits import BATCH_INPUTS_MAX
from stretto.core.messages.together import together
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.market import Reads, VenueState
from stretto.core.terms.report import CancelReject, ExecutionReport, ProtectionAnswer, StatusAnswer
from stretto.core.values import NS_PER_MS, NS_PER_S
from stretto.ports import Broker, Clock, Journal, MarketData, PreparedEntry, Projector, VenueMessage
from stretto.runtime.collector import collect_at_rest
from stretto.runtime.inbox import Inbox
from stretto.runtime.outcomes import outcome_of
from stretto.runtime.sender import Sender

STOP_POLL_NS = NS_PER_MS


class Codec(Protocol):
    """Turns a handled input into the stored form."""

    def prepare(self, entry: ev.Entry) -> PreparedEntry:
        """Header and payload bytes of one entry."""
        ...


class Writer:
    """Runs one book. ``post`` inputs, ``run`` until ``stop`` or until nothing is left to do."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        codec: Codec,
        projector: Projector | None,
        brokers: Sequence[Broker],
        market: MarketData,
        clock: Clock,
        snapshot: Callable[[Book], None] | None = None,
        snapshot_every: int = 100_000,
    ) -> None:
        self.book = book
        self.halted: BaseException | None = None
        self.unjournaled = 0
        self.on_entry: list[Callable[[ev.Entry], None]] = []
        self._journal = journal
        self._codec = codec
        self._projector = projector
        self._market = market
        self._clock = clock
        self._inbox = Inbox()
        self._senders = {b.venue: Sender(b, clock, self._post_outcome) for b in brokers}
        self._snapshot = snapshot
        self._snapshot_every = snapshot_every
        self._snapshot_seq = book.seq
        self._wake: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._stopping = False
        self._replies: list[tuple[ev.Input, Callable[[ev.Entry | None], None]]] = []
        self._broken: BaseException | None = None

    # --- what others call ---------------------------------------------------------------------

    def post(self, item: ev.Input) -> bool:
        """Queue an input. False where the inbox has no room for another signal."""
        accepted = self._inbox.put(item)
        self._ring()
        return accepted

    def ask(self, item: ev.Input, reply: Callable[[ev.Entry | None], None]) -> bool:
        """Queue an input that somebody waits for; ``reply`` gets its entry once that is durable,
        None where it changed nothing. False where the writer is being stopped.
        """
        if self._stopping:
            return False
        self._replies.append((item, reply))
        return self.post(item)

    def stop(self) -> None:
        """Decide nothing further and leave ``run`` once what is durable is written, its outcomes
        journaled: an intent left unwritten would be in doubt for ever.
        """
        self._stopping = True
        self._ring()

    async def connect(self) -> None:
        """Connect every venue; its messages become inputs from here on. Where one cannot be, none
        stays connected.
        """
        try:
            for sender in self._senders.values():
                await sender.broker.connect(self._receiver(sender))
        except BaseException:
            await self._close()
            raise

    async def run(self) -> None:
        """Handle inputs and timers until stopped or halted. Raises what halted the book."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(s.run()) for s in self._senders.values()]
        for task in tasks:
            task.add_done_callback(self._sender_ended)
        try:
            while not self._stopping:
                if self._broken is not None:
                    raise self._broken
                if not self._due_now() and not self._inbox:
                    self._keep_snapshot(self._snapshot_every)
                    await self._wait(loop)
                    continue
                sent = self._handle_batch()
                await asyncio.sleep(0)
                self._keep_snapshot(self._snapshot_every * 5 // 4)  # however much waits
                if sent:  # venues have yet to answer
                    self._journal.rest()
                    collect_at_rest()
            while self._inbox.reports_waiting or not self._all_written:
                self._handle_batch()
                await self._clock.sleep_until(self._clock.now_ns() + STOP_POLL_NS)
        except Exception as error:
            self.halted = error
            raise
        finally:
            for task in tasks:
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
            await self._close()

    async def _close(self) -> None:
        for sender in self._senders.values():
            await sender.broker.close()

    @property
    def idle(self) -> bool:
        """True where no input waits and no command is on its way to a venue."""
        return not self._inbox and self._all_written

    @property
    def _all_written(self) -> bool:
        return all(s.idle for s in self._senders.values())

    def _keep_snapshot(self, after: int) -> None:
        """Keep one where ``after`` entries were made since the last. It takes seconds of a long
        history: what is decided is written first.
        """
        if self._snapshot and self.book.seq - self._snapshot_seq >= after and self._all_written:
            self._snapshot(self.book)
            self._snapshot_seq = self.book.seq

    # --- one batch ----------------------------------------------------------------------------

    def _handle_batch(self) -> bool:
        """True where it put commands on their way."""
        entries: list[ev.Entry] = []
        answered: list[tuple[ev.Input, ev.Entry | None]] = []
        intended = False
        for _ in range(BATCH_INPUTS_MAX):
            # Planning takes time that an order decided in this batch does not have (send_before).
            item = self._next_input(signals=not intended)
            if item is None:
                break
            entry = self._handle(item)
            if self._replies:
                answered.append((item, entry))
            if entry is not None:
                entries.append(entry)
                intended = intended or ev.OrderIntended in map(type, entry.events)
        if not entries:
            self._reply(answered)
            return False
        prepared = [self._codec.prepare(entry) for entry in entries]
        projector = self._projector
        if projector is None:
            self._journal.append(prepared)
        else:
            self._journal.append(
                prepared, lambda connection: projector.apply(connection, entries, prepared)
            )
        sent = False
        for entry in entries:
            for command in effects_of(self.book, entry):
                self._put(command)
                sent = True
            for listener in self.on_entry:
                listener(entry)
        self._reply(answered)
        return sent

    def _reply(self, answered: list[tuple[ev.Input, ev.Entry | None]]) -> None:
        for item, entry in answered:
            for place, (asked, reply) in enumerate(self._replies):
                if asked is item:
                    del self._replies[place]
                    reply(entry)
                    break

    def _next_input(self, *, signals: bool) -> ev.Input | None:
        # A new book is opened first, though its socket may have let somebody in already.
        if not self.book.seq and (opening := self._inbox.take_report()) is not None:
            return opening
        asked = self._inbox.take_person()
        if asked is not None:
            return asked
        report = self._inbox.take_report()
        if report is not None:
            return self._with_the_rest(report)
        if self._stopping:
            return None
        due = self.book.timers.due(self._now(), 1)
        if due:
            key, due_at = due[0]
            kind, _, name = key.partition(":")
            if kind != ev.TimerKind.RELEASE or not self._inbox.exits_waiting:
                return ev.TimerDue(timer=ev.TimerKind(kind), key=name, due_at=due_at)
        # An exit needs no planning worth the name, and goes before what would enter.
        exit_item = self._inbox.take_exit()
        if exit_item is not None:
            return exit_item
        return self._inbox.take_signal() if signals else None

    def _with_the_rest(self, first: ev.Input) -> ev.Input:
        """The input, joined by those behind it that belong to the same step of the same order."""
        taken = together(self.book, first, self._inbox.reports())
        if not taken:
            return first
        for _ in taken[1:]:
            self._inbox.take_report()
        return ev.OrderReported(messages=taken)

    def _handle(self, item: ev.Input) -> ev.Entry | None:
        book = self.book
        at_ns = self._now()
        reads = self._reads(item, at_ns)
        events = decide(book, item, reads, at_ns)
        if not events:
            self.unjournaled += 1
            return None
        begin(book, book.seq + 1, at_ns)
        for event in events:
            evolve(book, event)
        finish(book)
        return ev.Entry(seq=book.seq, at=at_ns, input=item, reads=reads, events=events)

    def _reads(self, item: ev.Input, at_ns: int) -> Reads:
        needed = reads_needed(self.book, item)
        if not needed:
            return _NO_READS
        market = self._market.reads(needed, at_ns)
        venues = {
            name: VenueState(venue=name, connected=True, heartbeat_at=s.broker.heartbeat_at())
            for name, s in sorted(self._senders.items())
        }
        return Reads(quotes=market.quotes, statistics=market.statistics, venues=venues)

    # --- time ---------------------------------------------------------------------------------

    def _now(self) -> int:
        return max(self.book.at, self._clock.now_ns())

    def _due_now(self) -> bool:
        due_at = self.book.timers.next_at()
        return due_at is not None and due_at <= self._now()

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._wake = loop.create_future()
        due_at = self.book.timers.next_at()
        if due_at is not None:
            left = max(0, due_at - self._clock.now_ns())
            self._alarm = loop.call_later(left / NS_PER_S, self._ring)
        try:
            await self._wake
        finally:
            self._wake = None
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None

    def _ring(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # --- venues -------------------------------------------------------------------------------

    def _put(self, command: Command) -> None:
        sender = self._senders.get(command.venue)
        if sender is not None:
            sender.put(command)
        else:
            detail = f"there is no connection to venue {command.venue}"
            self._post_outcome(command, ev.SendOutcomeKind.NOT_SENT, detail)

    def _sender_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._broken = task.exception()
            self._ring()

    def _post_outcome(self, command: Command, outcome: ev.SendOutcomeKind, detail: str) -> None:
        told = outcome_of(command, outcome, self._clock.now_ns(), detail)
        if told is not None:
            self.post(told)

    def _receiver(self, sender: Sender) -> Callable[[VenueMessage], None]:
        def receive(message: VenueMessage) -> None:
            sender.receive(message, self._take_in)

        return receive

    def _take_in(self, message: VenueMessage) -> None:
        if isinstance(message, ExecutionReport):
            self.post(ev.VenueReported(report=message))
        elif isinstance(message, AccountSnapshot):
            self.post(ev.AccountObserved(snapshot=message))
        elif isinstance(message, CancelReject):
            self.post(ev.CancelRejected(reject=message))
        elif isinstance(message, StatusAnswer):
            self.post(ev.VenueAnswered(answer=message))
        elif isinstance(message, ProtectionAnswer):
            self.post(ev.ProtectionAnswered(answer=message))
        else:
            assert_never(message)


_NO_READS = Reads()
