"""Plays a prepared session on a database: start or resume, stop on request, say where it stands.

A stop request lets the writer finish the batch in hand; nothing further is sent. What is open then
is carried on by ``resume``.
"""

from __future__ import annotations

import asyncio
import signal as system_signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any

from stretto.bootstrap import Scenario, open_book, pace_of, run
from stretto.brokers.remote_wire import Pace
from stretto.brokers.sim import SimVenue
from stretto.config import read_signals
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import InvalidInput
from stretto.core.terms.exit_signal import AnySignal
from stretto.core.values import NS_PER_S, iso
from stretto.ports import Clock
from stretto.runtime.control import socket_path
from stretto.runtime.writer import Writer
from stretto.sessions.incoming import from_standard_input
from stretto.sessions.scenario import STANDARD_INPUT, book_id_of
from stretto.sessions.started import RunArguments, Session, StartedWith, remember

SPEED_MAX = "max"
Listener = Callable[[ev.Entry], None]


@dataclass(frozen=True, kw_only=True)
class Played:
    """How a session ended. ``stopped_by`` is the number of the system's signal, 0 where it came to
    its own end; ``malformed`` counts lines of standard input that were no signals. ``is_over``:
    nothing is left that ``resume`` would go on with.
    """

    book_id: str
    entries: int
    chain_head: bytes
    at: int
    venues: dict[str, SimVenue]
    stopped_by: int
    malformed: int
    is_over: bool = True
    inputs_unchanged: int = 0
    signals_turned_away: int = 0


class Stop:
    """A request to stop: by the system's signals, or by whoever calls ``request``."""

    def __init__(self) -> None:
        self.number = 0
        self._writer: Writer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, writer: Writer) -> None:
        """Tell which writer to stop. Its loop is known with its first entry."""
        self._writer = writer
        writer.on_entry.insert(0, self._first_entry)

    def request(self, number: int) -> None:
        """Stop after the batch in hand; before there is a writer, at once."""
        self.number = number
        if self._loop is None or self._writer is None:
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._writer.stop)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM for stop requests meanwhile; where that can be done."""
        before: dict[int, Any] = {}
        with suppress(ValueError):  # not the main thread
            for number in (int(system_signal.SIGINT), int(system_signal.SIGTERM)):
                before[number] = system_signal.signal(number, self._received)
        try:
            yield
        finally:
            for number, handler in before.items():
                system_signal.signal(number, handler)
            self._loop = self._writer = None

    def _received(self, number: int, _: FrameType | None) -> None:
        self.request(number)

    def _first_entry(self, _: ev.Entry) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()


def play(
    db: Path,
    started: StartedWith,
    scenario: Scenario,
    *,
    create: bool,
    signals_from: str = "",
    on_entry: Listener | None = None,
    on_malformed: Callable[[str], None] | None = None,
    on_read: Callable[[AnySignal, str], object] = lambda _signal, _place: None,
    downtime_s: Decimal = Decimal(0),
    stop: Stop | None = None,
    verify: bool = False,
) -> Played:
    """Run the session to its end or a stop request. ``create`` says whether the database may be
    made; ``signals_from`` is ``-`` where signals come on standard input, each told to ``on_read``
    with its place; ``downtime_s`` is book time that passes before it goes on. Raises what halted
    the book.
    """
    stop = stop or Stop()
    book_id = book_id_of(started)
    pace = pace_of(scenario)
    speed = _speed(started, pace)
    malformed: list[str] = []

    def wrong(text: str) -> None:
        malformed.append(text)
        if on_malformed is not None:
            on_malformed(text)

    def incoming(clock: Clock) -> AsyncIterator[AnySignal]:
        return from_standard_input(
            clock, speed, scenario.ends_at, wrong, on_read, lambda: stop.number != 0
        )

    reads_input = signals_from == STANDARD_INPUT
    with stop.listening(), open_book(db, book_id, create=create, verify=verify) as opened:
        remember(opened.journal, book_id, Session(started=started))
        scenario = _from_now(scenario, opened.book, pace, downtime_s)
        ended = run(
            scenario,
            opened,
            speed=speed,
            pace=pace,
            arrivals=incoming if reads_input else None,
            on_entry=on_entry,
            on_start=stop.attach,
            control=_control(db, book_id, speed),
        )
        is_over = not stop.number and _is_over(started, opened.book, pace)
        if is_over:
            remember(opened.journal, book_id, Session(started=started, ended=True))
        opened.save_snapshot(opened.book)
        entries, chain_head = opened.journal.head
        return Played(
            book_id=book_id,
            entries=entries,
            chain_head=chain_head,
            at=opened.book.at,
            venues=ended.venues,
            stopped_by=stop.number,
            malformed=len(malformed),
            is_over=is_over,
            inputs_unchanged=ended.inputs_unchanged,
            signals_turned_away=ended.signals_turned_away,
        )


def _from_now(scenario: Scenario, book: Book, pace: Pace | None, downtime_s: Decimal) -> Scenario:
    """The scenario as it goes on after ``downtime_s``. Raises InvalidInput."""
    if pace is not None:
        _check_time(pace, book, downtime_s)
    elif downtime_s and book.seq:
        scenario = replace(scenario, starts_at=book.at + int(downtime_s * NS_PER_S))
    if scenario.ends_at is not None and scenario.ends_at < scenario.starts_at:
        scenario = replace(scenario, ends_at=scenario.starts_at)
    return scenario


def _is_over(started: StartedWith, book: Book, pace: Pace | None) -> bool:
    """Whether a session that ended by itself left nothing open. Orders may rest at venues, and what
    a person asks about them later has to go out; a demo's day is over with whatever it left.
    """
    if book.open_executions and (pace is not None or isinstance(started, RunArguments)):
        return False
    if not isinstance(started, RunArguments) or started.until is None:
        return True
    left_out = started.signals not in ("", STANDARD_INPUT) and any(
        signal.generated_at >= started.until for signal in read_signals(Path(started.signals))
    )
    return not left_out and book.is_at_rest


def _control(db: Path, book_id: str, speed: Decimal | None) -> Path | None:
    """Virtual time passes faster than anybody asks, so that only paced time has a socket."""
    if speed is None or not hasattr(asyncio, "start_unix_server"):
        return None
    return socket_path(db, book_id)


def _speed(started: StartedWith, pace: Pace | None) -> Decimal | None:
    """Raises InvalidInput where the venues' time passes at another speed than was asked for."""
    asked = None
    if isinstance(started, RunArguments) and started.speed != SPEED_MAX:
        asked = Decimal(started.speed)
    if pace is None:
        return asked
    if asked is not None and asked != Decimal(pace.speed):
        raise InvalidInput(
            "--speed", f"is {asked}, and the venue's time passes at {pace.speed}", "no --speed"
        )
    return Decimal(pace.speed)


def _check_time(pace: Pace, book: Book, downtime_s: Decimal) -> None:
    """Raise InvalidInput where the book's time cannot go on by the venue's."""
    if downtime_s:
        raise InvalidInput(
            "--downtime", "the venue's own time passes while the book is down", "no --downtime"
        )
    now = pace.now_ns()
    if now < book.at:
        raise InvalidInput(
            "the venue's time",
            f"is {iso(now)[:19]}Z, before the book's last entry at {iso(book.at)[:19]}Z: it was "
            "started anew and has forgotten the book's orders",
            "the venue that the book began with, or a new database",
        )
