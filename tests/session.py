"""A session in virtual time for tests: any journal, any broker, killed where the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from stretto.bootstrap import EntryCodec
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.engine import decide
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.signal import Signal
from stretto.journal.sqlite import SqliteJournal
from stretto.journal.steps import Observer, unobserved
from stretto.ports import Broker, Calendars, Clock, Journal, MarketData, Projector
from stretto.runtime.clock import LoopClock, VirtualTimeLoop
from stretto.runtime.recover import Decoder, apply_entry, recover
from stretto.runtime.supervisor import Opening, Supervisor
from stretto.runtime.writer import Writer
from stretto.views.projector import SqlProjector
from tests.builders import SYMBOLS, FixedMarket, OpenMarkets, S, bars_of, returns_like

ENGINE = "test"


class Killed(BaseException):
    """The process ends here."""


class MovingClock:
    """A clock that outlives an event loop, for a venue that does."""

    def __init__(self, at: int) -> None:
        self.inner: Clock | None = None
        self.at = at

    def now_ns(self) -> int:
        if self.inner is not None:
            self.at = max(self.at, self.inner.now_ns())
        return self.at

    async def sleep_until(self, at_ns: int) -> None:
        assert self.inner is not None
        await self.inner.sleep_until(at_ns)


def play(
    journal: Journal,
    broker: Broker,
    clock: MovingClock,
    config: BookConfig,
    arrivals: Sequence[tuple[int, Signal]],
    *,
    ends_at: int | None,
    projector: Projector | None = None,
    market: MarketData | None = None,
    on_writer: Callable[[Writer], None] | None = None,
    calendars: Calendars | None = None,
) -> Writer:
    """Open the journal, recover, and run until ``ends_at``; whatever happens, close the journal."""
    journal.open()
    loop = VirtualTimeLoop(clock.now_ns())
    clock.inner = LoopClock(loop)
    try:
        writer, session = begun(
            journal, broker, clock, config, arrivals,
            ends_at=ends_at, projector=projector, market=market, calendars=calendars,
        )  # fmt: skip
        if on_writer is not None:
            on_writer(writer)
        loop.run_until_complete(session)
        return writer
    finally:
        clock.now_ns()
        clock.inner = None
        loop.close()
        journal.close()


def begun(
    journal: Journal,
    broker: Broker,
    clock: MovingClock,
    config: BookConfig,
    arrivals: Sequence[tuple[int, Signal]],
    *,
    ends_at: int | None,
    projector: Projector | None = None,
    market: MarketData | None = None,
    calendars: Calendars | None = None,
) -> tuple[Writer, Coroutine[Any, Any, None]]:
    """A writer on an open journal, recovered, and its session, to be run."""
    book = recover(journal, EntryCodec(config.book_id), ENGINE)
    writer = Writer(
        book=book,
        journal=journal,
        codec=EntryCodec(config.book_id),
        projector=projector,
        brokers=(broker,),
        market=market or FixedMarket(),
        clock=clock,
    )
    opening = Opening(
        config,
        {symbol: bars_of(symbol) for symbol in SYMBOLS},
        {name: returns_like(name) for name in config.accounts},
        calendars or OpenMarkets(),
    )
    supervisor = Supervisor(writer, {broker.venue: broker}, clock, opening)
    session = supervisor.run(
        _arriving(arrivals, book, clock),
        ends_at=ends_at,
        recovered=book.seq > 0,
        engine_version=ENGINE,
    )
    return writer, session


async def _arriving(
    arrivals: Sequence[tuple[int, Signal]], book: Book, clock: Clock
) -> AsyncIterator[Signal]:
    for at_ns, signal in arrivals:
        if signal.signal_id not in book.signals:
            await clock.sleep_until(at_ns)
            yield signal


def sqlite(path: Path, observer: Observer = unobserved) -> SqliteJournal:
    return SqliteJournal(path, "book", observer=observer)


def projector() -> SqlProjector:
    return SqlProjector("book")


def entries(path: Path) -> list[ev.Entry]:
    """Every entry of a closed journal."""
    journal = SqliteJournal(path, "book", read_only=True)
    journal.open()
    try:
        codec = EntryCodec("book")
        return [codec.restore(stored) for stored in journal.read()]
    finally:
        journal.close()


def later(clock: MovingClock, seconds: int = 1) -> int:
    """Let time pass between two processes."""
    clock.at += seconds * S
    return clock.at


def redecide(journal: Journal, codec: Decoder) -> Iterator[tuple[ev.Entry, tuple[ev.Event, ...]]]:
    """Every entry with what ``decide`` says about its input today, on the state the journal gives.

    Under the engine version that wrote an entry both are equal, byte for byte (DESIGN §1.4).
    """
    book = Book()
    for stored in journal.read():
        entry = codec.restore(stored)
        yield entry, decide(book, entry.input, entry.reads, entry.at)
        apply_entry(book, entry)
