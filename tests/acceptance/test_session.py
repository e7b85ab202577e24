"""A session against the simulated venue: in the end, and after any kill, both books agree."""

from __future__ import annotations

import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.brokers.sim_config import SimVenueConfig
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.orders.order import OrderState
from stretto.core.terms.account import PositionMode
from stretto.core.terms.signal import PerAccount, Signal, Urgency
from stretto.core.values import ZERO, Side
from stretto.journal.steps import AppendStep
from stretto.market import Calendars, VenueHours
from stretto.market.feed import SeriesMarket
from tests.book_invariants import holds, replays
from tests.builders import (
    BALANCE,
    INSTRUMENTS,
    START,
    SYMBOLS,
    S,
    a_config,
    a_signal,
    an_account,
    names,
)
from tests.session import Killed, MovingClock, entries, later, play, projector, sqlite
from tests.unit.market.series_maker import series_of

CONFIG = a_config(
    [
        an_account("a0"),
        an_account("a1", position_mode=PositionMode.NETTING),
        an_account("a2"),
    ]
)
ENDS_AT = START + 200 * S


def a_market() -> SeriesMarket:
    """A tick a second; prices swing by 20 pips in two minutes."""
    rows = []
    for second in range(-600, 900):
        place = second % 120
        bid = 110_000 + (place if place < 60 else 120 - place) * 4
        rows.append((START + second * S, bid, bid + 10))
    return SeriesMarket({symbol: series_of(symbol, rows) for symbol in SYMBOLS})


def arrivals() -> list[tuple[int, Signal]]:
    """Buys and sells with stops and targets near enough to be reached."""
    signals = []
    for number, (second, side) in enumerate(((1, "buy"), (5, "buy"), (70, "sell"), (75, "buy"))):
        at = START + second * S
        signal = a_signal(
            f"s{number}", at, side=Side(side), stop_distance=Decimal("0.0015"),
            size=PerAccount(quantity=Decimal(150_000 if number == 1 else 30_000)),
            symbol=SYMBOLS[number % 2],
            urgency=Urgency.IMMEDIATE if number == 3 else Urgency.NORMAL,
        )  # fmt: skip
        signals.append((at, signal))
    return signals


def a_venue(clock: MovingClock, market: SeriesMarket) -> SimVenue:
    config = SimVenueConfig(depth_lots=Decimal("0.5"), requote_ppm=300_000)
    accounts = sim_accounts(
        CONFIG.accounts.values(), "sim", dict.fromkeys(CONFIG.accounts, BALANCE)
    )
    hours = VenueHours(Calendars(INSTRUMENTS.values(), {}), "sim", INSTRUMENTS)
    return SimVenue(config, clock, market, hours, INSTRUMENTS, accounts, seed=5)


def agree(book: Book, venue: SimVenue) -> None:
    """Orders and positions of the book and the venue's own, one by one."""
    holds(book)
    dump: Any = venue.dump()
    assert set(dump["orders"]) <= set(book.orders)
    for order_id, order in book.orders.items():
        theirs = dump["orders"].get(order_id)
        if theirs is None:  # nothing was written, or nobody can know
            assert order.state is OrderState.DEAD or order_id in book.interventions
            assert order.cum_qty == 0
            continue
        assert theirs["status"] == order.state.value
        assert Decimal(theirs["cumulative_quantity"]) == order.cum_qty
        assert theirs["reject_code"] == order.reject_code
    for name in names(3):
        theirs_by_ticket = {
            ticket: Decimal(held["quantity"])
            for ticket, held in dump["accounts"][name]["positions"].items()
        }
        ours: dict[str, Decimal] = {}
        for p in book.positions.get(name, {}).values():
            ours[p.position_id] = ours.get(p.position_id, ZERO) + p.quantity
        assert ours == theirs_by_ticket


@pytest.mark.requirement("U1")
def test_a_session_ends_with_both_books_equal_and_every_table_written(tmp_path: Path) -> None:
    path, clock, market = tmp_path / "book.sqlite", MovingClock(START), a_market()
    venue = a_venue(clock, market)
    writer = play(
        sqlite(path), venue, clock, CONFIG, arrivals(),
        ends_at=ENDS_AT, market=market, projector=projector(),
    )  # fmt: skip
    book = writer.book
    agree(book, venue)
    journaled = entries(path)
    replays(book, journaled)
    happened = Counter(
        event.cause if isinstance(event, ev.FillBooked) else ev.kind_of(event)
        for entry in journaled
        for event in entry.events
    )
    assert happened["entry"] > 12, "partial fills"
    assert happened["stop_loss"] > 0
    states = {order.state for order in book.orders.values()}
    assert states >= {OrderState.FILLED, OrderState.REJECTED}
    assert all(execution.status != "working" for execution in book.executions.values())
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT intended_quantity, filled_quantity, abandoned_quantity FROM execution_results"
        ).fetchall()
    connection.close()
    assert len(rows) == len(book.allocations)
    for intended, filled, abandoned in rows:
        assert Decimal(intended) == Decimal(filled) + Decimal(abandoned)


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("part", range(25))
def test_after_any_kill_both_books_agree(tmp_path: Path, part: int) -> None:
    """Killed at appends spread over the session, at each of their steps in turn."""
    path, market = tmp_path / "book.sqlite", a_market()
    steps = 0
    kill_at = 5 + 7 * part

    def observe(step: AppendStep) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            raise Killed(step.value)

    clock = MovingClock(START)
    venue = a_venue(clock, market)
    with pytest.raises(Killed):
        play(
            sqlite(path, observe), venue, clock, CONFIG, arrivals(),
            ends_at=ENDS_AT, market=market, projector=projector(),
        )  # fmt: skip
    later(clock, 2)
    writer = play(
        sqlite(path), venue, clock, CONFIG, arrivals(),
        ends_at=ENDS_AT + 200 * S, market=market, projector=projector(),
    )  # fmt: skip
    agree(writer.book, venue)
    replays(writer.book, entries(path))
