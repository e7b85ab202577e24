"""A book, a venue and a wire between them that fails as a test says, in virtual time.

The journal outlives the processes that write it; each process is one ``World.run``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.brokers.sim_config import SimVenueConfig
from stretto.brokers.sim_faults import FaultPlan
from stretto.core import events as ev
from stretto.core.book import Allocation, Book
from stretto.core.orders.order import Order
from stretto.core.terms import intervention as iv
from stretto.core.terms.report import ExecutionReport, OrderType
from stretto.core.terms.signal import ListedAccounts, PerAccount, Signal, Urgency
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.market import Calendars, VenueHours
from stretto.market.feed import SeriesMarket
from stretto.runtime.writer import Writer
from tests.book_invariants import replays
from tests.builders import (
    BALANCE,
    INSTRUMENTS,
    START,
    SYMBOLS,
    TERMS,
    S,
    a_config,
    a_signal,
    an_account,
)
from tests.session import MovingClock, play
from tests.unit.market.series_maker import series_of
from tests.wire import Wire

COMMISSION = {s: replace(TERMS, commission_per_lot=Decimal("3.5")) for s in SYMBOLS}
CONFIG = a_config([an_account(name, symbols=COMMISSION) for name in ("a0", "a1")])
LIMIT = Decimal("1.10000")
LOT = Decimal(100_000)


def a_market(*dips: tuple[int, int]) -> SeriesMarket:
    """A tick a second; the ask stands a pip above LIMIT, and in the dips (from, to; s) below it."""
    rows = []
    for second in range(-600, 3_600):
        low = any(begins <= second < ends for begins, ends in dips)
        bid = 110_000 - (20 if low else 0)
        rows.append((START + second * S, bid, bid + 10))
    return SeriesMarket({symbol: series_of(symbol, rows) for symbol in SYMBOLS})


@dataclass
class World:
    """A venue, the wire to it, and a journal that outlives the processes that write it."""

    market: SeriesMarket = field(default_factory=a_market)
    faults: FaultPlan | None = None
    venue: SimVenueConfig = field(
        default_factory=lambda: SimVenueConfig(
            depth_lots=Decimal(100), requote_ppm=0, reject_ppm={}
        )
    )
    seed: int = 5

    def __post_init__(self) -> None:
        self.clock, self.store = MovingClock(START), MemoryStore()
        accounts = sim_accounts(
            CONFIG.accounts.values(), "sim", dict.fromkeys(CONFIG.accounts, BALANCE)
        )
        hours = VenueHours(Calendars(INSTRUMENTS.values(), {}), "sim", INSTRUMENTS)
        behind = SimVenue(
            self.venue, self.clock, self.market, hours, INSTRUMENTS, accounts, self.seed,
            faults=self.faults,
        )  # fmt: skip
        self.wire = Wire(behind, self.clock)
        self.entries: list[ev.Entry] = []
        self.writer: Writer | None = None

    def run(self, *signals: Signal, until_s: int) -> Book:
        """One process, from now until then; the book it leaves, replayed and its laws checked."""

        def watched(writer: Writer) -> None:
            self.writer = writer
            writer.on_entry.append(self.entries.append)

        writer = play(
            MemoryJournal("book", self.store), self.wire, self.clock, CONFIG,
            [(signal.generated_at, signal) for signal in signals],
            ends_at=START + until_s * S, market=self.market, on_writer=watched,
        )  # fmt: skip
        replays(writer.book, self.entries)
        return writer.book

    def ask(self, second: float, action: Callable[[], iv.Action]) -> None:
        """A person asks for something at that second of the session."""

        def ask() -> None:
            assert self.writer is not None
            item = ev.Intervened(
                request_id=f"r{second}", actor="ada", reason="news", action=action()
            )
            assert self.writer.post(item)

        self.wire.at(START + round(second * S), ask)

    def faulted(self) -> list[Any]:
        """What went wrong at the venue, by its own account."""
        dump: Any = self.wire.behind.dump()
        found: list[Any] = dump["faults"]
        return found

    @property
    def book(self) -> Book:
        assert self.writer is not None
        return self.writer.book

    def happened(self, kind: type[Any]) -> list[Any]:
        """Journaled events of a kind, in order."""
        return [e for entry in self.entries for e in entry.events if isinstance(e, kind)]


def now(second: int = 1, **changes: Any) -> Signal:
    """Buy in a0 at once, at the market."""
    terms: dict[str, Any] = {
        "urgency": Urgency.IMMEDIATE,
        "accounts": ListedAccounts(account_ids=("a0",)),
        "size": PerAccount(quantity=LOT / 2),
    }
    return a_signal(f"s{second}", START + second * S, **(terms | changes))


def resting(second: int = 1, **changes: Any) -> Signal:
    """Buy in a0 at once, a pip below the market."""
    terms = {"order_type": OrderType.LIMIT, "limit_price": LIMIT}
    return now(second, **(terms | changes))


def the_order(book: Book) -> Order:
    (order,) = book.orders.values()
    return order


def the_allocation(book: Book) -> Allocation:
    (allocation,) = book.allocations.values()
    return allocation


def said(world: World) -> list[ExecutionReport]:
    """What venues reported by themselves, as journaled."""
    return [e.input.report for e in world.entries if isinstance(e.input, ev.VenueReported)]
