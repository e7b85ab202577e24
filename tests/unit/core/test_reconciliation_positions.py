"""What differs between book and view, who is told, and when an account is compared again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.evolve import begin, evolve, finish
from stretto.core.limits import (
    CLOCK_SKEW_NS,
    RECONCILE_AT_REST_NS,
    RECONCILE_OPEN_NS,
    VIEW_AGE_NS_MAX,
    VIEW_OVERLAP_NS,
)
from stretto.core.reconciliation_events import DifferenceKind
from stretto.core.reconciling.reconciliation_due import interval_ns, is_open, since
from stretto.core.terms.account import PositionMode
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.values import Side
from tests.book_invariants import replays, restored
from tests.builders import (
    START,
    Desk,
    a_config,
    only,
)
from tests.venue_desk import a_desk, filled, kinds, later, quiet
from tests.venue_views import a_position, a_view, shown

SYMBOL_AT_VENUE = "a0/position/EURUSD/buy"


def a_new_desk() -> Desk:
    """Opened, and no account compared yet."""
    desk = Desk(a_config(1), opened=False)
    desk.feed(ev.BookOpened(config=desk.config))
    return desk


def test_an_unknown_order_is_reported_once_and_never_adopted() -> None:
    desk = a_desk()
    other = Desk(a_config(1))
    (theirs,) = other.released()
    view = shown(theirs, OrdStatus.NEW, desk.now, venue_order_id="V9", client_order_id="")
    events = desk.see(a_view("a0", desk.now, orders=(view,)))
    assert kinds(events) == [DifferenceKind.ORDER_UNKNOWN]
    asked = only(events, ev.InterventionRequired)
    assert (asked.reason, asked.client_order_id) == ("unknown_venue_order", "a0/V9")
    assert "can_be_done" in asked.known
    later(desk)
    assert kinds(desk.see(a_view("a0", desk.now, orders=(view,)))) == []
    assert desk.book.orders == {}
    later(desk)
    settled = only(desk.see(quiet(desk)), ev.InterventionResolved)
    assert settled.client_order_id == "a0/V9"
    assert desk.book.interventions == {}


@pytest.mark.requirement("P2")
def test_a_position_that_no_longer_matches_is_found_by_two_views_and_blocks_entries() -> None:
    desk = a_desk()
    order = filled(desk)
    held = (a_position(order.quantity),)
    now = later(desk)
    assert kinds(desk.see(a_view("a0", now, positions=held))) == []
    less = (a_position(order.quantity / 2),)
    events = desk.see(a_view("a0", later(desk), positions=less))
    assert kinds(events) == []
    assert only(events, ev.AccountReconciled).differences == 1
    assert desk.book.ledgers["a0"].unreconciled == "", "one view proves nothing"
    events = desk.see(a_view("a0", later(desk), positions=less))
    found = only(events, ev.DifferenceFound)
    assert (found.kind, found.subject) == (DifferenceKind.POSITION, SYMBOL_AT_VENUE)
    assert (Decimal(found.book), Decimal(found.venue)) == (order.quantity, order.quantity / 2)
    assert only(events, ev.InterventionRequired).reason == "position_difference"
    assert desk.book.ledgers["a0"].unreconciled == "position_difference"
    assert kinds(desk.see(a_view("a0", later(desk), positions=less))) == [], "told once"
    assert desk.book.positions["a0"][order.execution_id].quantity == order.quantity
    restored(desk.book)
    events = desk.see(a_view("a0", later(desk), positions=held))
    assert only(events, ev.InterventionResolved).reason == "position_difference"
    assert desk.book.ledgers["a0"].unreconciled == ""
    assert desk.book.interventions == {}
    replays(desk.book, desk.entries)


@pytest.mark.requirement("P2")
def test_a_symbol_missing_from_one_view_is_not_a_closed_position() -> None:
    desk = a_desk()
    order = filled(desk)
    held = (a_position(order.quantity),)
    desk.see(a_view("a0", later(desk), positions=held))
    for positions in ((), held, (), held):
        events = desk.see(a_view("a0", later(desk), positions=positions))
        assert kinds(events) == []
        assert not any(isinstance(e, ev.FillBooked | ev.InterventionRequired) for e in events)
    assert desk.book.positions["a0"][order.execution_id].quantity == order.quantity
    assert desk.book.ledgers["a0"].unreconciled == ""


def test_positions_are_compared_at_rest_only() -> None:
    desk = a_desk()
    (order,) = desk.released()
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    for _ in range(3):
        now = later(desk)
        view = a_view(
            "a0",
            now,
            orders=(shown(order, OrdStatus.NEW, now),),
            positions=(a_position(500), a_position(700, "GBPUSD", Side.SELL)),
        )
        desk.see(view)
    (suspect,) = desk.book.reconciled["a0"].suspects
    assert suspect.symbol == "GBPUSD", "an order works in the other"


def test_a_netting_account_has_one_position_a_symbol() -> None:
    desk = a_desk()
    order = filled(desk)
    view = a_view("a0", later(desk), position_mode=PositionMode.NETTING)
    both = (
        a_position(order.quantity + 500, ticket="1"),
        a_position(500, side=Side.SELL, ticket="2"),
    )
    desk.see(replace(view, positions=both))
    assert desk.book.reconciled["a0"].suspects == ()


# --- views that are not whole, or not of now


@pytest.mark.parametrize(
    "at", [START - VIEW_AGE_NS_MAX - 1, START + CLOCK_SKEW_NS + 1], ids=["old", "ahead"]
)
def test_a_view_of_another_time_decides_nothing(at: int) -> None:
    desk = a_new_desk()
    before = desk.book.ledgers["a0"].unreconciled
    events = desk.see(a_view("a0", at, positions=(a_position(500),)))
    assert kinds(events) == []
    assert desk.book.ledgers["a0"].unreconciled == before == "never"


def test_an_incomplete_view_is_noted_once_and_does_not_unblock() -> None:
    desk = a_new_desk()
    events = desk.see(a_view("a0", desk.now, complete=False))
    assert not only(events, ev.AccountReconciled).complete
    assert desk.book.ledgers["a0"].unreconciled == "never"
    later(desk)
    events = desk.see(a_view("a0", desk.now, complete=False))
    assert not any(isinstance(e, ev.AccountReconciled) for e in events)
    later(desk)
    assert only(desk.see(quiet(desk)), ev.AccountReconciled).complete
    assert desk.book.ledgers["a0"].unreconciled == ""
    later(desk)
    desk.see(a_view("a0", desk.now, complete=False))
    assert desk.book.ledgers["a0"].unreconciled == "", "and takes nothing back"


def test_an_account_that_was_never_compared_waits_for_a_second_view_where_one_differs() -> None:
    desk = a_new_desk()
    strange = (a_position(500),)
    desk.see(a_view("a0", desk.now, positions=strange))
    assert desk.book.ledgers["a0"].unreconciled == "position_difference_suspected"
    assert is_open(desk.book, "a0")
    events = desk.see(a_view("a0", later(desk), positions=strange))
    assert "somebody else" in only(events, ev.DifferenceFound).cause
    assert desk.book.ledgers["a0"].unreconciled == "position_difference"
    assert desk.book.positions.get("a0", {}) == {}, "never adopted"


def test_a_person_who_accepts_the_difference_lets_the_account_go_on() -> None:
    desk = a_new_desk()
    strange = (a_position(500),)
    desk.see(a_view("a0", desk.now, positions=strange))
    desk.see(a_view("a0", later(desk), positions=strange))
    begin(desk.book, desk.book.seq + 1, desk.now)
    evolve(
        desk.book,
        ev.InterventionResolved(
            execution_id="",
            account_id="a0",
            client_order_id=SYMBOL_AT_VENUE,
            reason="position_difference",
            resolution="accepted",
        ),
    )
    finish(desk.book)
    assert desk.book.ledgers["a0"].unreconciled == ""
    events = desk.see(a_view("a0", later(desk), positions=strange))
    assert kinds(events) == []
    assert desk.book.ledgers["a0"].unreconciled == ""


def test_after_a_restart_every_account_waits_again() -> None:
    desk = Desk(a_config(2))
    for name in ("a0", "a1"):
        desk.see(a_view(name, desk.now))
    assert [ledger.unreconciled for ledger in desk.book.ledgers.values()] == ["", ""]
    desk.feed(ev.BookRecovered(engine_version="x"))
    waits = {ledger.unreconciled for ledger in desk.book.ledgers.values()}
    assert waits == {"recovered"}


# --- when


def test_an_account_with_anything_open_is_compared_every_30_s_and_else_every_15_min() -> None:
    desk = a_desk()
    desk.see(quiet(desk))
    assert interval_ns(desk.book, "a0") == RECONCILE_AT_REST_NS
    desk.plan()
    assert interval_ns(desk.book, "a0") == RECONCILE_OPEN_NS, "pending"
    later(desk, 31)
    (order,) = desk.book.orders.values()
    assert interval_ns(desk.book, "a0") == RECONCILE_OPEN_NS, "in doubt"
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=order.quantity, last=order.quantity)
    assert interval_ns(desk.book, "a0") == RECONCILE_AT_REST_NS


def test_a_view_that_says_nothing_new_is_journaled_now_and_then() -> None:
    desk = a_desk()
    desk.see(quiet(desk))
    desk.now += RECONCILE_AT_REST_NS - 1
    events = desk.see(quiet(desk))
    assert not any(isinstance(e, ev.AccountReconciled) for e in events)
    desk.now += 1
    assert only(desk.see(quiet(desk)), ev.AccountReconciled).complete


def test_a_fresh_book_asks_for_nothing_that_was_before_it() -> None:
    desk = a_new_desk()
    assert since(desk.book, "a0", desk.now) == desk.now
    desk.see(quiet(desk))
    assert since(desk.book, "a0", desk.now) == desk.now - VIEW_OVERLAP_NS
