"""What follows from an order that failed: another leg, another size, a person; never silence."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.book import NextStep
from stretto.core.failures.failure_actions import Step
from stretto.core.orders.order import Order, OrderState
from stretto.core.terms.failure import FailureClass
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.values import ZERO
from tests.book_invariants import holds, replays, restored
from tests.builders import TERMS, Desk, S, a_config, a_signal, an_account, only

NOT_SENT, SENT = ev.SendOutcomeKind.NOT_SENT, ev.SendOutcomeKind.SENT


def a_desk(**terms: Decimal) -> tuple[Desk, Order]:
    """One account whose order was sent; ``terms`` change its symbol's."""
    symbols = dict.fromkeys(("EURUSD", "GBPUSD"), msgspec.structs.replace(TERMS, **terms))
    desk = Desk(a_config([an_account("a0", symbols=symbols)]))
    (order,) = desk.released()
    desk.send(order)
    return desk, order


def refuse(desk: Desk, order: Order, code: str, text: str = "") -> tuple[ev.Event, ...]:
    events = desk.report(
        order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code=code, text=text, at=desk.now
    )
    holds(desk.book)
    return events


def last_order(desk: Desk) -> Order:
    return list(desk.book.orders.values())[-1]


@pytest.mark.requirement("R5.3")
def test_what_never_left_is_sent_again_after_5_10_and_20_seconds() -> None:
    desk, first = a_desk()
    waits = []
    for attempt in (1, 2, 3):
        order = last_order(desk)
        events = desk.send(order, NOT_SENT)
        leg = only(events, ev.LegScheduled)
        assert (leg.attempt, leg.step, leg.released) == (attempt, NextStep.SEND, first.quantity)
        waits.append(leg.due_at - desk.now)
        desk.timers_until(leg.due_at)
        assert last_order(desk).leg == attempt + 1
        holds(desk.book)
    for wait, least in zip(waits, (5 * S, 10 * S, 20 * S), strict=True):
        assert least <= wait <= least * 6 // 5, "chance adds at most a fifth"
    failed = only(desk.send(last_order(desk), NOT_SENT), ev.OrderFailed)
    assert (failed.failure_class, failed.step) == (
        FailureClass.CONNECTION_PERSISTENT,
        Step.REROUTE,
    )
    replays(desk.book, desk.entries)


def test_want_of_margin_shrinks_to_seven_tenths_and_then_to_49_hundredths() -> None:
    desk, first = a_desk()
    events = refuse(desk, first, "insufficient_margin")
    leg = only(events, ev.LegScheduled)
    assert leg.leg_quantity is not None
    desk.timers_until(max(desk.now, leg.due_at))
    second = last_order(desk)
    assert second.quantity == leg.leg_quantity <= first.quantity * 7 / 10
    assert second.quantity > first.quantity * 7 / 10 - TERMS.step
    desk.send(second)
    desk.timers_until(desk.now + 2 * S)
    refuse(desk, second, "insufficient_margin")
    desk.timers_until(desk.now + 2 * S)
    third = last_order(desk)
    assert first.quantity * Decimal("0.49") - TERMS.step < third.quantity
    assert third.quantity <= first.quantity * Decimal("0.49")
    desk.send(third)
    events = desk.report(
        third, ExecType.TRADE, OrdStatus.FILLED, cum=third.quantity, last=third.quantity
    )
    ended = only(events, ev.AllocationEnded)
    assert ended.abandoned == first.quantity - third.quantity, "the rest is abandoned"
    assert desk.book.ledgers["a0"].reserved_margin == ZERO
    holds(desk.book)
    replays(desk.book, desk.entries)


def test_a_requote_is_tried_twice_at_the_new_price() -> None:
    desk, order = a_desk()
    for attempt in (1, 2):
        leg = only(refuse(desk, last_order(desk), "price_changed"), ev.LegScheduled)
        assert (leg.reason, leg.attempt, leg.step) == ("price_moved", attempt, NextStep.SEND)
        desk.timers_until(desk.now + 2 * S)
        desk.send(last_order(desk))
    assert len(desk.book.orders) == 3
    failed = only(refuse(desk, last_order(desk), "price_changed"), ev.OrderFailed)
    assert failed.step is Step.REROUTE
    assert len({o.client_order_id for o in desk.book.orders.values()}) == 3, "never an id again"
    assert order.client_order_id in desk.book.orders


