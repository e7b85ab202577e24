"""Joins the parts: the only module that names concrete adapters for the others.

A ``Scenario`` is everything a session needs besides its database; ``run`` plays one, from the
beginning or from where the journal stops. Decides nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zoneinfo
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stretto import __version__
from stretto.brokers.remote import RemoteVenue
from stretto.brokers.remote_wire import AskPace, Pace, Paced, ask_once
from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.brokers.sim_config import SimVenueConfig
from stretto.brokers.sim_faults import FaultPlan
from stretto.brokers.sim_memory import CommandLog
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.core.terms.account import BarReturn
from stretto.core.terms.exit_signal import AnySignal
from stretto.core.terms.market import Bar
from stretto.core.terms.policy import BookConfig
from stretto.journal import entries as stored_form
from stretto.journal.chain import ChainBroken
from stretto.journal.snapshot import SnapshotNotKept
from stretto.journal.sqlite import SqliteJournal
from stretto.market.calendars import Calendars, VenueHours
from stretto.market.feed import SeriesMarket
from stretto.ports import Broker, Clock, PreparedEntry, StoredEntry
from stretto.runtime.clock import LoopClock, PacedLoop, SessionLoop, VirtualTimeLoop
from stretto.runtime.collector import collecting_rarely
from stretto.runtime.control import ControlSocket
from stretto.runtime.recover import recover, snapshot_of
from stretto.runtime.supervisor import Opening, Supervisor
from stretto.runtime.writer import Writer
from stretto.views.position import check_end, written_until
from stretto.views.projector import SqlProjector

zoneinfo.reset_tzpath([])  # zones come from the pinned tzdata, the same on every machine

SNAPSHOT_ENTRIES = 200_000


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """A venue that another process serves: the socket's path, and what it was made of."""

    address: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A session's surroundings. ``arrivals``: (ns UTC, signal) in order of time; ``balances`` in
    account currency; ``ends_at`` ns UTC, or None to end when nothing is open any more; ``faults``
    is what goes wrong at the venues; ``elsewhere`` are those that another process serves.
    """

    config: BookConfig
    market: SeriesMarket
    venues: Mapping[str, SimVenueConfig]
    balances: Mapping[str, Decimal]
    arrivals: Sequence[tuple[int, AnySignal]]
    starts_at: int
    ends_at: int | None
    seed: int
    bars: Mapping[str, Sequence[Bar]] = field(default_factory=dict)
    histories: Mapping[str, Sequence[BarReturn]] = field(default_factory=dict)
    faults: FaultPlan | None = None
    is_given_anew: bool = False
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a session leaves beside its journal: the ``venues`` of its own process.
    ``inputs_unchanged`` were handled and changed nothing; ``signals_turned_away`` found no room in
    the inbox and were not handled.
    """

    venues: dict[str, SimVenue]
    inputs_unchanged: int
    signals_turned_away: int


class EntryCodec:
    """The stored form of one book's entries."""

    def __init__(self, book_id: str) -> None:
        self._book_id = book_id

    def prepare(self, entry: ev.Entry) -> PreparedEntry:
        """Header and payload bytes of one handled input."""
        execution_id, account_id = ev.subject_of(entry)
        return stored_form.prepare(
            entry,
            book_id=self._book_id,
            engine_version=__version__,
            execution_id=execution_id,
            account_id=account_id,
            correlation_id=execution_id,
            actor=ev.actor_of(entry.input),
        )

    def restore(self, stored: StoredEntry) -> ev.Entry:
        """The handled input of a verified entry."""
        return stored_form.restore(stored)


@dataclass(frozen=True, kw_only=True)
class OpenBook:
    """A book opened for writing: its journal holds the writer's lock."""

    journal: SqliteJournal
    codec: EntryCodec
    projector: SqlProjector
    book: Book

    def save_snapshot(self, book: Book) -> None:
        """Keep a disposable snapshot; where there is no room for one, go on without."""
        with contextlib.suppress(SnapshotNotKept):
            self.journal.save_snapshot(snapshot_of(book, self.journal.head[1], __version__))


@contextlib.contextmanager
def open_book(db: Path, book_id: str, *, create: bool, verify: bool = False) -> Iterator[OpenBook]:
    """Take the writer's lock and replay. Raises JournalUnavailable, JournalDamaged.

    What is replayed is verified: every entry after the snapshot, and that the snapshot was taken on
    this chain; without a snapshot, every entry. With ``verify`` the entries before it as well.
    """
    journal = SqliteJournal(db, book_id, create=create)
    journal.open()
    try:
        if verify:
            found = journal.verify()
            if not found.intact:
                raise ChainBroken(book_id, found.bad_seq or 0, found.problem)
        codec = EntryCodec(book_id)
        projector = SqlProjector(book_id)

        def prepare(connection: sqlite3.Connection) -> None:
            projector.create(connection)
            check_end(written_until(connection, book_id), journal.head[0], f"{db}: book {book_id}")

        journal.append((), prepare)
        yield OpenBook(
            journal=journal,
            codec=codec,
            projector=projector,
            book=recover(journal, codec, __version__),
        )
    finally:
        journal.close()


def venue_log(db: Path, venue: str) -> Path:
    """Where a simulated venue keeps what it was sent, beside the book's database."""
    return db.with_name(f"{db.name}.venue-{quote(venue, safe='')}.jsonl")


def calendars_of(config: BookConfig) -> Calendars:
    """The calendars that a configuration names."""
    return Calendars(config.instruments.values(), config.maintenance)


def opening_of(scenario: Scenario) -> Opening:
    """What a scenario's book is told before its first signal."""
    return Opening(
        scenario.config, scenario.bars, scenario.histories, calendars_of(scenario.config)
    )


