"""Executions in the order machine: early, late, repeated, missed, too many, taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core.orders.booking import FillStatus
from stretto.core.orders.order import (
    Note,
    Order,
    OrderInput,
    OrderState,
    step,
)
from stretto.core.terms.report import (
    ExecType,
    ExecutionReport,
    OrdStatus,
)
from tests.unit.core.order_samples import (
    a_report,
    a_trade,
    in_state,
    played,
)

D = Decimal


# --- fills


@pytest.mark.requirement("R4.1")
def test_a_fill_may_come_before_the_acknowledgement() -> None:
    order = played(in_state(OrderState.SUBMITTING), a_trade(4_000, 4_000, "x", at=10))
    assert order.state is OrderState.PARTIALLY_FILLED
    late = step(order, a_report(ExecType.NEW, OrdStatus.NEW, at=9), 11)
    assert late.order.state is OrderState.PARTIALLY_FILLED
    assert late.order.cum_qty == 4_000
    assert late.note is Note.STALE


@pytest.mark.requirement("R4.5")
def test_the_same_execution_counts_once_and_another_day_is_another_execution() -> None:
    fill = a_trade(1_000, 1_000, "7")
    order = played(in_state(OrderState.NEW), fill)
    again = step(order, fill, 12)
    assert again.order is order
    assert again.kind is OrderInput.DUPLICATE
    assert again.note is Note.DUPLICATE
    tomorrow = a_report(
        ExecType.TRADE,
        OrdStatus.PARTIALLY_FILLED,
        2_000,
        last=1_000,
        exec_id="7",
        day="2026-03-03",
        at=11,
    )
    assert step(order, tomorrow, 13).order.cum_qty == 2_000


@pytest.mark.requirement("R4.5")
def test_a_missed_fill_is_inferred_at_the_implied_price_and_matched_when_it_comes() -> None:
    second = a_report(
        ExecType.TRADE,
        OrdStatus.PARTIALLY_FILLED,
        4_000,
        last=1_000,
        price=D("1.30"),
        average=D("1.225"),
        exec_id="second",
        at=12,
    )
    done = step(in_state(OrderState.NEW), second, 13)
    assert done.fill_delta == 4_000
    assert done.note is Note.INFERRED
    assert done.order.inferred is not None
    assert done.order.inferred.quantity == 3_000
    assert done.order.inferred.price == D("1.2")
    first = a_report(
        ExecType.TRADE,
        OrdStatus.PARTIALLY_FILLED,
        3_000,
        last=3_000,
        price=D("1.2"),
        fee=D("0.9"),
        exec_id="first",
        at=11,
    )
    matched = step(done.order, first, 14)
    assert matched.fill_delta == 0
    assert matched.fee_delta == D("0.9")
    assert matched.note is Note.MATCHED
    assert matched.order.inferred is None
    assert matched.order.notional == D("4900")


def test_a_cancel_that_overtakes_a_fill_brings_its_quantity() -> None:
    canceled = a_report(ExecType.CANCELED, OrdStatus.CANCELED, 6_000, at=9)
    done = step(in_state(OrderState.PENDING_CANCEL), canceled, 10)
    assert done.order.state is OrderState.CANCELED
    assert done.fill_delta == 2_000
    assert done.released_delta == 4_000
    late = step(done.order, a_trade(2_000, 6_000, "late", at=8), 11)
    assert late.fill_delta == 0
    assert late.order.state is OrderState.CANCELED


def test_a_fill_after_the_cancel_is_booked_and_taken_back_from_what_was_released() -> None:
    done = step(in_state(OrderState.CANCELED), a_trade(1_000, 5_000, "late", at=9), 10)
    assert done.order.state is OrderState.CANCELED
    assert done.fill_delta == 1_000
    assert done.released_delta == -1_000
    assert done.note is Note.LATE_FILL
    assert not done.halts_account


@pytest.mark.requirement("U1")
def test_an_overfill_is_booked_set_apart_and_halts_the_account() -> None:
    done = step(in_state(OrderState.PARTIALLY_FILLED), a_trade(7_000, 11_000, "x", at=9), 10)
    assert done.order.state is OrderState.FILLED
    assert done.order.cum_qty == 11_000
    assert done.order.filled_qty == 10_000
    assert done.fill_delta == 7_000
    assert done.overfill_delta == 1_000
    assert done.note is Note.OVERFILL
    assert done.halts_account


def test_an_older_total_never_lowers_what_is_known() -> None:
    order = in_state(OrderState.PARTIALLY_FILLED)
    done = step(order, a_report(ExecType.ORDER_STATUS, OrdStatus.NEW, 0, at=5), 10)
    assert done.order.cum_qty == 4_000
    assert done.note is Note.STALE
    assert done.order.state is OrderState.PARTIALLY_FILLED


# --- busts and corrections


@pytest.mark.requirement("R4.5")
def test_a_bust_reverses_exactly_and_reopens_a_filled_order() -> None:
    filled = in_state(OrderState.FILLED)
    bust = a_report(ExecType.TRADE_CANCEL, OrdStatus.PARTIALLY_FILLED, 4_000, ref="second", at=9)
    done = step(filled, bust, 10)
    before = in_state(OrderState.PARTIALLY_FILLED)
    assert done.order.state is OrderState.PARTIALLY_FILLED
    assert done.order.cum_qty == before.cum_qty
    assert done.order.notional == before.notional
    assert done.order.leaves_qty == 6_000
    assert done.order.done_at is None
    assert done.fill_delta == -6_000
    assert done.released_delta == 0
    assert step(done.order, bust, 11).kind is OrderInput.DUPLICATE


def test_a_bust_of_a_canceled_order_releases_more() -> None:
    bust = a_report(ExecType.TRADE_CANCEL, OrdStatus.CANCELED, 0, ref="first", at=9)
    done = step(in_state(OrderState.CANCELED), bust, 10)
    assert done.order.state is OrderState.CANCELED
    assert done.fill_delta == -4_000
    assert done.released_delta == 4_000


def test_a_bust_that_overtakes_its_execution_keeps_it_from_counting() -> None:
    bust = a_report(ExecType.TRADE_CANCEL, OrdStatus.NEW, 0, ref="x", at=9)
    done = step(in_state(OrderState.NEW), bust, 10)
    assert done.note is Note.UNKNOWN_REFERENCE
    late = step(done.order, a_trade(2_000, 2_000, "x", at=8), 11)
    assert late.fill_delta == 0
    assert late.order.cum_qty == 0
    assert late.note is Note.SUPERSEDED
    assert [fill.status for fill in late.order.fills] == [FillStatus.BUSTED]


def test_a_bust_of_the_original_busts_its_correction() -> None:
    corrected = a_report(
        ExecType.TRADE_CORRECT,
        OrdStatus.PARTIALLY_FILLED,
        3_000,
        last=3_000,
        price=D("1.5"),
        exec_id="second",
        ref="first",
        at=9,
    )
    order = played(in_state(OrderState.PARTIALLY_FILLED), corrected)
    assert order.cum_qty == 3_000
    assert order.notional == 4_500
    assert order.leaves_qty == 7_000
    bust = a_report(ExecType.TRADE_CANCEL, OrdStatus.NEW, 0, ref="first", at=10)
    done = step(order, bust, 11)
    assert done.order.cum_qty == 0
    assert done.order.notional == 0
    assert done.order.state is OrderState.NEW
    assert all(fill.busted for fill in done.order.fills)


@pytest.mark.requirement("U1")
def test_a_correction_that_overtakes_its_execution_is_counted_once() -> None:
    """Simulated seed 2563: its total holds the correction already, and so does every older one."""
    correction = a_report(
        ExecType.TRADE_CORRECT,
        OrdStatus.FILLED,
        10_000,
        last=2_000,
        price=D("1.5"),
        average=D("1.3"),
        exec_id="corrected",
        ref="unseen",
        at=20,
    )
    done = step(in_state(OrderState.PARTIALLY_FILLED), correction, 21)
    assert done.order.cum_qty == 10_000
    assert done.order.notional == 13_000
    other = a_report(ExecType.TRADE, OrdStatus.FILLED, 10_000, last=3_000, exec_id="other", at=12)
    done = step(done.order, other, 22)
    assert done.fill_delta == 0
    assert done.order.notional == 13_000
    assert not done.halts_account
    done = step(done.order, a_trade(2_000, 6_000, "unseen", at=11), 23)
    assert done.fill_delta == 0
    assert done.order.inferred is not None
    assert done.order.inferred.quantity == 1_000


def test_a_total_older_than_the_newest_proves_nothing() -> None:
    """What it held may be taken back: the newer one says so before the bust arrives."""
    newest = a_report(ExecType.ORDER_STATUS, OrdStatus.PARTIALLY_FILLED, 4_000, at=30)
    order = played(in_state(OrderState.PARTIALLY_FILLED), newest)
    late = a_report(ExecType.PENDING_CANCEL, OrdStatus.PENDING_CANCEL, 9_000, at=20)
    done = step(order, late, 31)
    assert done.order.cum_qty == 4_000


def test_a_bust_falls_to_the_newest_total_and_not_below() -> None:
    """The total that came first already did without the execution, and held two not seen yet."""
    newest = a_report(ExecType.ORDER_STATUS, OrdStatus.PARTIALLY_FILLED, 3_000, at=30)
    order = played(in_state(OrderState.PARTIALLY_FILLED), newest)
    assert order.cum_qty == 4_000, "an execution counts until it is taken back"
    bust = a_report(ExecType.TRADE_CANCEL, OrdStatus.NEW, 0, ref="first", at=20)
    done = step(order, bust, 31)
    assert done.order.cum_qty == 3_000
    assert done.order.total_qty is None
    late = step(done.order, a_trade(3_000, 3_000, "next", at=25), 32)
    assert late.fill_delta == 0
    assert late.order.inferred is None


def test_a_bust_of_the_first_execution_takes_back_the_newest_of_two_corrections() -> None:
    """Both name the first one, and the older came last."""

    def corrected(exec_id: str, quantity: int, at: int) -> ExecutionReport:
        status = OrdStatus.PARTIALLY_FILLED
        return a_report(
            ExecType.TRADE_CORRECT,
            status,
            quantity,
            last=quantity,
            exec_id=exec_id,
            ref="first",
            at=at,
        )

    order = played(in_state(OrderState.PARTIALLY_FILLED), corrected("newer", 3_000, 30))
    order = played(order, corrected("older", 6_000, 20))
    assert order.cum_qty == 3_000
    bust = a_report(ExecType.TRADE_CANCEL, OrdStatus.NEW, 0, ref="first", at=40)
    assert step(order, bust, 41).order.cum_qty == 0


def refilled_before_its_bust() -> Order:
    """Another execution took the place of one whose bust is still on its way."""
    refill = a_trade(10_000, 10_000, "again", at=30)
    done = step(played(in_state(OrderState.NEW), a_trade(10_000, 10_000, "once")), refill, 31)
    assert done.order.cum_qty == 20_000, "an execution counts until it is taken back"
    assert not done.halts_account, "the venue says that it filled what was asked for"
    assert done.note is not Note.OVERFILL
    return done.order


@pytest.mark.requirement("U1")
def test_an_execution_in_the_place_of_another_is_no_overfill() -> None:
    order = refilled_before_its_bust()
    bust = a_report(ExecType.TRADE_CANCEL, OrdStatus.NEW, 0, ref="once", at=20)
    done = step(order, bust, 32)
    assert done.order.cum_qty == 10_000
    assert done.order.overfilled_qty == 0
    assert done.order.state is OrderState.FILLED


@pytest.mark.requirement("U1")
def test_a_total_that_is_too_much_after_all_halts_the_account() -> None:
    total = a_report(ExecType.ORDER_STATUS, OrdStatus.FILLED, 20_000, at=40)
    done = step(refilled_before_its_bust(), total, 41)
    assert done.halts_account
    assert done.note is Note.OVERFILL
    assert not step(done.order, total, 42).halts_account, "once"
