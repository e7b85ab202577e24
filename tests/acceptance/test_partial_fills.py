"""Market orders on a venue too thin for them: completed by a stated strategy, to a known end.

And ``stretto fills`` against the journal of the same sessions, recomputed apart from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.brokers.sim_config import SimVenueConfig
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.terms.report import TimeInForce
from stretto.core.terms.signal import PerAccount, Signal, Urgency
from stretto.core.values import ZERO
from stretto.market import Calendars, VenueHours
from stretto.market.feed import SeriesMarket
from tests.acceptance.cli_runner import assert_identity, stretto, stretto_json
from tests.book_invariants import holds, replays
from tests.builders import BALANCE, INSTRUMENTS, START, SYMBOLS, S, a_config, a_signal
from tests.session import MovingClock, entries, play, projector, sqlite
from tests.unit.market.series_maker import series_of

CONFIG = a_config(1)
TICK_S = 4
THIN_UNTIL_S = 280
ENDS_S = 1_500


class Session(NamedTuple):
    """What is left of one: the database, the book, and every event of the journal."""

    db: Path
    book: Book
    entries: list[ev.Entry]

    @property
    def events(self) -> list[ev.Event]:
        return [event for entry in self.entries for event in entry.events]

    @property
    def chosen(self) -> list[tuple[str, str]]:
        return [
            (e.strategy.value, e.reason) for e in self.events
            if isinstance(e, ev.CompletionAssessed)
        ]  # fmt: skip


Tick = tuple[float, int, int]
"""Seconds after START, bid and spread in 1e-5."""


def slow(spread: int = 10, until: int = ENDS_S) -> list[Tick]:
    """A tick every four seconds; the spread is usual until the order is out."""
    return [(at, 110_000, 10 if at <= 16 else spread) for at in range(-600, until, TICK_S)]


def wide() -> list[Tick]:
    """Five times the usual spread: a fifth of the size is shown, and the market is not liquid."""
    return slow(spread=50)


def thin_then_fast() -> list[Tick]:
    """Wide until the replacement is out, then ten ticks a second at the usual spread."""
    fast = [(THIN_UNTIL_S + at / 10, 110_000, 10) for at in range(10 * (ENDS_S - THIN_UNTIL_S))]
    return [*slow(spread=50, until=THIN_UNTIL_S), *fast]


def runs_away() -> list[Tick]:
    """Forty pips up a minute later: beyond any slippage that is allowed."""
    return [(at, bid + (400 if at > 60 else 0), spread) for at, bid, spread in slow()]


def played(
    folder: Path, market_of: Callable[[], list[Tick]], quantity: int, **changes: Any
) -> Session:
    """One signal on a venue that shows about 0.05 lots with each tick."""
    path, clock = folder / "book.sqlite", MovingClock(START)
    rows = [(START + int(at * S), bid, bid + spread) for at, bid, spread in market_of()]
    market = SeriesMarket({symbol: series_of(symbol, rows) for symbol in SYMBOLS})
    config = SimVenueConfig(
        depth_lots=Decimal("0.05"), depth_levels=1, reject_ppm={}, requote_ppm=0
    )
    accounts = sim_accounts(CONFIG.accounts.values(), "sim", {"a0": BALANCE})
    hours = VenueHours(Calendars(INSTRUMENTS.values(), {}), "sim", INSTRUMENTS)
    venue = SimVenue(config, clock, market, hours, INSTRUMENTS, accounts, seed=5)
    signal: Signal = a_signal(
        "s1", START + S, size=PerAccount(quantity=Decimal(quantity)),
        **{"stop_distance": Decimal("0.0080"), **changes},
    )  # fmt: skip
    writer = play(
        sqlite(path), venue, clock, CONFIG, [(signal.generated_at, signal)],
        ends_at=START + ENDS_S * S, market=market, projector=projector(),
    )  # fmt: skip
    holds(writer.book)
    journaled = entries(path)
    replays(writer.book, journaled)
    return Session(path, writer.book, journaled)


WAIT, PATIENT = ("wait", "time_left"), ("wait", "patient_and_illiquid")
MODIFY, REPLACE = ("modify", "urgent_and_liquid"), ("replace", "waits_spent")


class Case(NamedTuple):
    """A session and how it has to end."""

    market_of: Callable[[], list[Tick]]
    quantity: int
    changes: dict[str, Any]
    chosen: list[tuple[str, str]]
    orders: int
    ended: str


CASES = {
    "nearly filled, the rest is accepted": Case(
        slow, 20_000, {}, [WAIT, ("accept", "nearly_filled")], 1, "completion_accept"
    ),
    "patient in an illiquid market, it fills": Case(
        wide, 150_000, {"urgency": Urgency.LOW}, [PATIENT] * 3, 1, "filled"
    ),
    "the waits are spent, a replacement fills": Case(
        thin_then_fast, 150_000, {}, [WAIT, WAIT, REPLACE, WAIT], 2, "filled"
    ),
    "everything is spent, the rest is accepted": Case(
        wide, 500_000, {}, [WAIT, WAIT, REPLACE, WAIT, WAIT, ("accept", "replacements_spent")],
        2, "completion_accept",
    ),
    "urgent, a better price": Case(
        slow, 100_000, {"urgency": Urgency.HIGH, "max_slippage": Decimal(5)},
        [MODIFY, WAIT, ("accept", "nearly_filled")], 1, "completion_accept",
    ),
    "what an immediate order left, three times": Case(
        slow, 100_000, {"time_in_force": TimeInForce.IOC}, [], 4,
        "immediate_remainder: attempts_spent",
    ),
    "the market runs away beyond the slippage": Case(
        runs_away, 300_000, {"max_slippage": Decimal(5)}, [WAIT], 1, "slippage_exceeded"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Session]:
    return {
        name: played(tmp_path_factory.mktemp("s"), case.market_of, case.quantity, **case.changes)
        for name, case in CASES.items()
    }


def booked(session: Session) -> list[ev.FillBooked]:
    return [e for e in session.events if isinstance(e, ev.FillBooked) and e.cause == "entry"]


@pytest.mark.requirement("R4.1", "R4.2", "R4.3", "R4.4")
@pytest.mark.parametrize("name", CASES)
def test_a_partial_fill_is_completed_by_a_stated_strategy_to_a_known_end(
    sessions: dict[str, Session], name: str
) -> None:
    case, session = CASES[name], sessions[name]
    assert session.chosen == case.chosen
    (allocation,) = session.book.allocations.values()
    assert allocation.ended == case.ended
    assert len(session.book.orders) == case.orders
    assert not session.book.interventions
    fills = booked(session)
    assert len(fills) > 3, "too thin to fill at once"
    assert allocation.filled == sum(fill.quantity for fill in fills)
    assert allocation.intended == allocation.filled + allocation.abandoned
    assert (allocation.abandoned > 0) == (case.ended != "filled")
    for cancel in (e for e in session.events if isinstance(e, ev.CancelRequested)):
        assert cancel.reason.startswith("completion: "), "why is stated"


@pytest.mark.requirement("R4.2", "R4.3")
def test_the_waits_take_their_time_although_fills_go_on(sessions: dict[str, Session]) -> None:
    session = sessions["everything is spent, the rest is accepted"]
    looks = [e for e in session.events if isinstance(e, ev.CompletionAssessed)]
    ages = [look.age_ns for look in looks]
    between = [round((later - at) / S) for at, later in pairwise(ages)]
    assert between[:2] == between[3:] == [120, 120]
    fills = [e for e in session.events if isinstance(e, ev.FillBooked | ev.CompletionAssessed)]
    second = fills.index(looks[1])
    assert isinstance(fills[second - 1], ev.FillBooked), "it filled meanwhile"
    assert all(look.due_at > look.since for look in looks)


@pytest.mark.requirement("R4.5")
@pytest.mark.parametrize("name", CASES)
def test_status_shows_what_the_fills_come_to(sessions: dict[str, Session], name: str) -> None:
    session = sessions[name]
    fills = booked(session)
    quantity = sum((fill.quantity for fill in fills), ZERO)
    price = sum((fill.price * fill.quantity for fill in fills), ZERO) / quantity
    shown = stretto_json("status", "s1", "--db", session.db)
    assert_identity(shown)
    (row,) = shown["allocations"]
    assert row["filled"] == quantity
    assert row["fills"] == len(fills)
    assert row["fill_price"] == pytest.approx(float(price), abs=1e-9)
    assert row["fees"] == sum(fill.fee for fill in fills)
    assert row["slippage_pips"] == pytest.approx(
        float((price - Decimal("1.10010")) * 10_000), abs=1e-3
    )
    together = shown["aggregate"]
    assert (together["fills"], together["quantity"]) == (len(fills), quantity)
    assert together["price"] == row["fill_price"]
    assert together["slippage_pips"] == row["slippage_pips"]
    assert together["fees"] == ({"USD": row["fees"]} if row["fees"] else {})
    held = [p for p in session.book.positions["a0"].values() if p.execution_id]
    assert sum(p.quantity for p in held) == quantity


@pytest.mark.requirement("R4.6")
@pytest.mark.parametrize("name", CASES)
def test_fills_reports_what_the_journal_says(sessions: dict[str, Session], name: str) -> None:
    session = sessions[name]
    (allocation,) = session.book.allocations.values()
    report = stretto_json("fills", "--db", session.db)
    assert (report["sent"], report["partial"]) == (1, 1)
    assert [(line["scope"], line["name"]) for line in report["scopes"]] == [
        ("venue", "sim"), ("symbol", "EURUSD"), ("account", "a0"),
    ]  # fmt: skip
    words = Counter(word for word, _ in session.chosen)
    words["again"] = sum(
        isinstance(e, ev.LegScheduled) and e.reason == "immediate_remainder" for e in session.events
    )
    times = [
        entry.at for entry in session.entries
        if any(isinstance(e, ev.FillBooked) for e in entry.events)
    ]  # fmt: skip
    sent = min(order.sent_at for order in session.book.orders.values() if order.sent_at)
    is_whole = CASES[name].ended == "filled"
    lost = allocation.abandoned / allocation.intended
    for line in report["scopes"]:
        assert line["strategies"] == {word: count for word, count in words.items() if count}
        assert (line["complete"], line["given_up"]) == (int(is_whole), int(not is_whole))
        assert line["partial_share"] == 1
        assert line["abandoned_share"] == pytest.approx(float(lost), abs=1e-6)
        if is_whole:
            took = line["until_complete_s_median"]
            assert took == pytest.approx((times[-1] - sent) / S, abs=1e-9)
        else:
            assert line["until_complete_s_median"] is None
    after = report["strategies"]
    assert sum(line["filled_quantity"] for line in after) == allocation.filled
    assert sum(line["abandoned_quantity"] for line in after) == allocation.abandoned
    (last,) = (line["strategy"] for line in after if line["last_of"])
    assert last == (session.chosen[-1][0] if session.chosen else "again")
    costs = sum(line["filled_quantity"] * (line["slippage_pips"] or 0) for line in after)
    (row,) = stretto_json("status", "s1", "--db", session.db)["allocations"]
    assert costs / float(allocation.filled) == pytest.approx(row["slippage_pips"], abs=1e-3)


@pytest.mark.requirement("R4.6")
def test_fills_after_a_replacement_count_as_its_own(sessions: dict[str, Session]) -> None:
    session = sessions["the waits are spent, a replacement fills"]
    second = [o.client_order_id for o in session.book.orders.values()][1]
    asked = next(i for i, e in enumerate(session.events) if isinstance(e, ev.CancelRequested))
    replaced = {"replace": ZERO, "wait": ZERO, "before": ZERO}
    seen = False
    for place, event in enumerate(session.events):
        seen = seen or isinstance(event, ev.CompletionAssessed)
        if isinstance(event, ev.FillBooked):
            late = event.client_order_id == second or place > asked
            replaced["replace" if late else "wait" if seen else "before"] += event.quantity
    report = stretto_json("fills", "--db", session.db)
    found = {line["strategy"]: line["filled_quantity"] for line in report["strategies"]}
    assert found == replaced


@pytest.mark.requirement("R4.6")
def test_symbols_are_never_added_up_and_a_range_is_a_range(tmp_path: Path) -> None:
    db = tmp_path / "demo.sqlite"
    stretto(
        "demo", "--accounts", 12, "--signals", 12, "--seed", 7, "--faults", "partial", "--db", db
    )
    report = stretto_json("fills", "--db", db)
    symbols = {line["name"] for line in report["scopes"] if line["scope"] == "symbol"}
    assert len(symbols) > 2
    assert {line["symbol"] for line in report["strategies"]} <= symbols
    assert not any("quantity" in name for line in report["scopes"] for name in line)
    for scope in ("venue", "symbol", "account"):
        lines = [line for line in report["scopes"] if line["scope"] == scope]
        assert sum(line["sent"] for line in lines) == report["sent"] > 0
        assert sum(line["partial"] for line in lines) == report["partial"] > 0
        for line in lines:
            ends = (line["complete"], line["given_up"], line["moved"], line["open"])
            assert sum(ends) == line["partial"]
    nothing = ("--db", db, "--until", "2001-01-01T00:00:00Z")
    assert stretto_json("fills", *nothing)["scopes"] == []
    assert "nothing was sent" in stretto("fills", *nothing).stdout
    said = stretto("fills", "--db", db).stdout
    assert all(name in said for name in symbols)
    assert "What the numbers mean" in said
