"""Books for the benchmarks: many like accounts, many symbols, returns without structure."""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.engine import decide
from stretto.core.evolve import begin, evolve, finish
from stretto.core.terms.account import (
    Account,
    AccountSnapshot,
    BarReturn,
    PositionMode,
    SymbolTerms,
)
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.market import Bar, Instrument, MarketStatistics, Quote, Reads, VenueState
from stretto.core.terms.policy import BookConfig, LossLimit, Permission, Policy, Rulebook
from stretto.core.terms.signal import Action, Addressing, AllAccounts, PerAccount, Signal, Urgency
from stretto.core.terms.venue import MassStatus
from stretto.core.values import NS_PER_S, Side, draw, draw_below, parse_iso

START_NS = parse_iso("2024-03-15T08:00:00Z")
KEY = "bench"
BARS = 60


def symbols(count: int) -> list[str]:
    """Names of ``count`` symbols quoted in USD."""
    return [f"{chr(65 + at // 26)}{chr(65 + at % 26)}XUSD" for at in range(count)]


def config(accounts: int, symbol_count: int, policy: Policy | None = None) -> BookConfig:
    """Like accounts of fifty owners at one firm that allows everything."""
    names = symbols(symbol_count)
    allowed = Permission.ALLOWED
    rulebook = Rulebook(
        rulebook_id="open",
        firm="Bench",
        programme="one",
        phase="funded",
        version="1",
        source="made for benchmarks",
        as_of="2024-01-01",
        daily_loss=LossLimit(percent=Decimal(5)),
        overall_loss=LossLimit(percent=Decimal(10)),
        automation=allowed,
        copy_within_owner=allowed,
        copy_between_owners=allowed,
        opposite_positions=allowed,
    )
    terms = {
        name: SymbolTerms(
            venue_symbol=name,
            contract_size=Decimal(100_000),
            lot_step=Decimal("0.01"),
            lot_min=Decimal("0.01"),
            lot_max=Decimal(50),
            margin_rate=Decimal("0.02"),
        )
        for name in names
    }
    return BookConfig(
        book_id="bench",
        book_key=KEY,
        currency="USD",
        policy=policy or Policy(),
        instruments={
            name: Instrument(
                symbol=name,
                base_currency=name[:3],
                quote_currency="USD",
                pip=Decimal("0.0001"),
                tick=Decimal("0.00001"),
            )
            for name in names
        },
        rulebooks={"open": rulebook},
        accounts={
            f"account-{at:05d}": Account(
                account_id=f"account-{at:05d}",
                firm="Bench",
                owner=f"owner-{at % 50:02d}",
                venue="sim",
                currency="USD",
                rulebook="open",
                initial_balance=Decimal(1_000_000),
                group=f"group-{at // 50:03d}",
                symbols=terms,
            )
            for at in range(accounts)
        },
    )


def bars(symbol_count: int) -> dict[str, tuple[Bar, ...]]:
    """Seeded walks."""
    made = {}
    for name in symbols(symbol_count):
        price, closes = 1_000_000, []
        for day in _days():
            price += draw_below(10_001, draw(KEY, name, day, "bar")) - 5_000
            closes.append(Bar(day=day, close=Decimal(price).scaleb(-6)))
        made[name] = tuple(closes)
    return made


def histories(book_config: BookConfig) -> dict[str, tuple[BarReturn, ...]]:
    """Independent returns of up to half a percent a bar."""
    return {
        account_id: tuple(
            BarReturn(
                day=day,
                return_ppb=draw_below(10_000_001, draw(KEY, account_id, day, "r")) - 5_000_000,
            )
            for day in _days()[1:]
        )
        for account_id in book_config.accounts
    }


def reads(symbol_count: int, at_ns: int = START_NS) -> Reads:
    """A calm market of one price."""
    names = symbols(symbol_count)
    return Reads(
        quotes={
            name: Quote(symbol=name, at=at_ns, bid=Decimal("1.00000"), ask=Decimal("1.00010"))
            for name in names
        },
        statistics={
            name: MarketStatistics(
                symbol=name,
                at=at_ns,
                volatility_ppm=50,
                volatility_median_ppm=50,
                spread_median=Decimal("0.0001"),
            )
            for name in names
        },
        venues={"sim": VenueState(venue="sim", connected=True, heartbeat_at=at_ns)},
    )


SESSIONS = SessionTable(
    calendar="fx_week",
    starts_at=START_NS - 86_400 * NS_PER_S,
    ends_at=START_NS + 34 * 86_400 * NS_PER_S,
    sessions=((START_NS - 86_400 * NS_PER_S, START_NS + 34 * 86_400 * NS_PER_S),),
)
"""No weekend: a benchmark goes on for as long as it takes."""


def handle(book: Book, item: ev.Input, given: Reads, at_ns: int) -> tuple[ev.Event, ...]:
    """Decide and evolve without a journal."""
    events = decide(book, item, given, at_ns)
    if events:
        begin(book, book.seq + 1, at_ns)
        for event in events:
            evolve(book, event)
        finish(book)
    return events


def opened(book_config: BookConfig, symbol_count: int) -> Book:
    """A book with bars, histories and a snapshot of every account."""
    book = Book()
    nothing = Reads()
    handle(book, ev.BookOpened(config=book_config), nothing, START_NS)
    handle(book, ev.CalendarObserved(table=SESSIONS), nothing, START_NS)
    for name, closes in bars(symbol_count).items():
        handle(book, ev.BarsObserved(symbol=name, bars=closes), nothing, START_NS)
    for account_id, returns in histories(book_config).items():
        handle(book, ev.HistoryObserved(account_id=account_id, bars=returns), nothing, START_NS)
        snapshot = AccountSnapshot(
            account_id=account_id,
            at=START_NS,
            balance=Decimal(1_000_000),
            equity=Decimal(1_000_000),
            margin_used=Decimal(0),
        )
        handle(book, first_view(snapshot), nothing, START_NS)
    return book


def first_view(snapshot: AccountSnapshot) -> ev.MassStatusObserved:
    """The view of an account in which there is nothing but money."""
    return ev.MassStatusObserved(
        status=MassStatus(
            account_id=snapshot.account_id,
            venue="sim",
            at=snapshot.at,
            since=snapshot.at,
            complete=True,
            account=snapshot,
            position_mode=PositionMode.HEDGING,
        ),
        absence_is_proof=False,
        settle_time_ns=0,
    )


def signal(
    number: int,
    symbol: str,
    *,
    side: Side = Side.BUY,
    quantity: int = 50_000,
    urgency: Urgency = Urgency.NORMAL,
    accounts: Addressing | None = None,
    at_ns: int = START_NS,
) -> Signal:
    """An entry with a stop 30 pips away, valid for half an hour."""
    return Signal(
        signal_id=f"signal-{number}",
        strategy_id="bench",
        action=Action.OPEN,
        symbol=symbol,
        side=side,
        size=PerAccount(quantity=Decimal(quantity)),
        generated_at=at_ns,
        valid_until=at_ns + 1_800 * NS_PER_S,
        stop_distance=Decimal("0.0030"),
        urgency=urgency,
        accounts=accounts or AllAccounts(),
    )


def _days() -> list[str]:
    return [f"2024-{1 + at // 28:02d}-{1 + at % 28:02d}" for at in range(BARS + 1)]
