"""A view of an account against the book: what was missed, what differs, what proves nothing."""

from __future__ import annotations

import pytest

from stretto.core import events as ev
from stretto.core.limits import (
    ABSENCE_APART_NS,
)
from stretto.core.messages.proof import absence_counts_from
from stretto.core.messages.reconciliation import inputs_of
from stretto.core.orders.order import Order, OrderState
from stretto.core.reconciliation_events import DifferenceKind
from stretto.core.reconciling.reconciliation_due import since
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.venue import VenueCapabilities
from tests.book_invariants import holds, replays, restored
from tests.builders import (
    Desk,
    S,
    only,
    report_of,
)
from tests.venue_desk import UNKNOWN, a_desk, filled, kinds, later, quiet
from tests.venue_views import a_position, a_view, shown


def doubtful(desk: Desk) -> Order:
    (order,) = desk.released()
    desk.send(order, UNKNOWN)
    return desk.book.orders[order.client_order_id]


# --- orders and executions


@pytest.mark.requirement("P1")
def test_an_order_that_was_accepted_though_the_call_timed_out_is_found_working() -> None:
    desk = a_desk()
    order = doubtful(desk)
    later(desk, 120)
    assert desk.book.interventions == {order.client_order_id: "in_doubt"}
    events = desk.see(a_view("a0", desk.now, orders=(shown(order, OrdStatus.NEW, desk.now),)))
    found = only(events, ev.DifferenceFound)
    assert (found.kind, found.cause) == (
        DifferenceKind.ORDER_STATE,
        "the answer to the order did not arrive",
    )
    assert desk.book.orders[order.client_order_id].state is OrderState.NEW
    assert only(events, ev.InterventionResolved).resolution == "status_known"
    assert desk.book.interventions == {}
    assert len(desk.book.orders) == 1, "and it was not sent again"
    holds(desk.book)


