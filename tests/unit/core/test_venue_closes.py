"""Closes that the venue makes by itself: taken back, early, corrected."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.orders.order import Order
from stretto.core.terms.report import ExecType, ExecutionReport, OrderRole, OrdStatus
from stretto.core.values import ZERO
from tests.builders import S, only
from tests.exit_desk import SIGNAL, ExitDesk, desk, stop
from tests.venue_views import a_view


def busted(book: ExitDesk, order: Order, **changes: Any) -> tuple[ev.Event, ...]:
    """The venue takes the stop of ``order``'s position back."""
    report = ExecutionReport(
        client_order_id="", account_id=order.account_id, exec_id="bust",
        exec_type=ExecType.TRADE_CANCEL, ord_status=OrdStatus.NEW, cum_qty=ZERO,
        leaves_qty=order.quantity, avg_px=ZERO, order_qty=order.quantity,
        trading_day="2024-03-15", transact_at=book.now, exec_ref_id=f"stop-{order.client_order_id}",
        position_id=f"T-{order.client_order_id}",
    )  # fmt: skip
    return book.feed(ev.VenueReported(report=replace(report, **changes)))


def test_a_bust_of_a_stop_gives_back_exactly_what_the_stop_took() -> None:
    book = desk()
    entry = book.entered()[0]
    name = entry.account_id
    position, ledger = dict(book.book.positions[name]), book.book.ledgers[name]
    stop(book, entry)
    assert book.held(name) == 0
    busted(book, entry)
    assert book.held(name) == entry.quantity
    (before,), (after,) = position.values(), book.book.positions[name].values()
    assert replace(after, opened_at=before.opened_at) == before
    back = book.book.ledgers[name]
    assert (back.trades, back.hits) == (ledger.trades, ledger.hits)
    assert busted(book, entry) == ()  # the same report again
    busted(book, entry, exec_id="bust-2")  # and the same bust under another name
    assert book.held(name) == entry.quantity
    book.checked()


@pytest.mark.requirement("P5")
def test_a_bust_of_a_stop_after_the_signal_was_closed_is_closed() -> None:
    book = desk()
    entry = book.entered()[0]
    stop(book, entry)
    book.exit()
    busted(book, entry)
    book.timers_until(book.now)
    late = only(book.entries[-1].events, ev.OrderIntended).order
    assert (late.account_id, late.quantity) == (entry.account_id, entry.quantity)
    assert late.role is OrderRole.EXIT
    book.checked()


def test_a_bust_of_a_close_that_nobody_saw_halts_the_account() -> None:
    book = desk()
    entry = book.entered()[0]
    events = busted(book, entry)
    assert only(events, ev.InterventionRequired).reason == "unknown_close_busted"
    assert book.book.ledgers[entry.account_id].halted == "unknown_close_busted"
    assert book.held(entry.account_id) == entry.quantity


def test_a_corrected_close_of_the_venues_is_not_passed_over() -> None:
    book = desk()
    entry = book.entered()[0]
    stop(book, entry)
    events = busted(book, entry, exec_type=ExecType.TRADE_CORRECT)
    assert only(events, ev.InterventionRequired).reason == "venue_close_corrected"


def test_a_stop_reported_before_the_entry_that_it_closes() -> None:
    book = desk()
    entry = book.order(SIGNAL)
    events = stop(book, entry)
    required = only(events, ev.InterventionRequired)
    assert required.reason == "close_before_entry"
    assert book.book.ledgers[entry.account_id].halted == ""
    assert book.book.carried[entry.symbol][entry.account_id] == entry.quantity, "as if it were held"
    assert busted(book, entry) == (), "and a bust of it is told by the view that tells of it"
    book.filled(entry)
    assert book.held(entry.account_id) == entry.quantity
    book.now += 10 * S
    report = ExecutionReport(
        client_order_id="", account_id=entry.account_id, exec_id=f"stop-{entry.client_order_id}",
        exec_type=ExecType.TRADE, ord_status=OrdStatus.FILLED, cum_qty=entry.quantity,
        leaves_qty=ZERO, avg_px=Decimal(1), order_qty=entry.quantity, trading_day="2024-03-15",
        transact_at=book.now, last_qty=entry.quantity, last_px=Decimal(1),
        position_id=f"T-{entry.client_order_id}", text="stop_loss",
    )  # fmt: skip
    events = book.see(a_view(entry.account_id, book.now, executions=(report,)))
    assert only(events, ev.FillBooked).cause == "stop_loss"
    assert only(events, ev.InterventionResolved).reason == "close_before_entry"
    assert book.held(entry.account_id) == 0
    book.checked()


def test_a_late_fill_that_takes_back_what_was_abandoned_leaves_no_side_behind() -> None:
    book = desk()
    entry = book.order(SIGNAL)
    name, half = entry.account_id, entry.quantity / 2
    book.filled(entry, half)
    current = book.book.orders[entry.client_order_id]
    book.report(current, ExecType.EXPIRED, OrdStatus.EXPIRED, cum=half)
    current = book.book.orders[entry.client_order_id]
    book.filled(current, half)  # invariants are recomputed after every input
    assert book.held(name) == entry.quantity
    assert name not in book.book.stances.get((entry.symbol, -1), {})
    book.checked()


def test_a_bust_takes_back_its_own_close_where_the_venue_began_its_ids_anew() -> None:
    book = desk()
    first = book.entered()[0]
    again = book.released(replace(SIGNAL, signal_id="s2", symbol="GBPUSD"))
    second = next(order for order in again if order.account_id == first.account_id)
    book.send(second)
    book.filled(second, None)
    for order, day in ((first, "2024-03-15"), (second, "2024-03-16")):
        report = ExecutionReport(
            client_order_id="", account_id=order.account_id, exec_id="E7",
            exec_type=ExecType.TRADE, ord_status=OrdStatus.FILLED, cum_qty=order.quantity,
            leaves_qty=ZERO, avg_px=Decimal("1.1"), order_qty=order.quantity, trading_day=day,
            transact_at=book.now, last_qty=order.quantity, last_px=Decimal("1.1"),
            position_id=f"T-{order.client_order_id}", text="stop_loss",
        )  # fmt: skip
        book.feed(ev.VenueReported(report=report))
    assert book.held(first.account_id) == 0
    busted(book, second, exec_ref_id="E7", trading_day="2024-03-16")
    held = book.book.positions[first.account_id]
    assert list(held) == [second.execution_id], "the close of that day, not of the one before"
    busted(book, first, exec_ref_id="E7", exec_id="bust-2", trading_day="2024-03-16")
    assert sorted(held) == sorted([first.execution_id, second.execution_id])
    book.checked()