def test_a_stop_too_near_moves_out_and_the_size_shrinks_so_that_the_risk_does_not_grow() -> None:
    desk, order = a_desk(stop_distance_min=Decimal("0.0040"))
    (a,) = desk.book.allocations.values()
    events = refuse(desk, order, "invalid_stops")
    leg = only(events, ev.LegScheduled)
    assert leg.stop_loss is not None
    desk.timers_until(desk.now + 2 * S)
    wider = last_order(desk)
    distance = Decimal("0.0040")
    assert a.stop_loss is not None
    planned = abs(Decimal("1.10010") - a.stop_loss) * order.quantity
    assert wider.stop_loss == Decimal("1.10010") - distance
    assert distance * wider.quantity <= planned
    assert desk.book.allocations[f"{a.execution_id}/a0"].abandoned == leg.abandoned > 0
    holds(desk.book)


def test_a_stop_that_would_move_beyond_half_again_is_abandoned() -> None:
    desk, order = a_desk(stop_distance_min=Decimal("0.0050"))
    assert only(refuse(desk, order, "invalid_stops"), ev.AllocationEnded).abandoned > 0


@pytest.mark.requirement("R5.1")
@pytest.mark.parametrize("code", ["invalid_volume", "no such code"])
def test_what_nobody_can_classify_waits_for_a_person_until_the_signal_expires(code: str) -> None:
    desk, order = a_desk()
    events = refuse(desk, order, code, "the venue's words")
    asked = only(events, ev.InterventionRequired)
    assert asked.known["text"] == "the venue's words"
    alert = only(events, ev.AlertRaised)
    assert alert.alert.text == f"{code} the venue's words"
    (a,) = desk.book.allocations.values()
    assert (a.pending, a.held != "", a.ended) == (order.quantity, True, "")
    assert desk.timers_until(desk.now + 60 * S) == []
    restored(desk.book)
    events = tuple(desk.timers_until(a_signal().valid_until + 2 * S))
    assert only(events, ev.AllocationEnded).reason == "expired"
    assert [key for key, _ in desk.book.timers] == [f"alert:{alert.key}"]
    holds(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.requirement("P1")
def test_a_duplicate_id_is_no_end_of_the_first_order() -> None:
    desk, order = a_desk()
    events = refuse(desk, order, "duplicate_order")
    assert not any(isinstance(e, ev.AllocationEnded | ev.LegScheduled) for e in events)
    assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT
    (a,) = desk.book.allocations.values()
    assert desk.book.quantities(a).in_doubt == order.quantity


@pytest.mark.parametrize("filled", [0, 4_000])
def test_a_duplicate_id_says_nothing_against_an_order_that_the_venue_shows_working(
    filled: int,
) -> None:
    """Seed 267: a view showed the order before the answer to its submit came."""
    desk, order = a_desk()
    cum = Decimal(filled)
    kind, status = ExecType.NEW, OrdStatus.NEW
    if filled:
        kind, status = ExecType.TRADE, OrdStatus.PARTIALLY_FILLED
    desk.report(order, kind, status, cum=cum, last=cum)
    before = desk.book.orders[order.client_order_id]
    events = refuse(desk, order, "duplicate_order")
    assert not any(isinstance(e, ev.AllocationEnded | ev.LegScheduled) for e in events)
    after = desk.book.orders[order.client_order_id]
    assert (after.state, after.leaves_qty) == (before.state, order.quantity - cum)
    (a,) = desk.book.allocations.values()
    assert desk.book.quantities(a).working == order.quantity - cum
    replays(desk.book, desk.entries)


def test_a_rate_limit_is_waited_out() -> None:
    desk, order = a_desk()
    leg = only(refuse(desk, order, "rate_limited"), ev.LegScheduled)
    assert 10 * S <= leg.due_at - desk.now <= 12 * S


def test_an_account_that_was_halted_meanwhile_gets_no_second_leg() -> None:
    desk, order = a_desk()
    desk.send(order, NOT_SENT)
    more = order.quantity + 1_000
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=more, last=more)
    assert desk.book.ledgers["a0"].halted
    desk.timers_until(desk.now + 120 * S)
    assert len(desk.book.orders) == 1
    holds(desk.book)
