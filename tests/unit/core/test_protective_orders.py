"""At a venue that attaches no stops, a stop and a target of their own follow the position."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.effects import AmendProtection, CancelOrder, ReplaceOrder, SubmitOrder
from stretto.core.limits import SEND_BEFORE_NS
from stretto.core.orders.order import OrderState
from stretto.core.terms import intervention as iv
from stretto.core.terms.killing import KillScope
from stretto.core.terms.report import ExecType, OrderType, OrdStatus, TimeInForce
from stretto.core.terms.signal import Action, Share
from stretto.core.values import Side
from tests.builders import only
from tests.exit_desk import an_exit
from tests.protection_desk import LEVELS, STOP, TARGET, ProtectionDesk, guarded, own_stops


@pytest.mark.requirement("P5")
@pytest.mark.parametrize("netting", [False, True])
def test_a_fill_is_protected_by_a_stop_and_a_target_of_its_size(netting: bool) -> None:
    book = ProtectionDesk(own_stops(netting=netting))
    entry = book.entry()
    assert (entry.stop_loss, entry.take_profit) == (None, None), "the venue attaches none"
    half = entry.quantity // 2
    book.fill(entry, int(half))
    stop, target = book.standing()
    assert (stop.role, stop.order_type, stop.stop_price) == (STOP, OrderType.STOP, LEVELS[0])
    assert (target.role, target.order_type, target.limit_price) == (
        TARGET, OrderType.LIMIT, LEVELS[1],
    )  # fmt: skip
    for order in (stop, target):
        assert (order.side, order.quantity) == (Side.SELL, half)
        assert order.time_in_force is TimeInForce.GTC
        assert order.position_id == book.ticket_of(entry)
        assert order.send_before == book.now + SEND_BEFORE_NS
        assert order.client_order_id not in book.allocation(entry).order_ids
    submits = [c for c in book.commands if isinstance(c, SubmitOrder)]
    assert [c.role for c in submits[-2:]] == [STOP, TARGET]
    book.accepted()
    assert book.key(entry) not in book.book.unprotected
    book.fill(entry)
    wanted = [c for c in book.commands if isinstance(c, ReplaceOrder)]
    assert {c.quantity for c in wanted} == {entry.quantity}
    assert len(book.standing()) == 2, "changed, not placed again"
    book.replaced()
    assert book.sizes() == {"stop_loss": entry.quantity, "take_profit": entry.quantity}
    book.checked()


@pytest.mark.requirement("P5")
@pytest.mark.parametrize("netting", [False, True])
def test_a_stop_that_fills_cancels_the_target(netting: bool) -> None:
    book = ProtectionDesk(own_stops(netting=netting))
    entry = book.guarded_entry()
    stop, target = book.standing()
    events = book.fill(stop, price="1.08990")
    fill = only(events, ev.FillBooked)
    assert (fill.cause, fill.quantity, fill.direction) == ("stop_loss", entry.quantity, -1)
    assert fill.realized == (Decimal("1.08990") - Decimal("1.10010")) * entry.quantity
    assert book.held(entry.account_id) == 0
    assert only(events, ev.CancelRequested).client_order_id == target.client_order_id
    book.says(target, ExecType.CANCELED)
    assert book.standing() == []
    assert book.reasons() == []
    allocation = book.allocation(entry)
    assert allocation.filled == allocation.intended, "outside the identity"
    assert not book.book.timers.next_at(), "at rest"
    book.checked()


def test_a_target_that_fills_in_part_makes_the_stop_smaller() -> None:
    book = ProtectionDesk()
    entry = book.guarded_entry()
    stop, target = book.standing()
    book.fill(target, 4_000)
    assert book.book.orders[stop.client_order_id].replacing is not None
    book.replaced()
    left = entry.quantity - 4_000
    assert book.sizes() == {"stop_loss": left, "take_profit": left}
    assert book.reasons() == []
    book.checked()


def test_an_exit_makes_both_smaller_and_the_last_one_cancels_them() -> None:
    book = ProtectionDesk()
    entry = book.guarded_entry()
    (order,) = book.exit(an_exit("r1", Action.REDUCE, size=Share(fraction=Decimal("0.5"))))
    assert book.sizes()["stop_loss"] == entry.quantity, "until it is filled"
    book.send(order)
    book.fill(order)
    book.replaced()
    left = entry.quantity - order.quantity
    assert book.sizes() == {"stop_loss": left, "take_profit": left}
    (order,) = book.exit(an_exit("x1"))
    book.send(order)
    book.fill(order)
    assert all(each.cancel_requested for each in book.standing())
    for each in book.standing():
        book.says(each, ExecType.CANCELED)
    assert book.reasons() == []
    assert not book.book.timers.next_at()
    book.checked()


@pytest.mark.requirement("P5")
def test_a_venue_that_cannot_replace_gets_a_new_order_once_the_old_one_is_proven_gone() -> None:
    book = ProtectionDesk(own_stops(replaces_orders=False))
    entry = book.entry()
    book.fill(entry, 3_000)
    book.accepted()
    first = book.standing()
    book.fill(entry)
    assert not any(isinstance(c, ReplaceOrder) for c in book.commands)
    assert len([c for c in book.commands if isinstance(c, CancelOrder)]) == 2
    assert book.standing() == [book.book.orders[each.client_order_id] for each in first]
    book.says(first[0], ExecType.CANCELED)
    assert [each.role for each in book.standing()] == [TARGET, STOP]
    book.says(first[1], ExecType.CANCELED)
    book.accepted()
    assert book.sizes() == {"stop_loss": entry.quantity, "take_profit": entry.quantity}
    assert len({each.client_order_id for each in (*first, *book.standing())}) == 4
    book.checked()


def test_two_tickets_have_a_stop_each() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry, 3_000, position_id="T-1")
    book.fill(entry, position_id="T-2")
    by_ticket = {each.position_id: each.quantity for each in book.standing(STOP)}
    assert by_ticket == {"T-1": 3_000, "T-2": entry.quantity - 3_000}
    book.checked()


# --- races ------------------------------------------------------------------------------------


@pytest.mark.requirement("P5")
def test_a_stop_and_a_target_that_both_fill_halt_the_account_and_reach_a_person() -> None:
    book = ProtectionDesk(own_stops(netting=True))
    entry = book.guarded_entry()
    stop, target = book.standing()
    book.fill(stop)
    events = book.fill(target, 4_000)
    assert only(events, ev.FillBooked).overfill == 4_000
    assert only(events, ev.AccountHalted).reason == "protection_overfill"
    asked_for = only(events, ev.InterventionRequired)
    assert asked_for.known["beyond_position"] == "4000"
    assert book.held(entry.account_id) == -4_000, "booked"
    book.checked()


def test_an_exit_that_crosses_the_stop_is_no_silent_reversal() -> None:
    book = ProtectionDesk(own_stops(netting=True))
    entry = book.guarded_entry()
    (order,) = book.exit(an_exit("x1"))
    book.send(order)
    book.fill(book.standing(STOP)[0])
    events = book.fill(order)
    assert only(events, ev.AccountHalted).reason == "protection_overfill"
    assert book.held(entry.account_id) == -entry.quantity
    book.checked()


def test_a_fill_that_the_venue_takes_back_is_protected_again() -> None:
    book = ProtectionDesk()
    entry = book.guarded_entry()
    stop, target = book.standing()
    book.fill(stop, exec_id="stopped")
    book.says(target, ExecType.CANCELED)
    stop = book.book.orders[stop.client_order_id]
    book.report(
        stop, ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_id="bust", exec_ref_id="stopped",
        leaves_qty=stop.quantity, position_id=stop.position_id,
    )  # fmt: skip
    assert book.held(entry.account_id) == entry.quantity
    book.accepted()
    assert book.sizes() == {"stop_loss": entry.quantity, "take_profit": entry.quantity}
    book.checked()


def test_a_bust_of_the_entry_makes_them_smaller() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry, 4_000, exec_id="first")
    book.fill(entry)
    book.accepted()
    book.replaced()
    entry = book.book.orders[entry.client_order_id]
    left = entry.quantity - 4_000
    book.report(
        entry, ExecType.TRADE_CANCEL, OrdStatus.PARTIALLY_FILLED, cum=left, exec_id="bust",
        exec_ref_id="first", leaves_qty=Decimal(4_000), position_id=book.ticket_of(entry),
    )  # fmt: skip
    book.replaced()
    assert book.sizes() == {"stop_loss": left, "take_profit": left}
    book.checked()


# --- amend, kill, crash -----------------------------------------------------------------------


@pytest.mark.requirement("P5")
def test_an_amend_replaces_the_orders_and_ends_once_they_stand() -> None:
    book = ProtectionDesk(own_stops(2))
    for order in book.released(guarded()):
        book.send(order)
        book.fill(order)
    book.accepted()
    amend = an_exit(
        "m1", Action.AMEND, stop_loss=Decimal("1.08000"), take_profit=Decimal("1.13000")
    )
    events = book.feed(ev.ExitReceived(exit=amend))
    plan = only(events, ev.SignalPlanned).plan
    assert not any(isinstance(c, AmendProtection) for c in book.commands)
    execution = book.book.executions[plan.execution_id]
    assert execution.status == "working"
    (target_of,) = (e for e in book.book.executions.values() if not e.closes)
    assert book.book.positions["a0"][target_of.execution_id].stop_loss == LEVELS[0], "not yet"
    book.replaced()
    assert {o.stop_price for o in book.standing(STOP)} == {Decimal("1.08000")}
    assert {o.limit_price for o in book.standing(TARGET)} == {Decimal("1.13000")}
    assert book.book.executions[plan.execution_id].status == "completed"
    assert book.book.positions["a0"][target_of.execution_id].stop_loss == Decimal("1.08000")
    book.checked()


def test_a_second_amend_takes_the_place_of_the_first() -> None:
    book = ProtectionDesk()
    book.guarded_entry()
    first = an_exit("m1", Action.AMEND, stop_loss=Decimal("1.08000"))
    second = an_exit("m2", Action.AMEND, stop_loss=Decimal("1.07000"))
    one = only(book.feed(ev.ExitReceived(exit=first)), ev.SignalPlanned).plan.execution_id
    two = only(book.feed(ev.ExitReceived(exit=second)), ev.SignalPlanned).plan.execution_id
    assert book.book.executions[one].status == "abandoned"
    book.replaced()
    assert book.book.executions[two].status == "working"
    book.replaced()
    assert book.standing(STOP)[0].stop_price == Decimal("1.07000")
    assert book.book.executions[two].status == "completed"
    book.checked()


@pytest.mark.requirement("P5")
def test_protection_is_kept_and_changed_under_a_kill_switch_and_a_halt() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry, 3_000)
    book.accepted()
    book.feed(
        ev.Intervened(
            request_id="k", actor="anna", reason="enough",
            action=iv.Kill(scope=KillScope.BOOK, name=""),
        )
    )  # fmt: skip
    assert not any(each.cancel_requested for each in book.standing())
    book.fill(entry)
    book.replaced()
    assert book.sizes() == {"stop_loss": entry.quantity, "take_profit": entry.quantity}
    book.checked()


def test_a_new_process_asks_about_them_and_owes_the_same() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry)
    stop, target = book.standing()
    book.send(stop)
    book.says(stop, ExecType.NEW)
    events = book.feed(ev.BookRecovered(engine_version="test"))
    queried = [e.client_order_id for e in events if isinstance(e, ev.OrderQueried)]
    assert {stop.client_order_id, target.client_order_id} <= set(queried)
    assert book.book.orders[target.client_order_id].state is OrderState.IN_DOUBT
    assert len(book.standing()) == 2, "what may have left is not placed again"
    book.checked()


def test_a_venue_that_attaches_stops_gets_no_order_for_them() -> None:
    config = msgspec.structs.replace(own_stops(), capabilities={})
    book = ProtectionDesk(config)
    entry = book.entry()
    assert entry.stop_loss == LEVELS[0]
    book.fill(entry)
    assert book.standing() == []
    assert not book.book.protections