def venues_of(
    scenario: Scenario,
    clock: Clock,
    db: Path | None = None,
    names: Collection[str] | None = None,
    log: CommandLog | None = None,
) -> dict[str, SimVenue]:
    """The simulated venues of a scenario, or those of that name, each with its accounts; beside
    ``db`` they keep what they were sent, so that they remember it after a crash, else in ``log``.
    """
    venues: dict[str, SimVenue] = {}
    calendars = calendars_of(scenario.config)
    for name in sorted(scenario.venues if names is None else names):
        venues[name] = SimVenue(
            scenario.venues[name],
            clock,
            scenario.market,
            VenueHours(calendars, name, scenario.config.instruments),
            scenario.config.instruments,
            sim_accounts(scenario.config.accounts.values(), name, scenario.balances),
            scenario.seed,
            log if db is None else CommandLog(venue_log(db, name)),
            scenario.faults,
        )
    return venues


def pace_of(scenario: Scenario) -> Pace | None:
    """How time passes at the venues that another process serves; None where there is none. Raises
    BrokerUnreachable, and InvalidInput where they do not share their time.
    """
    found: Pace | None = None
    first = ""
    for address in sorted({each.address for each in scenario.elsewhere.values()}):
        answer = ask_once(address, AskPace())
        if not isinstance(answer, Paced):
            raise BrokerUnreachable(f"{address}: no answer of a venue")
        if found is not None and answer.pace != found:
            raise InvalidInput(
                f"address {address}", f"its time is another than at {first}", "one `stretto venue`"
            )
        found, first = answer.pace, address
    return found


def run(
    scenario: Scenario,
    opened: OpenBook,
    *,
    speed: Decimal | None = None,
    pace: Pace | None = None,
    arrivals: Callable[[Clock], AsyncIterator[AnySignal]] | None = None,
    on_entry: Callable[[ev.Entry], None] | None = None,
    on_start: Callable[[Writer], None] | None = None,
    control: Path | None = None,
) -> Ended:
    """Play the scenario on the opened book and say how it ended. ``speed`` None is virtual time,
    else a multiple of real time; ``pace`` is that of the venues elsewhere. ``arrivals`` takes the
    place of the scenario's own, where signals come as the session goes; on ``control`` people reach
    the book. Raises what halted the book.
    """
    resumed = opened.book.seq > 0
    starts_at = max(scenario.starts_at, opened.book.at)
    loop = _loop(starts_at, speed, pace)
    clock = LoopClock(loop)
    if not resumed:  # a log without a book is of another one, whose database was deleted
        for name in scenario.venues:
            venue_log(opened.journal.path, name).unlink(missing_ok=True)
    own = [name for name in scenario.venues if name not in scenario.elsewhere]
    venues = venues_of(scenario, clock, opened.journal.path, own)
    brokers: dict[str, Broker] = {**venues, **_connections(scenario, clock, pace)}
    writer = Writer(
        book=opened.book,
        journal=opened.journal,
        codec=opened.codec,
        projector=opened.projector,
        brokers=tuple(brokers.values()),
        market=scenario.market,
        clock=clock,
        snapshot=opened.save_snapshot,
        snapshot_every=SNAPSHOT_ENTRIES,
    )
    if on_entry is not None:
        writer.on_entry.append(on_entry)
    if on_start is not None:
        on_start(writer)
    opening = opening_of(scenario)
    supervisor = Supervisor(writer, brokers, clock, opening)
    incoming = (
        _arriving(_due(scenario, opened.book), clock) if arrivals is None else arrivals(clock)
    )
    try:
        session = supervisor.run(
            incoming,
            ends_at=scenario.ends_at,
            recovered=resumed,
            engine_version=__version__,
        )
        with collecting_rarely():
            loop.run_until_complete(
                session if control is None else _reached(session, writer, supervisor, control)
            )
    finally:
        loop.close()
    return Ended(
        venues=venues,
        inputs_unchanged=writer.unjournaled,
        signals_turned_away=supervisor.signals_turned_away,
    )


def _loop(starts_at: int, speed: Decimal | None, pace: Pace | None) -> SessionLoop:
    if pace is not None:
        return PacedLoop(pace.start_ns, Decimal(pace.speed), pace.began_ns)
    return VirtualTimeLoop(starts_at) if speed is None else PacedLoop(starts_at, speed)


def _connections(scenario: Scenario, clock: Clock, pace: Pace | None) -> dict[str, Broker]:
    if pace is None:
        return {}
    return {
        name: RemoteVenue(
            name,
            elsewhere.address,
            clock,
            elsewhere.fingerprint,
            scenario.venues[name].capabilities,
            pace,
        )
        for name, elsewhere in sorted(scenario.elsewhere.items())
    }


async def _reached(
    session: Coroutine[Any, Any, None], writer: Writer, supervisor: Supervisor, path: Path
) -> None:
    """The session, with a socket on which people reach its writer."""
    control = ControlSocket(writer, supervisor.reconciler.compare, path)
    try:
        await control.open()
    except BaseException:
        session.close()
        raise
    try:
        await session
    finally:
        await control.close()


def _due(scenario: Scenario, book: Book) -> list[tuple[int, AnySignal]]:
    """What has not arrived yet. A signal that reached a process which stopped before it was
    journaled is not known to the book, and arrives again; so does, where the arrivals are given
    anew, another signal under a known id, to be refused.
    """
    return [
        (at, signal)
        for at, signal in scenario.arrivals
        if at > book.at
        or (known := book.signals.get(signal.signal_id)) is None
        or (scenario.is_given_anew and known.signal != signal)
    ]


async def _arriving(due: Sequence[tuple[int, AnySignal]], clock: Clock) -> AsyncIterator[AnySignal]:
    for at_ns, signal in due:
        await clock.sleep_until(at_ns)
        yield signal
