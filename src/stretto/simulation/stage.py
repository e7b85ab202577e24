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
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from stretto.bootstrap import EntryCodec, calendars_of
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import BrokerUnreachable, JournalUnavailable
from stretto.core.terms.exit_signal import AnySignal
from stretto.core.values import NS_PER_S
from stretto.ports import Command, Journal, VenueMessage
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
from stretto.simulation.stage_life import Disk, Life
from stretto.simulation.stage_ports import (
    Director,
    Line,
    Process,
    ProcessDied,
    StageBroker,
    StageMarket,
)
from stretto.simulation.stage_time import (
    MachineClock,
    StageLoop,
    TrueClock,
)
from stretto.simulation.stage_venues import venue_of

ENGINE = "simulated"
LIVES_MAX = 400
_SQLITE_EVERY = 25
_RESTART_NS = 5 * NS_PER_S
_AWAKE_NS = 4 * NS_PER_S
_ENDINGS = (ProcessDied, JournalUnavailable, asyncio.CancelledError)


def simulate(seed: int, hours: int, allowed: Named) -> Outcome:
    """Draw the world and the schedule of ``seed``, run them, and say what came of it."""
    return perform(seed, hours, *drawn(seed, hours, allowed))


def drawn(seed: int, hours: int, allowed: Named) -> tuple[DrawnWorld, Schedule]:
    """The world of ``seed``, and what goes wrong in it."""
    world = draw_world(seed, hours)
    draws = Draws(str(seed))
    span = Span(world.starts_at, world.heals_at, [at for at, _ in world.arrivals])
    return world, draw_schedule(draws, world.venues, allowed, span)


def perform(
    seed: int, hours: int, world: DrawnWorld, schedule: Schedule, auditor: Auditor | None = None
) -> Outcome:
    """Run a world under a schedule; ``auditor``: one who keeps what is told."""
    began = time.process_time()
    with tempfile.TemporaryDirectory() as directory:
        disk = Disk(world.config.book_id, Path(directory), on_sqlite=seed % _SQLITE_EVERY == 0)
        told = auditor or Auditor(world.config, sorted(world.venues))
        stage = Stage(seed, world, schedule, disk, told)
        stage.run()
    return stage.outcome(hours, time.process_time() - began)


