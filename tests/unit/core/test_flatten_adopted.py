"""A flatten closes what a person adopted without an execution, and proves it like any close."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.orders.order import Order
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.killing import KillScope
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.values import Side
from tests.book_invariants import replays
from tests.builders import a_config, an_account, only
from tests.unit.core.test_adopted_positions import BUY, NET, NETTING, Accepting, a_desk, filled
from tests.venue_views import a_position, a_view

pytestmark = pytest.mark.requirement("P7")


def closing(desk: Accepting, account_id: str = "a0") -> list[Order]:
    """The orders of a flatten, by ticket; each sent."""
    events = desk.ask(iv.Flatten(account_id=account_id))
    orders = [each.order for each in events if isinstance(each, ev.OrderIntended)]
    assert {order.role.value for order in orders} <= {"exit"}
    for order in orders:
        desk.send(order)
    return sorted(orders, key=lambda order: order.position_id)


def close(desk: Accepting, order: Order, quantity: int | None = None) -> tuple[ev.Event, ...]:
    last = order.quantity if quantity is None else Decimal(quantity)
    cum = desk.book.orders[order.client_order_id].cum_qty + last
    status = OrdStatus.FILLED if cum == order.quantity else OrdStatus.PARTIALLY_FILLED
    return desk.report(
        order, ExecType.TRADE, status, cum=cum, last=last, position_id=order.position_id,
        exec_id=f"{order.client_order_id}-{cum}", price="1.20000",
    )  # fmt: skip


def test_a_flatten_closes_what_was_adopted_with_an_order_of_its_own_by_its_ticket() -> None:
    desk = a_desk()
    opened, ours = filled(desk)
    theirs = a_position(5_000, ticket="M1"), a_position(2_000, side=Side.SELL, ticket="M2")
    for shown_there, side in ((theirs[:1], "buy"), (theirs, "sell")):
        desk.differs(ours, *shown_there)
        desk.ask(iv.AdoptPosition(**BUY | {"side": side}))
    desk.ask(iv.Kill(scope=KillScope.BOOK))
    orders = closing(desk)
    assert [(o.position_id, o.side, o.quantity) for o in orders] == [
        ("M1", Side.SELL, 5_000),
        ("M2", Side.BUY, 2_000),
        (ours.position_id, Side.SELL, opened.quantity),
    ]
    assert len({order.execution_id for order in orders}) == 3
    assert desk.book.executions[orders[0].execution_id].closes == "adopted/M1"
    part = close(desk, orders[0], 2_000)
    assert only(part, ev.FillBooked).position_of == "adopted/M1"
    assert only(part, ev.FillBooked).realized == Decimal("200.0"), "adopted at 1.1, sold at 1.2"
    assert desk.held()["adopted/M1"] == 3_000
    for order in orders:
        close(desk, order, int(order.quantity - desk.book.orders[order.client_order_id].cum_qty))
    assert desk.held() == {}
    assert "a0" not in desk.book.carried["EURUSD"]
    assert desk.book.ledgers["a0"].flattening, "no fill is flat before the venue has shown it"
    desk.look()
    flat = desk.timers_until(desk.now)
    assert [e.account_id for e in flat if isinstance(e, ev.Flattened)] == ["a0"]
    assert desk.refused(iv.Flatten(account_id="a0")) is Denial.NOTHING_TO_FLATTEN
    desk.agrees()


def test_a_netting_accounts_adopted_part_is_closed_and_again_when_it_is_adopted_again() -> None:
    desk = a_desk(NETTING)
    opened, _ = filled(desk)
    desk.differs(a_position(opened.quantity + 4_000, ticket="N"))
    desk.ask(iv.AdoptPosition(**NET))
    for order in closing(desk):
        close(desk, order)
    assert desk.held() == {}
    desk.agrees()
    desk.differs(a_position(3_000, side=Side.SELL, ticket="N"))
    desk.ask(iv.AdoptPosition(**NET))
    (again,) = closing(desk)
    assert (again.side, again.quantity) == (Side.BUY, Decimal(3_000))
    close(desk, again)
    desk.agrees()


def test_one_name_in_two_accounts_is_closed_in_each() -> None:
    desk = Accepting(a_config([an_account(name) for name in ("a0", "a1")]))
    theirs = a_position(5_000, ticket="M1")
    for _ in range(2):
        desk.look(theirs)
        desk.see(a_view("a1", desk.now, positions=(theirs,)))
    for name in ("a0", "a1"):
        desk.ask(iv.AdoptPosition(**BUY | {"account_id": name}))
    orders = closing(desk, "")
    assert [(o.account_id, o.position_id) for o in orders] == [("a0", "M1"), ("a1", "M1")]
    assert len({order.execution_id for order in orders}) == 2
    for order in orders:
        close(desk, order)
    assert not any(desk.book.positions.values())
    replays(desk.book, desk.entries)


def test_a_close_of_it_that_the_venue_refuses_goes_to_a_person_or_finds_it_gone() -> None:
    desk = a_desk()
    desk.differs(a_position(5_000, ticket="M1"))
    desk.ask(iv.AdoptPosition(**BUY))
    (order,) = closing(desk)
    desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="invalid_volume")
    (share,) = desk.shares()
    assert (share.pending, share.ended) == (Decimal(5_000), "")
    key = f"{share.execution_id}/a0"
    assert order.client_order_id in desk.book.interventions or key in desk.book.interventions
    assert closing(desk)[0].position_id == "M1", "asked again, the close is taken over"
    again = list(desk.book.orders.values())[-1]
    desk.report(again, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="position_gone")
    assert all(each.ended for each in desk.shares())


def test_where_the_account_has_no_terms_for_its_symbol_a_person_is_asked() -> None:
    desk = a_desk()
    theirs = a_position(5_000, symbol="USDCHF", ticket="M1")
    _, ours = filled(desk)
    desk.differs(ours, theirs)
    desk.ask(iv.AdoptPosition(**BUY | {"symbol": "USDCHF"}))
    (order,) = closing(desk)
    assert order.position_id == ours.position_id
    close(desk, order)
    before = len(desk.entries)
    for _ in range(4):
        desk.look(theirs)
    events = [event for entry in desk.entries[before:] for event in entry.events]
    asked = [e for e in events if isinstance(e, ev.InterventionRequired)]
    assert [(e.reason, e.known["why"]) for e in asked] == [("not_flat", "position_held")]
    assert "held/adopted/M1" in asked[0].known
