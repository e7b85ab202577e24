"""Runs one seed: the real writer, supervisor, reconciler, journal and codec on virtual time, in one
process life after another, over venues that live on.

The process dies, its disk fails and its clock jumps as the schedule says; an auditor is told of
everything and stops the run where an invariant breaks. Draws nothing by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from stretto.bootstrap import EntryCodec, calendars_of
from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.brokers.sim_faults import FaultPlan
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import JournalUnavailable, StrettoError
from stretto.core.exit_signal import AnySignal
from stretto.core.values import NS_PER_S
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.journal.sqlite import SqliteJournal
from stretto.market.calendars import VenueHours
from stretto.ports import Journal, Projector, VenueMessage
from stretto.runtime.recover import apply_entry, image_bytes, recover, snapshot_of
from stretto.runtime.supervisor import Opening, Supervisor
from stretto.runtime.writer import Writer
from stretto.simulation.auditor import Auditor, InvariantBroken
from stretto.simulation.desk import Desk
from stretto.simulation.drawn import DrawnWorld, draw_world
from stretto.simulation.draws import Draws
from stretto.simulation.meetings import Meetings
from stretto.simulation.outcome import Broken, Outcome
from stretto.simulation.schedule import Boundary, Named, Schedule, Span, draw_schedule
from stretto.simulation.stage_ports import Director, ProcessDied, StageBroker, StageMarket
from stretto.simulation.stage_time import (
    MachineClock,
    StageLoop,
    TrueClock,
    at_once,
    error_of,
    unwind,
)
from stretto.views.projector import SqlProjector

ENGINE = "simulated"
LIVES_MAX = 400
_SQLITE_EVERY = 25
_RESTART_NS = 5 * NS_PER_S


def simulate(seed: int, hours: int, allowed: Named) -> Outcome:
    """Draw the world and the schedule of ``seed``, run them, and say what came of it."""
    world = draw_world(seed, hours)
    draws = Draws(str(seed))
    busy_at = [at for at, _ in world.arrivals]
    span = Span(world.starts_at, world.heals_at, busy_at)
    schedule = draw_schedule(draws, world.venues, allowed, span)
    return perform(seed, hours, world, schedule)


def perform(seed: int, hours: int, world: DrawnWorld, schedule: Schedule) -> Outcome:
    """Run a world under a schedule."""
    began = time.process_time()
    with contextlib.ExitStack() as stack:
        stage = Stage(seed, world, schedule, _journals(seed, world, stack))
        stage.run()
    return stage.outcome(hours, time.process_time() - began)


Journals = Callable[[Director], tuple[Journal, Projector | None]]


def _journals(seed: int, world: DrawnWorld, stack: contextlib.ExitStack) -> Journals:
    """How a process opens its journal: in memory, in each tenth seed SQLite with query tables."""
    book_id = world.config.book_id
    if seed % _SQLITE_EVERY:
        store = MemoryStore()
        return lambda director: (
            MemoryJournal(book_id, store, observer=director.append_step),
            None,
        )
    path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "book.sqlite"
    return lambda director: (
        SqliteJournal(path, book_id, observer=director.append_step),
        SqlProjector(book_id),
    )


class Stage:
    """One seed, from its first process to rest."""

    def __init__(
        self, seed: int, world: DrawnWorld, schedule: Schedule, journals: Journals
    ) -> None:
        self.seed = seed
        self.world = world
        self._journals = journals
        draws = Draws(str(seed))
        self._clock = TrueClock(world.starts_at)
        self._machine = MachineClock(self._clock, schedule)
        self._director = Director(schedule, self._clock, world.heals_at, draws)
        self._auditor = Auditor(world.config, sorted(world.venues))
        self._meetings = Meetings()
        self._codec = EntryCodec(world.config.book_id)
        self._calendars = calendars_of(world.config)
        self._venues = {name: self._venue(name, schedule) for name in sorted(world.venues)}
        self._brokers = {
            name: StageBroker(
                venue, self._director, self._machine, self._audited_send, self._audited_word
            )
            for name, venue in self._venues.items()
        }
        self._desk = Desk(
            world.requests,
            world.clears_at,
            self._clock,
            lambda: {name: venue.dump() for name, venue in self._venues.items()},
            attends_ns=draws.pick("attends", (1, 0), (3, 7), (3, 30)) * 60 * NS_PER_S,
            flattens=draws.chance("flattens", 50),
        )
        self._snapshot_every = draws.pick("snapshot every", (1, 40), (1, 300), (1, 100_000))
        self._broken: Broken | None = None
        self._seq = 0
        self._head = (0, b"")
        self._lives = 0
        self._inputs = 0

    # --- what an outcome is made of

    def outcome(self, hours: int, processor_s: float) -> Outcome:
        """What the run came to."""
        faults: Counter[str] = Counter()
        pairs: dict[str, None] = {}
        struck = [(at, kind, "") for at, kind in self._director.occurred]
        for venue in self._venues.values():
            struck += _faults_of(venue)
        for at, kind, subject in struck:
            faults[kind] += 1
            pairs.update(dict.fromkeys(self._meetings.met(at, kind, subject)))
        return Outcome(
            seed=self.seed,
            hours=hours,
            journal_hash=self._head[1].hex(),
            entries=self._head[0],
            inputs=self._inputs,
            lives=self._lives,
            simulated_s=(self._clock.now_ns() - self.world.starts_at) // NS_PER_S,
            accounts=len(self.world.config.accounts),
            executions=self._meetings.executions,
            orders=self._meetings.orders,
            fills=self._meetings.fills,
            faults=dict(sorted(faults.items())),
            pairs=tuple(sorted(pairs)),
            broken=self._broken,
            processor_s=processor_s,
        )

    # --- one life after another

    def run(self) -> None:
        """Live until the world's end, or until an invariant breaks."""
        with self._audited():
            while self._clock.now_ns() < self.world.ends_at and self._broken is None:
                if self._lives == LIVES_MAX:
                    raise InvariantBroken(16, f"{LIVES_MAX} processes and no rest", self._seq)
                self._lives += 1
                down_ns = self._life()
                if down_ns is None:
                    return
                self._auditor.died(self._machine.now_ns())
                self._pass_without_process(down_ns)
            if self._broken is None:
                raise InvariantBroken(16, "no process came to the end of the world", self._seq)

    def _life(self) -> int | None:
        """One process; how long until the next one starts, or None where it was the last."""
        loop = StageLoop(self._clock.now_ns())
        self._clock.loop = loop
        errors: list[BaseException] = []
        loop.set_exception_handler(lambda _, context: errors.append(error_of(context)))
        self._director.begin(loop)
        journal, projector = self._journals(self._director)
        try:
            journal.open()
            if isinstance(projector, SqlProjector):
                journal.append((), projector.create)
            ended = self._live(loop, journal, projector)
        except (ProcessDied, JournalUnavailable) as death:
            ended = death
        finally:
            self._director.end()
            for venue in self._venues.values():
                at_once(venue.close())
            self._clock.now_ns()
            self._clock.loop = None
            unwind(loop)
            loop.close()
            self._keep_head(journal)
        for error in errors:
            if not isinstance(error, ProcessDied | asyncio.CancelledError):
                raise error
        return self._down_ns(ended)

    def _live(
        self, loop: StageLoop, journal: Journal, projector: Projector | None
    ) -> BaseException | None:
        book = recover(journal, self._codec, ENGINE)
        self._tell_missed(journal, book)
        self._auditor.resumed(book, self._machine.now_ns())
        writer = self._writer(book, journal, projector)
        session = loop.create_task(self._session(writer))
        session.add_done_callback(lambda _: loop.stop())
        loop.run_forever()
        self._inputs += writer.unjournaled
        if self._broken is not None or self._director.dead or not session.done():
            return ProcessDied()
        error = session.exception()
        if error is None:
            self._at_rest(writer, journal)
        elif not isinstance(error, JournalUnavailable | ProcessDied):
            raise error
        return error

    def _writer(self, book: Book, journal: Journal, projector: Projector | None) -> Writer:
        def save(live: Book) -> None:
            journal.save_snapshot(snapshot_of(live, journal.head[1], ENGINE))

        writer = Writer(
            book=book,
            journal=journal,
            codec=self._codec,
            projector=projector,
            brokers=tuple(self._brokers.values()),
            market=StageMarket(self.world.market.quotes, self._clock),
            clock=self._machine,
            snapshot=save,
            snapshot_every=self._snapshot_every,
        )
        writer.on_entry.append(lambda entry: self._appended(entry, writer.book))
        return writer

    async def _session(self, writer: Writer) -> None:
        world = self.world
        brokers = dict(self._brokers.items())
        opening = Opening(world.config, world.market.bars, world.histories, self._calendars)
        supervisor = Supervisor(writer, brokers, self._machine, opening)
        loop = asyncio.get_running_loop()
        people = [loop.create_task(work(writer)) for work in (self._desk.work, self._desk.attend)]
        try:
            await supervisor.run(
                self._arriving(writer.book),
                ends_at=world.ends_at,
                recovered=writer.book.seq > 0,
                engine_version=ENGINE,
            )
        finally:
            for each in people:
                each.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await each

    async def _arriving(self, book: Book) -> AsyncIterator[AnySignal]:
        """What has not arrived yet; what reached a dead process before it was durable is sent again
        by whoever got no answer.
        """
        resumed_at = book.at
        for at_ns, signal in self.world.arrivals:
            if at_ns > resumed_at or signal.signal_id not in book.signals:
                await self._clock.sleep_until(at_ns)
                yield signal

    def _pass_without_process(self, down_ns: int) -> None:
        """Time passes, the venues live on, and nobody hears what they say."""
        until = min(self._clock.now_ns() + down_ns, self.world.ends_at)
        loop = StageLoop(self._clock.now_ns())
        self._clock.loop = loop
        try:
            for name, venue in self._venues.items():
                loop.run_until_complete(venue.connect(self._brokers[name].overhear))
            loop.run_until_complete(self._clock.sleep_until(until))
            for venue in self._venues.values():
                loop.run_until_complete(venue.close())
        finally:
            self._clock.now_ns()
            self._clock.loop = None
            loop.close()
        died_of = self._director.died_of
        if died_of is None or not died_of.resent:
            for broker in self._brokers.values():
                broker.forget()

    def _down_ns(self, ended: BaseException | None) -> int | None:
        if ended is None or self._broken is not None:
            return None
        died_of = self._director.died_of
        return _RESTART_NS if died_of is None else died_of.down_ns

    # --- what the auditor is told

    def _appended(self, entry: ev.Entry, book: Book) -> None:
        self._seq = entry.seq
        self._inputs += 1
        self._meetings.appended(entry)
        with self._audited():
            self._auditor.appended(entry, book)
        self._director.passes(Boundary.ENTRY)

    def _audited_send(self, command: Any, at_ns: int) -> None:
        with self._audited():
            self._auditor.sending(command, at_ns)

    def _audited_word(self, venue: str, message: VenueMessage, at_ns: int) -> None:
        with self._audited():
            self._auditor.said(venue, message, at_ns)

    def _tell_missed(self, journal: Journal, book: Book) -> None:
        """Entries that became durable as the process died, or that a failed append left."""
        for stored in journal.read(after_seq=self._seq):
            entry = self._codec.restore(stored)
            self._seq = entry.seq
            self._inputs += 1
            self._meetings.appended(entry)
            self._auditor.appended(entry, book)

    def _at_rest(self, writer: Writer, journal: Journal) -> None:
        """The end: replay equals the live state, and the auditor compares everything."""
        replayed = Book()
        for stored in journal.read():
            apply_entry(replayed, self._codec.restore(stored))
        if image_bytes(replayed) != image_bytes(writer.book):
            raise InvariantBroken(15, "the journal replayed gives another book", self._seq)
        dumps = {name: venue.dump() for name, venue in self._venues.items()}
        self._auditor.at_rest(writer.book, dumps, self._machine.now_ns())

    @contextlib.contextmanager
    def _audited(self) -> Iterator[None]:
        """What breaks here ends the run."""
        try:
            yield
        except InvariantBroken as broken:
            self._break(Broken(invariant=broken.number, text=broken.text, seq=broken.seq))
        except Exception as error:  # whatever else is raised is a bug that the seed found
            text = f"{type(error).__name__}: {error}"
            self._break(Broken(invariant=0, text=text, seq=self._seq))

    def _break(self, broken: Broken) -> None:
        if self._broken is None:
            self._broken = broken
        self._director.end()

    # --- parts

    def _venue(self, name: str, schedule: Schedule) -> SimVenue:
        world = self.world
        return SimVenue(
            world.venues[name],
            self._clock,
            world.market.quotes,
            VenueHours(self._calendars, name, world.config.instruments),
            world.config.instruments,
            sim_accounts(world.config.accounts.values(), name, world.balances),
            self.seed,
            None,
            FaultPlan(
                kinds=schedule.venue_faults.get(name, ()),
                rate_ppm=schedule.rate_ppm,
                heals_at=world.heals_at,
            ),
        )

    def _keep_head(self, journal: Journal) -> None:
        """The journal's end after a life, whatever state that left the journal in."""
        journal.close()
        with contextlib.suppress(StrettoError):
            journal.open()
            self._head = journal.head
        journal.close()


def _faults_of(venue: SimVenue) -> list[tuple[int, str, str]]:
    found: Any = venue.dump()["faults"]
    return [(fault["at"], fault["kind"], fault["subject"]) for fault in found]
