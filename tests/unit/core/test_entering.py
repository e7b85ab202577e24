"""Entries on their way count as what they may become: positions, opposites, other stops."""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.terms.account import PositionMode
from stretto.core.terms.policy import BookConfig, Policy
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.values import Side
from tests.book_invariants import holds
from tests.builders import Desk, a_config, a_rulebook, a_signal, an_account, only

OTHER_STOP = Decimal("0.0040")


def netting(policy: Policy | None = None) -> BookConfig:
    return a_config([an_account("a0", position_mode=PositionMode.NETTING)], policy)


def first_rule(desk: Desk, **changes: object) -> Rule | None:
    plan = desk.plan(a_signal("second", desk.now, **changes))
    return plan.refusals[0].rule if plan.refusals else None


def test_a_scheduled_entry_nets_against_the_opposite_signal() -> None:
    desk = Desk(netting())
    desk.plan()
    assert first_rule(desk, side=Side.SELL) is Rule.WOULD_NET
    assert first_rule(Desk(netting()), side=Side.SELL) is None


def test_a_working_entry_nets_until_it_ends() -> None:
    desk = Desk(netting())
    order = desk.order()
    assert first_rule(desk, side=Side.SELL) is Rule.WOULD_NET
    desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="invalid_stops")
    assert desk.plan(a_signal("third", desk.now, side=Side.SELL)).refused is None


def test_a_scheduled_entry_with_another_stop_shares_it() -> None:
    desk = Desk(netting(Policy(shared_stop_allowed=False)))
    desk.plan()
    assert first_rule(desk, stop_distance=OTHER_STOP) is Rule.SHARED_STOP


def test_the_gate_at_release_sees_other_entries_and_not_its_own() -> None:
    desk = Desk(netting())
    desk.plan()
    assert any(
        isinstance(event, ev.OrderIntended) for event in desk.timers_until(desk.now + 10**11)
    )


def test_a_partly_filled_entry_is_one_position_to_every_limit() -> None:
    desk = Desk(a_config(1, rulebook=a_rulebook(positions_max=2)))
    order = desk.order()
    half = order.quantity / 2
    desk.report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=half, last=half)
    assert desk.book.positions["a0"]
    assert desk.book.entering["a0"][order.execution_id].quantity == half
    assert desk.plan(a_signal("second", desk.now)).refused is None
    refused = desk.plan(a_signal("third", desk.now)).refusals
    assert refused[0].compared["positions_after"] == "3"
    holds(desk.book)


def test_a_bust_after_the_end_brings_the_entry_back() -> None:
    desk = Desk(a_config(1))
    order = desk.order()
    size = order.quantity
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=size, last=size, exec_id="x")
    assert desk.book.entering == {}
    event = only(
        desk.report(order, ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_id="y", exec_ref_id="x"),
        ev.FillBooked,
    )
    assert event.quantity
    holds(desk.book)
