"""A small book without a shell, for tests of core and runtime.

``Desk`` plays the writer's part on a ``Book`` in memory: it decides, checks that deciding changed
nothing, and applies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from stretto.config.failure_tables import builtin_table
from stretto.core import events as ev
from stretto.core.book import Allocation, Book, allocation_key
from stretto.core.effects import Command, SubmitOrder
from stretto.core.engine import decide, effects_of
from stretto.core.evolve import begin, evolve, finish
from stretto.core.messages.reconciliation import inputs_of
from stretto.core.orders.order import Order
from stretto.core.terms.account import Account, AccountSnapshot, BarReturn, SymbolTerms
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.market import Bar, Instrument, MarketStatistics, Quote, Reads, VenueState
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import BookConfig, LossLimit, Permission, Policy, Rulebook
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.signal import Action, PerAccount, Signal, Urgency
from stretto.core.terms.venue import MassStatus, VenueCapabilities
from stretto.core.values import NS_PER_S, ZERO, Side, draw, draw_below, parse_iso
from stretto.runtime.recover import image_bytes
from tests.venue_views import a_view

START = parse_iso("2024-03-15T08:00:00Z")
S = NS_PER_S
VENUE = "sim"
BALANCE = Decimal(100_000)
SYMBOLS = ("EURUSD", "GBPUSD")
QUANTITY = Decimal(10_000)
DAY_NS = 86_400 * S
DAYS = tuple(f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}" for day in range(61))
Event = TypeVar("Event")

INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base_currency=symbol[:3],
        quote_currency="USD",
        pip=Decimal("0.0001"),
        tick=Decimal("0.00001"),
    )
    for symbol in SYMBOLS
}
TERMS = SymbolTerms(
    venue_symbol="x",
    contract_size=Decimal(100_000),
    lot_step=Decimal("0.01"),
    lot_min=Decimal("0.01"),
    lot_max=Decimal(50),
    margin_rate=Decimal("0.05"),
)


def sessions(*open_ns: tuple[int, int], calendar: str = "fx_week") -> SessionTable:
    """What is known of 800 days around START: the market is open in these intervals only."""
    return SessionTable(
        calendar=calendar,
        starts_at=START - 400 * DAY_NS,
        ends_at=START + 400 * DAY_NS,
        sessions=open_ns,
    )


OPEN = sessions((START - 400 * DAY_NS, START + 400 * DAY_NS))
"""The instruments' calendar without a weekend: a test that wants one says so."""


def a_rulebook(**changes: Any) -> Rulebook:
    """Permits everything, limits losses to 5 % a day and 10 % in all."""
    rulebook = Rulebook(
        rulebook_id="rules",
        firm="firm",
        programme="programme",
        phase="funded",
        version="1",
        source="the firm's page",
        as_of="2024-01-01",
        daily_loss=LossLimit(percent=Decimal(5)),
        overall_loss=LossLimit(percent=Decimal(10)),
        automation=Permission.ALLOWED,
        copy_within_owner=Permission.ALLOWED,
        copy_between_owners=Permission.ALLOWED,
        opposite_positions=Permission.ALLOWED,
    )
    return msgspec.structs.replace(rulebook, **changes)


def an_account(account_id: str, **changes: Any) -> Account:
    account = Account(
        account_id=account_id,
        firm="firm",
        owner=f"owner of {account_id}",
        venue=VENUE,
        currency="USD",
        rulebook="rules",
        initial_balance=BALANCE,
        symbols=dict.fromkeys(SYMBOLS, TERMS),
    )
    return msgspec.structs.replace(account, **changes)


def names(count: int) -> list[str]:
    return [f"a{number}" for number in range(count)]


def a_config(
    accounts: int | Sequence[Account] = 3,
    policy: Policy | None = None,
    rulebook: Rulebook | None = None,
) -> BookConfig:
    if isinstance(accounts, int):
        accounts = [an_account(name) for name in names(accounts)]
    return BookConfig(
        book_id="book",
        book_key="key",
        currency="USD",
        policy=policy or Policy(),
        instruments=INSTRUMENTS,
        rulebooks={"rules": rulebook or a_rulebook()},
        accounts={account.account_id: account for account in accounts},
        failure_tables={VENUE: builtin_table("sim")},
    )


def bars_of(symbol: str, days: Sequence[str] = DAYS) -> tuple[Bar, ...]:
    """A walk of up to half a percent a day, drawn from the symbol's name."""
    price, bars = 1_000_000, []
    for day in days:
        price += draw_below(10_001, draw("bars", symbol, day, "step")) - 5_000
        bars.append(Bar(day=day, close=Decimal(price).scaleb(-6)))
    return tuple(bars)


