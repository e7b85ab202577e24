"""A session in paced time that runs beside the test, with a database and a control socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from stretto.bootstrap import EntryCodec
from stretto.core.book import Book
from stretto.core.terms.signal import Signal, Urgency
from stretto.runtime.clock import LoopClock, PacedLoop
from stretto.runtime.control import ControlSocket, socket_path
from stretto.runtime.recover import recover
from stretto.runtime.supervisor import Opening, Supervisor
from stretto.runtime.writer import Writer
from tests.builders import (
    START,
    SYMBOLS,
    FixedMarket,
    OpenMarkets,
    S,
    a_config,
    a_signal,
    bars_of,
    returns_like,
)
from tests.scripted_venue import ScriptedVenue
from tests.session import ENGINE, MovingClock, projector, sqlite

SPEED = Decimal(50)
START_WITHIN_S = 60


@contextmanager
def running(db: Path, venue: ScriptedVenue, accounts: int = 1) -> Iterator[None]:
    """The venue's accounts, each with one order, until the block ends. It begins when the book
    has been told what the venue made of them.
    """
    clock = venue.clock
    assert isinstance(clock, MovingClock)
    ready, enough = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def is_told(book: Book) -> bool:
        cums = {name: cum for name, (_, _, cum) in venue.orders.items()}
        return len(cums) == accounts and all(book.orders[n].cum_qty == cums[n] for n in cums)

    async def arrivals(book: Book) -> AsyncIterator[Signal]:
        yield a_signal("held", clock.now_ns(), urgency=Urgency.IMMEDIATE)
        await clock.sleep_until(clock.now_ns() + 2 * S)
        while not (is_told(book) or enough.is_set()):
            await clock.sleep_until(clock.now_ns() + S // 2)
        ready.set()
        while not enough.is_set():
            await clock.sleep_until(clock.now_ns() + S // 2)

    def play() -> None:
        try:
            _play(db, venue, clock, accounts, arrivals)
        except BaseException as error:  # shown by the test, whatever it is
            raised.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=play)
    thread.start()
    try:
        assert ready.wait(START_WITHIN_S)
        yield
    finally:
        enough.set()
        thread.join(START_WITHIN_S)
    assert not raised, raised


def _play(
    db: Path,
    venue: ScriptedVenue,
    clock: MovingClock,
    accounts: int,
    arrivals: Callable[[Book], AsyncIterator[Signal]],
) -> None:
    config = a_config(accounts)
    journal = sqlite(db)
    journal.open()
    loop = PacedLoop(START, SPEED)
    clock.inner = LoopClock(loop)
    tables = projector()
    journal.append((), tables.create)
    codec = EntryCodec(config.book_id)
    writer = Writer(
        book=recover(journal, codec, ENGINE),
        journal=journal,
        codec=codec,
        projector=tables,
        brokers=(venue,),
        market=FixedMarket(),
        clock=clock,
    )
    opening = Opening(
        config,
        {symbol: bars_of(symbol) for symbol in SYMBOLS},
        {name: returns_like(name) for name in config.accounts},
        OpenMarkets(),
    )
    supervisor = Supervisor(writer, {venue.venue: venue}, clock, opening)
    control = ControlSocket(writer, supervisor.reconciler.compare, socket_path(db, "book"))

    async def session() -> None:
        await control.open()
        try:
            await supervisor.run(
                arrivals(writer.book),
                ends_at=clock.now_ns(),
                recovered=False,
                engine_version=ENGINE,
            )
            await asyncio.sleep(0)
        finally:
            await control.close()

    try:
        loop.run_until_complete(session())
    finally:
        loop.close()
        journal.close()
