"""Two live writers on one book, though the lock should keep the second out: the lock's file was
removed, or the disk is shared by machines on which it means nothing.

The first process stands still after each of its commits, a successor takes over, and the first one
wakes: with nothing that still may leave it, after the successor is done, or side by side with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.core.errors import JournalUnavailable
from stretto.core.terms.signal import Signal, Urgency
from stretto.journal.sqlite import SqliteJournal
from stretto.journal.steps import AppendStep
from stretto.runtime.clock import LoopClock
from stretto.runtime.writer import Writer
from stretto.simulation.stage_time import StageLoop
from tests.acceptance.test_resume import CONFIG, action, agree
from tests.book_invariants import holds, replays, spaced
from tests.builders import START, S, a_signal
from tests.scripted_venue import ScriptedVenue
from tests.session import MovingClock, begun, entries, play, projector, sqlite

ENDS_AT = START + 50 * S
TURN_S = 0.05


def arrivals() -> list[tuple[int, Signal]]:
    first = a_signal("now", START + S, urgency=Urgency.IMMEDIATE)
    return [(START + S, first), (START + 2 * S, a_signal("later", START + 2 * S))]


class Process:
    """A writer that runs in turns, and between them stands still with all it has in memory."""

    def __init__(
        self, path: Path, venue: ScriptedVenue, clock: MovingClock, stops_after: int = 0
    ) -> None:
        self.commits = 0
        self._stops_after = stops_after
        self._clock = clock
        self.journal: SqliteJournal = sqlite(path, self._observe)
        self.journal.open()
        self.loop = StageLoop(clock.now_ns())
        with self._turn():
            self.writer, session = begun(
                self.journal, venue, clock, CONFIG, arrivals(),
                ends_at=max(clock.now_ns(), ENDS_AT) + 200 * S, projector=projector(),
            )  # fmt: skip
            self.journal.append((), projector().create)
            self.session = self.loop.create_task(session)
            self.session.add_done_callback(lambda _: self.loop.stop())

    def run(self, seconds: float | None = None) -> None:
        """Go on: until it ends, stands still by itself, or ``seconds`` of its time are over."""
        with self._turn():
            if self.session.done():
                return
            if seconds is not None:
                self.loop.call_later(seconds, self.loop.stop)
            self.loop.run_forever()

    def error(self) -> BaseException | None:
        """What halted it; None where it came to its own end."""
        assert self.session.done()
        return self.session.exception()

    def close(self) -> None:
        with self._turn():
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, JournalUnavailable):
                    self.loop.run_until_complete(task)
        self.loop.close()
        self.journal.close()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        self.loop.stall(max(0, self._clock.now_ns() - self.loop.now_ns()))
        self._clock.inner = LoopClock(self.loop)
        try:
            yield
        finally:
            self._clock.now_ns()
            self._clock.inner = None

    def _observe(self, step: AppendStep) -> None:
        if step is AppendStep.COMMITTED:
            self.commits += 1
            if self.commits == self._stops_after:
                self.loop.stop()


def unlocked(path: Path) -> None:
    """Remove the lock's file: the next process locks another one."""
    (lock,) = path.parent.glob(f"{path.name}.*.lock")
    lock.unlink()


def commits_alone(folder: Path) -> int:
    clock = MovingClock(START)
    alone = Process(folder / "alone.sqlite", ScriptedVenue(clock, action), clock)
    alone.run()
    assert alone.error() is None
    alone.close()
    return alone.commits


def agreed(path: Path, writer: Writer, venue: ScriptedVenue) -> None:
    agree(writer.book, venue)
    holds(writer.book)
    journaled = entries(path)
    replays(writer.book, journaled)
    spaced(journaled)


def fenced(process: Process) -> None:
    """It was halted by the other's entry, and by nothing else."""
    error = process.error()
    assert isinstance(error, JournalUnavailable), error
    assert "another writer appended to it; nothing of this batch was stored" in str(error)


@pytest.mark.requirement("P1")
def test_a_writer_that_wakes_after_its_successor_sends_nothing(tmp_path: Path) -> None:
    """Asleep after each of its commits in turn, with what it was about to send still queued."""
    count = commits_alone(tmp_path)
    assert count > 15
    asleep_with_orders = 0
    for stops_after in range(1, count):
        path, clock = tmp_path / f"{stops_after}.sqlite", MovingClock(START)
        venue = ScriptedVenue(clock, action)
        first = Process(path, venue, clock, stops_after)
        first.run()
        if first.session.done():
            first.close()
            continue
        unlocked(path)
        slept_at = clock.now_ns()
        sent = list(venue.submits)
        due = [o for o in first.writer.book.orders.values() if o.client_order_id not in sent]
        asleep_with_orders += bool(due)
        clock.at += 3 * S  # past every send_before
        second = Process(path, venue, clock)
        second.run()
        assert second.error() is None
        by_second = list(venue.submits)
        first.run()
        fenced(first)
        assert venue.submits == by_second, "the one that woke has sent something"
        assert all(o.send_before <= slept_at + 3 * S for o in due)
        agreed(path, second.writer, venue)
        first.close()
        second.close()
    assert asleep_with_orders >= 4


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("starts_after", range(1, 18, 2))
def test_of_two_that_live_side_by_side_one_is_fenced_and_no_order_doubles(
    tmp_path: Path, starts_after: int
) -> None:
    path, clock = tmp_path / "book.sqlite", MovingClock(START)
    venue = ScriptedVenue(clock, action)
    first = Process(path, venue, clock, starts_after)
    first.run()
    unlocked(path)
    second = Process(path, venue, clock)
    while not (first.session.done() and second.session.done()):
        first.run(TURN_S)
        second.run(TURN_S)
    errors = [first.error(), second.error()]
    assert errors.count(None) <= 1, "two writers believe that they own the book"
    for process in (first, second):
        if process.error() is not None:
            fenced(process)
        process.close()
    assert len(venue.submits) == len(set(venue.submits))
    last = play(sqlite(path), venue, clock, CONFIG, arrivals(), ends_at=clock.at + 200 * S)
    agreed(path, last, venue)


def test_a_locked_book_is_refused_while_its_writer_sleeps(tmp_path: Path) -> None:
    path, clock = tmp_path / "book.sqlite", MovingClock(START)
    venue = ScriptedVenue(clock, action)
    first = Process(path, venue, clock, 5)
    first.run()
    with pytest.raises(JournalUnavailable, match="another writer"):
        Process(path, venue, clock)
    first.run()
    assert first.error() is None
    first.close()