def returns_like(name: str) -> tuple[BarReturn, ...]:
    """Returns within ±0.5 % a day; the same name, the same returns."""
    return tuple(
        BarReturn(
            day=day, return_ppb=draw_below(10_000_001, draw("past", name, day, "r")) - 5_000_000
        )
        for day in DAYS[1:]
    )


def a_quote(symbol: str, at: int, bid: str = "1.10000", ask: str = "1.10010") -> Quote:
    return Quote(symbol=symbol, at=at, bid=Decimal(bid), ask=Decimal(ask))


def the_reads(at: int, bid: str = "1.10000", ask: str = "1.10010", **changes: Any) -> Reads:
    """Fresh quotes of both symbols, statistics at their medians, a venue that is alive."""
    statistics = MarketStatistics(
        symbol="",
        at=at,
        volatility_ppm=50,
        volatility_median_ppm=50,
        spread_median=Decimal("0.0001"),
    )
    reads = Reads(
        quotes={symbol: a_quote(symbol, at, bid, ask) for symbol in SYMBOLS},
        statistics={s: msgspec.structs.replace(statistics, symbol=s) for s in SYMBOLS},
        venues={VENUE: VenueState(venue=VENUE, connected=True, heartbeat_at=at)},
    )
    return msgspec.structs.replace(reads, **changes)


def a_signal(signal_id: str = "s1", at: int = START, **changes: Any) -> Signal:
    """Buy 10,000 EURUSD per account with a stop 30 pips away, good for half an hour."""
    signal = Signal(
        signal_id=signal_id,
        strategy_id="strategy",
        action=Action.OPEN,
        symbol="EURUSD",
        side=Side.BUY,
        size=PerAccount(quantity=QUANTITY),
        generated_at=at,
        valid_until=at + 1_800 * S,
        stop_distance=Decimal("0.0030"),
    )
    changed = msgspec.structs.replace(signal, **changes)
    assert isinstance(changed.urgency, Urgency), "a bare word is no urgency"
    return changed


def a_snapshot(account_id: str, at: int = START, **changes: Any) -> AccountSnapshot:
    snapshot = AccountSnapshot(
        account_id=account_id, at=at, balance=BALANCE, equity=BALANCE, margin_used=ZERO
    )
    return msgspec.structs.replace(snapshot, **changes)


def report_of(
    order: Order | SubmitOrder,
    exec_type: ExecType,
    status: OrdStatus,
    *,
    cum: Decimal | int = 0,
    last: Decimal | int = 0,
    price: str = "1.10010",
    exec_id: str = "",
    at: int = START,
    **changes: Any,
) -> ExecutionReport:
    """A venue's report about ``order``; leaves follow from status and total."""
    cum, last = Decimal(cum), Decimal(last)
    ended = status in (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED)
    report = ExecutionReport(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        exec_id=exec_id or f"{order.client_order_id}-{exec_type.value}-{cum}",
        exec_type=exec_type,
        ord_status=status,
        cum_qty=cum,
        leaves_qty=ZERO if ended else max(ZERO, order.quantity - cum),
        avg_px=Decimal(price) if cum else ZERO,
        order_qty=order.quantity,
        trading_day="2024-03-15",
        transact_at=at,
        last_qty=last,
        last_px=Decimal(price) if last else ZERO,
        position_id=f"T-{order.client_order_id}" if cum else "",
    )
    return msgspec.structs.replace(report, **changes)


