"""What bounds a fill counts as its risk: the worst permitted price still respects the room."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.gate.affordability import largest_quantity
from stretto.core.gate.risk import room
from stretto.core.gate.trade import trade_for
from stretto.core.sizes.slippage import slippage_allowed
from stretto.core.terms.account import Ledger
from stretto.core.terms.policy import Policy
from stretto.core.terms.report import OrderType
from stretto.core.values import Side
from tests.builders import INSTRUMENTS, Desk, a_config, a_signal, only, the_reads
from tests.unit.core.trade_samples import (
    DAILY,
    QUOTES,
    RULEBOOK,
    TERMS,
    account,
    anchor,
    context,
    view,
)

EURUSD = INSTRUMENTS["EURUSD"]
TOUCH = Decimal("1.10010")


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"max_slippage": Decimal("1.5")}, "0.00015"),
        ({"max_slippage": Decimal(0)}, "0"),
        ({}, "0.00110"),
        ({"order_type": OrderType.STOP, "stop_price": TOUCH}, "0.00110"),
        ({"order_type": OrderType.LIMIT, "limit_price": TOUCH, "max_slippage": Decimal(9)}, "0"),
        ({"order_type": OrderType.STOP_LIMIT, "limit_price": TOUCH, "stop_price": TOUCH}, "0"),
    ],
)
def test_what_each_order_may_give_away(changes: dict[str, Any], allowed: str) -> None:
    found = slippage_allowed(a_signal(**changes), TOUCH, EURUSD, Policy())
    assert found == Decimal(allowed)


def test_the_default_is_the_policys_and_at_least_a_tick() -> None:
    tight = Policy(slippage_default=1)
    assert slippage_allowed(a_signal(), TOUCH, EURUSD, tight) == EURUSD.tick


@pytest.mark.requirement("P8")
@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("slippage", ["0", "0.0010"])
def test_the_largest_entry_filled_at_its_worst_stays_above_the_floor(
    side: Side, slippage: str
) -> None:
    """Filled as badly as permitted and stopped out, costs paid: equity is at the floor or above."""
    quote, distance = QUOTES["EURUSD"], Decimal("0.0040")
    entry = quote.ask if side is Side.BUY else quote.bid
    within = context(
        side=side,
        entry=entry,
        stop_loss=entry - side.sign * distance,
        slippage=Decimal(slippage),
    )
    terms = replace(TERMS, commission_per_lot=Decimal("3.5"), margin_rate=Decimal("0.0001"))
    mine = view(
        account=account(symbols={"EURUSD": terms}),
        rulebook=replace(RULEBOOK, daily_loss=DAILY),
        ledger=Ledger(anchor=anchor()),
    )
    space = room(mine, within)
    cap = largest_quantity(mine, space, within)
    assert cap.rule == "daily_loss"
    lost = cap.quantity * (distance + Decimal(slippage)) + 7 * cap.quantity / 100_000
    assert mine.snapshot is not None
    assert mine.snapshot.equity - lost >= Decimal(95_000)
    assert trade_for(mine, cap.quantity, within).risk == lost + cap.quantity * quote.spread
    one_more = trade_for(mine, cap.quantity + terms.step, within).risk
    assert space.smallest is not None
    assert one_more is not None
    assert one_more > space.smallest


def test_a_planned_entry_reserves_its_slippage_and_carries_the_bound() -> None:
    desk = Desk(a_config(1))
    plan = desk.plan(a_signal())
    (a,) = plan.allocations
    assert a.risk == a.position_size * Decimal("0.0042")  # 30 pips, 1 of spread, 11 of slippage
    order = only(desk.timers_until(a.release_at), ev.OrderIntended)
    assert order.slippage_max == Decimal("0.00110")


def test_at_release_only_what_is_left_of_the_slippage_counts() -> None:
    """The market moved 5 of 10 pips: the entry is 5 worse, and may slip 5 more."""
    desk = Desk(a_config(1))
    (a,) = desk.plan(a_signal(max_slippage=Decimal(10))).allocations
    moved = the_reads(a.release_at, "1.10050", "1.10060")
    order = only(desk.timers_until(a.release_at, lambda _: moved), ev.OrderIntended)
    assert order.slippage_max == Decimal("0.00050")
