"""Adding up quantities, late fills, prices and slippage."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core.errors import InvariantViolated
from stretto.core.orders.fills import (
    Quantities,
    average_price,
    quantities,
    slippage_pips,
    total,
)
from stretto.core.orders.order import OrderInput, OrderState, Replacement, step
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.values import ZERO, Side
from tests.unit.core.order_samples import a_report, a_trade, an_order, in_state, played

D = Decimal


@pytest.mark.requirement("U1")
@pytest.mark.parametrize(
    ("state", "filled", "working", "in_doubt"),
    [
        (OrderState.INITIALIZED, 0, 0, 0),
        (OrderState.SUBMITTING, 0, 10_000, 0),
        (OrderState.IN_DOUBT, 0, 0, 10_000),
        (OrderState.PENDING_NEW, 0, 10_000, 0),
        (OrderState.PARTIALLY_FILLED, 4_000, 6_000, 0),
        (OrderState.PENDING_CANCEL, 4_000, 6_000, 0),
        (OrderState.SUSPENDED, 4_000, 6_000, 0),
        (OrderState.FILLED, 10_000, 0, 0),
        (OrderState.CANCELED, 4_000, 0, 0),
        (OrderState.REJECTED, 0, 0, 0),
        (OrderState.DEAD, 0, 0, 0),
    ],
)
def test_where_an_orders_quantity_is(
    state: OrderState, filled: int, working: int, in_doubt: int
) -> None:
    pending = D(10_000 - filled - working - in_doubt)
    found = quantities(D(10_000), pending, ZERO, [in_state(state)])
    assert found.filled == filled
    assert found.working == working
    assert found.in_doubt == in_doubt
    found.check()


def test_a_replace_in_flight_reserves_the_larger_of_old_and_new() -> None:
    raised = step(in_state(OrderState.PARTIALLY_FILLED), Replacement(quantity=D(12_000)), 9)
    assert raised.released_delta == -2_000
    assert quantities(D(12_000), ZERO, ZERO, [raised.order]).working == 8_000
    lowered = step(in_state(OrderState.PARTIALLY_FILLED), Replacement(quantity=D(5_000)), 9)
    assert lowered.released_delta == 0
    assert quantities(D(10_000), ZERO, ZERO, [lowered.order]).working == 6_000


@pytest.mark.requirement("U1")
def test_what_a_venue_raises_unasked_is_no_quantity_of_ours() -> None:
    raised = a_report(ExecType.RESTATED, OrdStatus.NEW, order_qty=D(11_000), at=6)
    order = played(in_state(OrderState.NEW), raised)
    assert order.leaves_qty == 11_000
    quantities(D(10_000), ZERO, ZERO, [order]).check()
    beyond = a_report(
        ExecType.TRADE, OrdStatus.FILLED, 11_000, last=11_000, order_qty=D(11_000), at=7
    )
    done = step(order, beyond, 8)
    assert done.overfill_delta == 1_000
    assert done.halts_account
    found = quantities(D(10_000), ZERO, ZERO, [done.order])
    assert found.filled == 10_000
    assert found.overfilled == 1_000
    found.check()


def test_orders_that_fill_more_than_intended_together_overfill_the_allocation() -> None:
    late = played(in_state(OrderState.CANCELED), a_trade(6_000, 10_000, "late", at=9))
    other = in_state(OrderState.PARTIALLY_FILLED)
    stopped = played(other, a_report(ExecType.CANCELED, OrdStatus.CANCELED, 4_000, at=9))
    found = quantities(D(10_000), ZERO, ZERO, [late, stopped])
    assert found.filled == 10_000
    assert found.overfilled == 4_000
    found.check()


@pytest.mark.requirement("U1")
def test_the_identity_is_checked_and_names_what_broke_it() -> None:
    with pytest.raises(InvariantViolated, match="a7: intended 10 but accounted 9"):
        Quantities(intended=D(10), filled=D(4), working=D(5)).check("a7")
    with pytest.raises(InvariantViolated, match="negative"):
        Quantities(intended=D(10), filled=D(11), pending=D(-1)).check()


def test_an_execution_is_the_sum_of_its_allocations() -> None:
    first = Quantities(intended=D(10), filled=D(4), working=D(6))
    second = Quantities(intended=D(7), in_doubt=D(2), pending=D(4), abandoned=D(1), overfilled=D(3))
    found = total([first, second])
    assert found == Quantities(
        intended=D(17),
        filled=D(4),
        working=D(6),
        in_doubt=D(2),
        pending=D(4),
        abandoned=D(1),
        overfilled=D(3),
    )
    found.check()
    assert total([]) == Quantities(intended=ZERO)


@pytest.mark.requirement("R4.5")
def test_the_average_price_is_weighted_by_volume() -> None:
    order = played(
        in_state(OrderState.NEW),
        a_report(ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, 1_000, last=1_000, price=D(100)),
        a_report(ExecType.TRADE, OrdStatus.FILLED, 10_000, last=9_000, price=D(110), at=11),
    )
    assert average_price(order.notional, order.cum_qty) == 109
    assert average_price(an_order().notional, an_order().cum_qty) is None


@pytest.mark.requirement("R4.5")
@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [(Side.BUY, "1.1003", 3), (Side.BUY, "1.0998", -2), (Side.SELL, "1.0998", 2)],
)
def test_positive_slippage_is_worse(side: Side, price: str, expected: int) -> None:
    assert slippage_pips(side, D(price), D("1.1000"), D("0.0001")) == expected


def test_a_pip_of_nothing_is_refused() -> None:
    with pytest.raises(InvariantViolated, match="pip size 0"):
        slippage_pips(Side.BUY, D(1), D(1), ZERO)


def test_submitting_takes_the_quantity_and_proof_gives_it_back() -> None:
    taken = step(an_order(), OrderInput.SUBMIT, 1)
    assert taken.released_delta == -10_000
    assert step(taken.order, OrderInput.NOT_SENT, 2).released_delta == 10_000
