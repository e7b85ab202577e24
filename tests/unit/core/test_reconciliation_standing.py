"""How an account stands against one view: what was settled, what is followed, what is left."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core.messages.reconciliation_standing import Outcome, Standing, standing_of
from stretto.core.reconciliation_events import DifferenceKind
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.venue import MassStatus
from tests.builders import Desk, S, a_config
from tests.venue_desk import UNKNOWN, a_desk, filled, later
from tests.venue_views import a_position, a_view, shown

pytestmark = pytest.mark.requirement("P2")


def stands(desk: Desk, view: MassStatus) -> Standing:
    known = desk.book.snapshots.get("a0")
    return standing_of(desk.book, view, desk.see(view), known, desk.now)


def outcomes(standing: Standing) -> list[tuple[DifferenceKind, Outcome]]:
    return [(each.kind, each.outcome) for each in standing.differences]


def test_where_both_sides_agree_nothing_remains() -> None:
    desk = a_desk()
    order = filled(desk)
    later(desk)
    found = stands(desk, a_view("a0", desk.now, positions=(a_position(order.quantity),)))
    assert (found.differences, found.questions, found.blocked) == ((), (), "")
    assert [(line.book, line.venue) for line in found.positions] == [(order.quantity,) * 2]
    assert (found.orders_book, found.orders_venue, found.in_doubt) == (0, 0, 0)
    assert found.balance == Decimal(100_000)
    assert found.remaining == 0


def test_what_the_view_told_of_an_order_is_settled_by_it() -> None:
    desk = a_desk()
    (order,) = desk.released()
    desk.send(order, UNKNOWN)
    known = desk.book.snapshots["a0"]
    view = a_view("a0", desk.now, orders=(shown(order, OrdStatus.NEW, desk.now),))
    found = standing_of(desk.book, view, desk.see(view), known, desk.now)
    (difference,) = found.differences
    assert (difference.outcome, difference.cause) == (
        Outcome.SETTLED,
        "the answer to the order did not arrive",
    )
    assert (found.orders_book, found.orders_venue, found.remaining) == (1, 1, 0)


def test_a_position_that_differs_is_followed_after_one_view_and_left_to_a_person_after_two() -> (
    None
):
    desk = a_desk()
    order = filled(desk)
    later(desk)
    less = (a_position(order.quantity / 2),)
    first = stands(desk, a_view("a0", desk.now, positions=less))
    assert outcomes(first) == [(DifferenceKind.POSITION, Outcome.FOLLOWED)]
    later(desk)
    second = stands(desk, a_view("a0", desk.now, positions=less))
    assert outcomes(second) == [(DifferenceKind.POSITION, Outcome.PERSON)]
    assert second.remaining == 1
    assert second.blocked == "position_difference"
    assert second.questions == (), "told as the difference itself"
    later(desk)
    third = stands(desk, a_view("a0", desk.now, positions=(a_position(order.quantity),)))
    assert outcomes(third) == [(DifferenceKind.POSITION, Outcome.SETTLED)]
    assert (third.differences[0].what, third.remaining) == ("book and venue agree again", 0)


def test_a_position_closed_unheard_names_its_likely_cause() -> None:
    desk = a_desk()
    filled(desk)
    later(desk)
    (found,) = stands(desk, a_view("a0", desk.now)).differences
    assert "without a report" in found.cause


def test_a_position_that_an_order_moves_is_compared_once_that_is_at_rest() -> None:
    desk = a_desk()
    (order,) = desk.released()
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    later(desk)
    view = a_view(
        "a0",
        desk.now,
        orders=(shown(order, OrdStatus.NEW, desk.now),),
        positions=(a_position(order.quantity),),
    )
    (found,) = stands(desk, view).differences
    assert (found.outcome, "order moves it" in found.what) == (Outcome.FOLLOWED, True)


def test_an_order_in_doubt_that_is_not_shown_remains_and_ends_with_a_person() -> None:
    desk = a_desk()
    (order,) = desk.released()
    desk.send(order, UNKNOWN)
    found = stands(desk, a_view("a0", desk.now))
    assert outcomes(found) == [(DifferenceKind.ORDER_MISSING, Outcome.FOLLOWED)]
    assert found.in_doubt == 1
    desk.timers_until(desk.now + 120 * S)
    found = stands(desk, a_view("a0", desk.now))
    assert outcomes(found) == [(DifferenceKind.ORDER_MISSING, Outcome.PERSON)]
    assert "stretto resolve" in found.differences[0].what


def test_an_order_of_somebody_else_is_left_to_a_person_each_time_it_is_seen() -> None:
    desk = a_desk()
    (theirs,) = Desk(a_config(1)).released()
    view = shown(theirs, OrdStatus.NEW, desk.now, venue_order_id="V9", client_order_id="")
    for _ in range(2):
        later(desk)
        found = stands(desk, a_view("a0", desk.now, orders=(view,)))
        assert outcomes(found) == [(DifferenceKind.ORDER_UNKNOWN, Outcome.PERSON)]
        assert found.differences[0].subject == "a0/V9"
        assert (found.orders_book, found.orders_venue) == (0, 1)


def test_what_else_a_person_is_asked_about_the_account_is_named() -> None:
    desk = Desk(a_config(2))
    for key in ("stop:E1/a0", "protection:E1/a0/T1", "stop:E1/a1"):
        desk.book.interventions[key] = "stop_not_confirmed"
    found = stands(desk, a_view("a0", desk.now))
    assert [each.subject for each in found.questions] == ["protection:E1/a0/T1", "stop:E1/a0"]