class Desk:
    """A book, and what was fed to it. ``now`` is book time; ``entries`` what would be journaled."""

    def __init__(self, config: BookConfig | None = None, *, opened: bool = True) -> None:
        self.book = Book()
        self.now = START
        self.entries: list[ev.Entry] = []
        self.commands: list[Command] = []
        self.config = config or a_config()
        if opened:
            self.open()

    def open(self) -> None:
        """Configuration, calendar, bars, histories and a snapshot of every account."""
        self.feed(ev.BookOpened(config=self.config))
        self.feed(ev.CalendarObserved(table=OPEN))
        for symbol in SYMBOLS:
            self.feed(ev.BarsObserved(symbol=symbol, bars=bars_of(symbol)))
        for name in sorted(self.config.accounts):
            self.feed(ev.HistoryObserved(account_id=name, bars=returns_like(name)))
            self.see(a_view(name, START))

    def feed(self, item: ev.Input, reads: Reads | None = None) -> tuple[ev.Event, ...]:
        """Decide and apply one input at ``now``; deciding must not touch the book."""
        if reads is None:
            reads = the_reads(self.now)
        before = image_bytes(self.book)
        events = decide(self.book, item, reads, self.now)
        assert image_bytes(self.book) == before, "decide changed the book"
        for event in events:
            if isinstance(event, ev.InterventionRequired):
                assert event.known.get("can_be_done"), f"{event.reason} leaves a person at a loss"
        if events:
            begin(self.book, self.book.seq + 1, self.now)
            for event in events:
                if isinstance(item, ev.SignalReceived) and isinstance(event, ev.OrderIntended):
                    assert self._at_release(event, reads) == (event,), "what left with its plan"
                evolve(self.book, event)
            finish(self.book)
            entry = ev.Entry(seq=self.book.seq, at=self.now, input=item, reads=reads, events=events)
            self.entries.append(entry)
            self.commands += effects_of(self.book, entry)
        return events

    def _at_release(self, intended: ev.OrderIntended, reads: Reads) -> tuple[ev.Event, ...]:
        """What the release of an order would decide now, through its whole gate."""
        key = allocation_key(intended.order.execution_id, intended.order.account_id)
        release = ev.TimerDue(timer=ev.TimerKind.RELEASE, key=key, due_at=self.now)
        return decide(self.book, release, reads, self.now)

    def plan(self, signal: Signal | None = None, reads: Reads | None = None) -> Plan:
        """Feed a signal; its plan, or the plan that says no."""
        signal = signal or a_signal(at=self.now)
        event, *_ = self.feed(ev.SignalReceived(signal=signal), reads)
        assert isinstance(event, ev.SignalPlanned | ev.SignalRefused)
        return event.plan

    def timers_until(self, at: int, reads: Callable[[int], Reads] = the_reads) -> list[ev.Event]:
        """Fire every timer due until ``at``, each at its time, and be there."""
        events: list[ev.Event] = []
        while (due_at := self.book.timers.next_at()) is not None and due_at <= at:
            self.now = max(self.now, due_at)
            ((key, due_at),) = self.book.timers.due(self.now, 1)
            kind, _, name = key.partition(":")
            item = ev.TimerDue(timer=ev.TimerKind(kind), key=name, due_at=due_at)
            events += self.feed(item, reads(self.now))
        self.now = max(self.now, at)
        return events

    def send(
        self, order: Order, outcome: ev.SendOutcomeKind = ev.SendOutcomeKind.SENT
    ) -> tuple[ev.Event, ...]:
        return self.feed(
            ev.SendReported(
                client_order_id=order.client_order_id, outcome=outcome, sent_at=self.now
            )
        )

    def report(
        self,
        order: Order,
        exec_type: ExecType,
        status: OrdStatus,
        **changes: Any,
    ) -> tuple[ev.Event, ...]:
        report = report_of(order, exec_type, status, **({"at": self.now} | changes))
        return self.feed(ev.VenueReported(report=report))

    def see(self, view: MassStatus, **capabilities: Any) -> tuple[ev.Event, ...]:
        """Take in a view of an account, as the runtime does."""
        events: list[ev.Event] = []
        for item in inputs_of(self.book, view, VenueCapabilities(**capabilities)):
            events += self.feed(item)
        return tuple(events)

    def released(self, signal: Signal | None = None) -> list[Order]:
        """Plan a signal and fire its releases; the orders intended, in order of release."""
        before = len(self.commands)
        assert self.plan(signal).refused is None
        self.timers_until(self.now + 31 * S)
        submits = [c for c in self.commands[before:] if isinstance(c, SubmitOrder)]
        return [self.book.orders[c.client_order_id] for c in submits]

    def order(self, signal: Signal | None = None) -> Order:
        """The first released order of a signal, sent."""
        order = self.released(signal)[0]
        self.send(order)
        return self.book.orders[order.client_order_id]

    def allocation(self, order: Order) -> Allocation:
        return self.book.allocations[allocation_key(order.execution_id, order.account_id)]


def only(events: Sequence[object], kind: type[Event]) -> Event:
    """The one event of its kind."""
    (found,) = (event for event in events if isinstance(event, kind))
    return found


class FixedMarket:
    """Quotes that never move, always fresh; ``reads`` may be replaced."""

    def __init__(self) -> None:
        self.reads_at: Callable[[int], Reads] = the_reads

    def reads(self, symbols: Sequence[str], at_ns: int) -> Reads:
        found = self.reads_at(at_ns)
        quotes = {s: q for s, q in found.quotes.items() if s in symbols}
        return Reads(quotes=quotes, statistics=found.statistics)


class OpenMarkets:
    """Calendars without a weekend, over any span."""

    names = (OPEN.calendar,)

    def table(self, name: str, starts_at: int, ends_at: int) -> SessionTable:
        sessions = ((starts_at, ends_at),)
        return SessionTable(calendar=name, starts_at=starts_at, ends_at=ends_at, sessions=sessions)