@pytest.mark.requirement("P2")
def test_fills_missed_on_a_reconnect_are_booked_once_and_in_order() -> None:
    desk = a_desk()
    (order,) = desk.released()
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    half = order.quantity / 2
    first = report_of(
        order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=half, last=half, exec_id="x1"
    )
    second = report_of(
        order, ExecType.TRADE, OrdStatus.FILLED, cum=order.quantity, last=half, exec_id="x2"
    )
    now = later(desk)
    view = a_view(
        "a0",
        now,
        executions=(first, second),
        orders_done=(shown(order, OrdStatus.FILLED, now, order.quantity),),
        positions=(a_position(order.quantity),),
    )
    events = desk.see(view)
    booked = [e.exec_id for e in events if isinstance(e, ev.FillBooked)]
    assert booked == ["x1", "x2"]
    assert not any(e.inferred for e in events if isinstance(e, ev.FillBooked))
    assert kinds(events) == [DifferenceKind.EXECUTION_MISSED] * 2
    assert desk.allocation(order).ended == "filled"
    for late in (first, second):
        assert desk.feed(ev.VenueReported(report=late)) == (), "the report that comes at last"
    desk.now += S
    again = desk.see(a_view("a0", desk.now, executions=(first, second), positions=view.positions))
    assert not any(isinstance(e, ev.FillBooked) for e in again)
    assert desk.allocation(order).filled == order.quantity
    holds(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.requirement("P2")
def test_executions_are_not_counted_twice_whichever_way_comes_first() -> None:
    desk = a_desk()
    order = filled(desk)
    (fill,) = order.fills
    reported = report_of(
        order,
        ExecType.TRADE,
        OrdStatus.FILLED,
        cum=order.quantity,
        last=order.quantity,
        exec_id=fill.exec_id,
    )
    now = later(desk)
    view = a_view("a0", now, executions=(reported,), positions=(a_position(order.quantity),))
    assert [type(item) for item in inputs_of(desk.book, view, VenueCapabilities())] == [
        ev.MassStatusObserved
    ]
    assert desk.feed(ev.ViewReported(report=reported)) == ()
    assert desk.book.positions["a0"][order.execution_id].quantity == order.quantity


def test_a_stop_that_the_venue_filled_unheard_closes_the_position() -> None:
    desk = a_desk()
    order = filled(desk)
    now = later(desk)
    closed = report_of(
        order,
        ExecType.TRADE,
        OrdStatus.FILLED,
        cum=order.quantity,
        last=order.quantity,
        price="1.09710",
        exec_id="stop",
        at=now - S,
        client_order_id="",
        text="stop_loss",
        position_id=order.position_id,
    )
    events = desk.see(a_view("a0", now, executions=(closed,)))
    assert only(events, ev.FillBooked).cause == "stop_loss"
    assert kinds(events) == [DifferenceKind.EXECUTION_MISSED]
    assert desk.book.positions["a0"] == {}
    assert kinds(desk.see(a_view("a0", later(desk), executions=(closed,)))) == []


def test_a_state_that_the_book_knows_is_not_journaled_again() -> None:
    desk = a_desk()
    (order,) = desk.released()
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    now = later(desk)
    desk.see(a_view("a0", now, orders=(shown(order, OrdStatus.NEW, now),)))
    seq = desk.book.seq
    now = later(desk)
    view = a_view("a0", now, orders=(shown(order, OrdStatus.NEW, now),))
    desk.see(view)
    assert desk.book.seq == seq
    assert desk.feed(ev.ViewReported(report=view.orders[0].report)) == ()


# --- absence


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("is_proof", [True, False])
def test_an_order_missing_from_two_complete_views_is_dead_only_where_that_is_declared(
    is_proof: bool,
) -> None:
    desk = a_desk()
    order = doubtful(desk)
    declared = {"absence_is_proof": is_proof}
    for _ in range(2):
        later(desk, 10)
        assert not desk.see(quiet(desk), **declared)[2:], "too early to mean anything"
    desk.timers_until(absence_counts_from(order, 60 * S))
    desk.see(quiet(desk), **declared)
    assert desk.book.missing == ({order.client_order_id: desk.now} if is_proof else {})
    desk.timers_until(desk.now + ABSENCE_APART_NS - S)
    desk.see(quiet(desk), **declared)
    assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT, "too soon after"
    desk.timers_until(desk.now + S)
    desk.see(a_view("a0", desk.now, complete=False), **declared)
    assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT, "not complete"
    desk.timers_until(desk.now + S)
    events = desk.see(quiet(desk), **declared)
    state = desk.book.orders[order.client_order_id].state
    if is_proof:
        assert state is OrderState.DEAD
        proven = only(events, ev.OrderProvenDead)
        assert proven.proof is ev.Proof.ABSENCE
        assert {"first_view_at", "second_view_at"} <= proven.evidence.keys()
        assert only(events, ev.LegScheduled).released == order.quantity
        assert desk.book.missing == {}
    else:
        assert state is OrderState.IN_DOUBT
        assert desk.book.quantities(desk.allocation(order)).in_doubt == order.quantity
    holds(desk.book)
    restored(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.requirement("P1")
def test_a_view_that_does_not_reach_back_to_the_order_proves_nothing_of_it() -> None:
    desk = a_desk()
    order = doubtful(desk)
    desk.timers_until(absence_counts_from(order, 60 * S))
    for _ in range(3):
        view = a_view("a0", desk.now, since=order.created_at + 1)
        desk.see(view, absence_is_proof=True)
        desk.timers_until(desk.now + ABSENCE_APART_NS)
    assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT
    assert since(desk.book, "a0", desk.now) <= order.created_at, "and the runtime asks for more"


@pytest.mark.requirement("P1")
def test_an_order_that_shows_up_between_two_views_is_not_dead() -> None:
    desk = a_desk()
    order = doubtful(desk)
    desk.timers_until(absence_counts_from(order, 60 * S))
    desk.see(quiet(desk), absence_is_proof=True)
    desk.timers_until(desk.now + 20 * S)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    assert desk.book.missing == {}
    desk.timers_until(desk.now + 30 * S)
    desk.see(quiet(desk), absence_is_proof=True)
    assert desk.book.orders[order.client_order_id].state is OrderState.NEW


def test_a_live_order_missing_from_a_view_is_asked_about_and_lives() -> None:
    desk = a_desk()
    (order,) = desk.released()
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    assert kinds(desk.see(quiet(desk))) == [], "the view may be older than the order"
    later(desk)
    events = desk.see(quiet(desk), absence_is_proof=True)
    assert kinds(events) == [DifferenceKind.ORDER_MISSING]
    assert only(events, ev.OrderQueried).client_order_id == order.client_order_id
    for _ in range(5):
        later(desk)
        events = desk.see(quiet(desk), absence_is_proof=True)
        assert kinds(events) == [], "told once"
        only(events, ev.OrderQueried)
    assert desk.book.orders[order.client_order_id].state is OrderState.NEW
    holds(desk.book)


@pytest.mark.requirement("U1")
@pytest.mark.parametrize("busted", [True, False])
def test_an_overfill_that_the_total_denies_halts_once_a_view_does_not_explain_it(
    busted: bool,
) -> None:
    desk = a_desk()
    order = filled(desk)
    again = report_of(
        order,
        ExecType.TRADE,
        OrdStatus.FILLED,
        cum=order.quantity,
        last=order.quantity,
        exec_id="again",
        at=later(desk),
    )
    desk.feed(ev.VenueReported(report=again))
    assert not desk.book.ledgers["a0"].halted
    now = later(desk)
    bust = report_of(
        order,
        ExecType.TRADE_CANCEL,
        OrdStatus.NEW,
        exec_id="bust",
        exec_ref_id=order.fills[0].exec_id,
        at=again.transact_at - 1,
    )
    done = shown(order, OrdStatus.FILLED, now, order.quantity)
    desk.see(a_view("a0", now, executions=(bust,) if busted else (), orders_done=(done,)))
    assert bool(desk.book.ledgers["a0"].halted) is not busted
    assert (desk.book.interventions.get(order.client_order_id) == "overfill") is not busted
    holds(desk.book)
    replays(desk.book, desk.entries)