class Stage:
    """One seed, from its first process to rest."""

    def __init__(
        self, seed: int, world: DrawnWorld, schedule: Schedule, disk: Disk, auditor: Auditor
    ) -> None:
        self.seed = seed
        self.world = world
        self._disk = disk
        draws = Draws(str(seed))
        self._clock = TrueClock(world.starts_at)
        self._machine = MachineClock(self._clock, schedule)
        self._director = Director(schedule, self._clock, world.heals_at, draws)
        self._auditor = auditor
        self._codec = EntryCodec(world.config.book_id)
        self._calendars = calendars_of(world.config)
        self._venues = {
            name: venue_of(name, world, schedule, seed, self._clock)
            for name in sorted(world.venues)
        }
        self._lines = {name: Line(venue) for name, venue in self._venues.items()}
        faults = (venue.faults for venue in self._venues.values())
        self._meetings = Meetings((self._director.occurred, self._machine.occurred, *faults))
        self._director.shows = self._meetings.shows
        self._process: Process | None = None
        self._paused: Life | None = None
        self._desk = Desk(
            world.requests,
            world.clears_at,
            self._clock,
            lambda: {name: venue.dump() for name, venue in self._venues.items()},
            draws,
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
        for at, kind, subject in self._meetings.struck():
            faults[kind] += 1
            self._auditor.struck(at, kind, subject)
        return Outcome(
            seed=self.seed,
            hours=hours,
            day=f"{self.world.market.day.name}, {self.world.market.mood}",
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
            pairs=tuple(sorted(self._meetings.pairs)),
            broken=self._broken,
            processor_s=processor_s,
        )

    # --- one life after another

    def run(self) -> None:
        """Live until the world's end, or until an invariant breaks."""
        with self._audited():
            self._live_on()
        if self._paused is not None:
            self._end(self._paused)

    def _live_on(self) -> None:
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
        life = Life(Process(self._director, StageLoop(self._clock.now_ns())), self._disk)
        self._clock.loop = life.loop
        self._process = life.process
        try:
            life.open()
            ended = self._live(life)
        except (ProcessDied, JournalUnavailable) as death:
            ended = death
        finally:
            self._clock.now_ns()
            self._clock.loop = None
            for line in self._lines.values():
                line.close()
            if life.process.stands_still:
                self._paused = life
                self._disk.let_the_lock_run_out()
            else:
                self._end(life)
        if life.process.stands_still:
            overtaken = life.process.overtaken_by
            return overtaken.after_ns if overtaken is not None else 0
        if ended is None or self._broken is not None:
            return None
        died_of = life.process.died_of
        return _RESTART_NS if died_of is None else died_of.down_ns

    def _end(self, life: Life) -> None:
        """Nothing of the process reaches the world any more."""
        life.end()
        self._head = self._disk.head() or self._head
        overtaken = life.process.overtaken_by is not None
        for error in life.errors:
            is_refused = overtaken and isinstance(error, BrokerUnreachable)
            if not (is_refused or isinstance(error, _ENDINGS)):
                raise error

    def _live(self, life: Life) -> BaseException | None:
        book = recover(life.journal, self._codec, ENGINE)
        self._tell_missed(life.journal, book)
        self._auditor.resumed(book, self._machine.now_ns())
        brokers = self._brokers(life.process)
        writer = self._writer(book, life, brokers)
        session = life.loop.create_task(self._session(writer, brokers))
        session.add_done_callback(lambda _: None if life.process.dead else life.loop.stop())
        self._run(life)
        self._inputs += writer.unjournaled
        if life.process.stands_still:
            return None
        if self._broken is not None or life.process.dead or not session.done():
            return ProcessDied()
        error = session.exception()
        if error is None:
            self._at_rest(writer, life.journal)
        elif not isinstance(error, _ENDINGS):
            raise error
        return error

    def _run(self, life: Life) -> None:
        """Run the process; in between, let one that stood still go on for a while."""
        paused, self._paused = self._paused, None
        if paused is not None:
            overtaken = paused.process.overtaken_by
            wakes_ns = 0 if overtaken is None else overtaken.wakes_ns
            waking = life.loop.call_later(wakes_ns / NS_PER_S, life.loop.stop)
            life.loop.run_forever()
            waking.cancel()
            if waking.when() > life.loop.time():
                self._end(paused)
                return
            self._wake(paused, life)
            if life.process.dead or life.process.stands_still or self._broken is not None:
                return
        life.loop.run_forever()

    def _wake(self, paused: Life, life: Life) -> None:
        """The process that stood still goes on for some seconds, beside its successor."""
        paused.loop.stall(max(0, self._clock.now_ns() - paused.loop.now_ns()))
        self._clock.loop = paused.loop
        paused.process.wake()
        asleep = paused.loop.call_later(_AWAKE_NS / NS_PER_S, paused.loop.stop)
        paused.loop.run_forever()
        asleep.cancel()
        now = self._clock.now_ns()
        self._clock.loop = None
        self._end(paused)
        life.loop.stall(max(0, now - life.loop.now_ns()))
        self._clock.loop = life.loop

    def _brokers(self, process: Process) -> dict[str, StageBroker]:
        return {
            name: StageBroker(line, process, self._machine, self._audited_send, self._audited_word)
            for name, line in self._lines.items()
        }

    def _writer(self, book: Book, life: Life, brokers: Mapping[str, StageBroker]) -> Writer:
        journal = life.journal

        def save(live: Book) -> None:
            journal.save_snapshot(snapshot_of(live, journal.head[1], ENGINE))

        writer = Writer(
            book=book,
            journal=journal,
            codec=self._codec,
            projector=life.projector,
            brokers=tuple(brokers.values()),
            market=StageMarket(self.world.market.quotes, self._clock),
            clock=self._machine,
            snapshot=save,
            snapshot_every=self._snapshot_every,
        )
        writer.on_entry.append(lambda entry: self._appended(entry, writer.book, life.process))
        return writer

    async def _session(self, writer: Writer, brokers: Mapping[str, StageBroker]) -> None:
        world = self.world
        opening = Opening(world.config, world.market.bars, world.histories, self._calendars)
        supervisor = Supervisor(writer, brokers, self._machine, opening)
        loop = asyncio.get_running_loop()
        desk, compare = self._desk, supervisor.reconciler.compare
        work = desk.work(writer), desk.react(writer), desk.regret(writer)
        people = [loop.create_task(each) for each in (*work, desk.attend(writer, compare))]
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
            for line in self._lines.values():
                loop.run_until_complete(line.venue.connect(line.unheard.append))
            loop.run_until_complete(self._clock.sleep_until(until))
            for line in self._lines.values():
                line.close()
        finally:
            self._clock.now_ns()
            self._clock.loop = None
            loop.close()
        died_of = None if self._process is None else self._process.died_of
        if died_of is None or not died_of.resent:
            for line in self._lines.values():
                line.forget()

    # --- what the auditor is told

    def _appended(self, entry: ev.Entry, book: Book, process: Process) -> None:
        self._seq = entry.seq
        self._inputs += 1
        self._meetings.appended(entry)
        with self._audited():
            self._auditor.appended(entry, book)
        process.passes(Boundary.ENTRY)

    def _audited_send(self, command: Command, at_ns: int, process: Process) -> None:
        with self._audited():
            overtaken = process.overtaken_by is not None
            self._auditor.sending(command, at_ns, overtaken=overtaken)

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
        if self._process is not None:
            self._process.end()
