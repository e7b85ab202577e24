"""The book as arrays: returns on one grid, and what is held or on its way over equity."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.executions.exposures import exposures_of, returns_of
from stretto.core.terms.account import BarReturn
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import ListedAccounts
from stretto.core.values import Side
from tests.builders import DAYS, Desk, a_config, a_signal, a_snapshot, bars_of, the_reads

MID = Decimal("1.10005")


def test_returns_lie_on_the_last_sixty_bars_and_gaps_are_not_zeros() -> None:
    desk = Desk(a_config(2))
    some = (BarReturn(day=DAYS[5], return_ppb=1_000_000), BarReturn(day="1999-01-01", return_ppb=9))
    desk.feed(ev.HistoryObserved(account_id="a0", bars=some))
    returns = returns_of(desk.book)
    assert returns.days == DAYS[-60:]
    assert returns.account_ids == ("a0", "a1")
    assert returns.symbol_names == ("EURUSD", "GBPUSD")
    assert np.isfinite(returns.accounts[0]).sum() == 1
    assert returns.accounts[0, DAYS[-60:].index(DAYS[5])] == 0.001
    bars = bars_of("EURUSD")
    assert returns.symbols[-1, 0] == float(bars[-1].close) / float(bars[-2].close) - 1
    assert returns_of(desk.book) is returns, "kept until something changes"
    desk.feed(ev.HistoryObserved(account_id="a0", bars=()))
    assert returns_of(desk.book) is not returns


@pytest.mark.parametrize("side", Side)
def test_what_is_on_its_way_counts_as_if_filled_and_only_once(side: Side) -> None:
    desk = Desk(a_config(1))
    desk.plan(a_signal(side=side))
    (a,) = desk.book.allocations.values()

    def exposure() -> float:
        found = exposures_of(desk.book, the_reads(desk.now), returns_of(desk.book)).values
        assert found[0, 1] == 0
        return float(found[0, 0])

    expected = float(a.intended) * (float(MID) / 100_000) * side.sign
    assert exposure() == pytest.approx(expected, rel=1e-12)
    desk.timers_until(a.release_at)
    (order,) = desk.book.orders.values()
    assert exposure() == pytest.approx(expected, rel=1e-12)
    half = order.quantity / 2
    desk.report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=half, last=half)
    assert exposure() == pytest.approx(expected, rel=1e-12)
    desk.report(order, ExecType.EXPIRED, OrdStatus.EXPIRED, cum=half)
    assert exposure() == pytest.approx(expected / 2, rel=1e-12)


def of_one(desk: Desk, **reads: Any) -> float:
    found = exposures_of(desk.book, the_reads(desk.now, **reads), returns_of(desk.book))
    assert found.unvalued is None
    return float(found.values[0, 0])


def test_what_is_carried_is_valued_at_the_last_price_known() -> None:
    desk = Desk(a_config(1))
    desk.plan()
    fresh = of_one(desk)
    old = {name: replace(q, at=1) for name, q in the_reads(desk.now).quotes.items()}
    assert of_one(desk, quotes=old) == fresh != 0
    close = desk.book.bars["EURUSD"][-1].close
    assert of_one(desk, quotes={}) == pytest.approx(fresh * float(close / MID), rel=1e-12)


def test_an_account_that_lost_everything_keeps_its_direction() -> None:
    desk = Desk(a_config(1))
    desk.plan()
    whole = of_one(desk)
    for equity in (0, -5_000, 1_000):
        desk.now += 1
        broke = a_snapshot("a0", desk.now, equity=Decimal(equity))
        desk.feed(ev.AccountObserved(snapshot=broke))
        assert of_one(desk) == pytest.approx(100 * whole, rel=1e-12)


def test_a_carried_symbol_that_nothing_is_known_of_stops_the_plan_by_name() -> None:
    """Its account is no candidate here; at zero it would stand in nobody's way."""
    desk = Desk(a_config(2))
    only_one = ListedAccounts(account_ids=("a1",))
    desk.plan(a_signal("gbp", symbol="GBPUSD", accounts=only_one))
    desk.feed(ev.BarsObserved(symbol="GBPUSD", bars=()))
    plan = desk.plan(a_signal("eur", accounts=ListedAccounts(account_ids=("a0",))))
    assert plan.refused is not None
    assert (plan.refused.rule, plan.refused.account_id) == (Rule.COVARIANCE_UNKNOWN, "a1")
    assert plan.refused.compared["symbol"] == "GBPUSD"
    blind = exposures_of(desk.book, the_reads(desk.now, quotes={}), returns_of(desk.book))
    assert blind.unvalued == ("a1", "GBPUSD")
