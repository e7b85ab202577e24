"""Who is addressed, at what base size, and what the book carries already."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core.plans.screening import (
    account_views,
    accounts_cap,
    addressed,
    opposed_to,
    screen,
    trade_context,
)
from stretto.core.sizes.entry import EntryPrices, entry_prices
from stretto.core.terms.account import ExecutionProfile
from stretto.core.terms.policy import Policy
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import (
    AllAccounts,
    BestAccounts,
    GroupAccounts,
    ListedAccounts,
    PerAccount,
    RiskPercent,
    Signal,
    Size,
    Total,
)
from stretto.core.values import NS_PER_S, PPM, Side
from tests.builders import INSTRUMENTS, Desk, a_config, a_signal, an_account, names, the_reads

ACCOUNTS = {name: an_account(name, group="g" if name == "a1" else "") for name in names(3)}


def test_each_way_of_addressing() -> None:
    def of(to: Any) -> tuple[list[str], list[str]]:
        found, unknown = addressed(a_signal(accounts=to), ACCOUNTS, sorted(ACCOUNTS))
        assert all(r.rule is Rule.NOT_ADDRESSED and r.would_pass for r in unknown)
        return found, [r.account_id for r in unknown]

    assert of(AllAccounts()) == (names(3), [])
    assert of(BestAccounts(count=1)) == (names(3), [])
    assert of(GroupAccounts(group="g")) == (["a1"], [])
    assert of(GroupAccounts(group="none")) == ([], [""])
    assert of(ListedAccounts(account_ids=("a2", "x", "a0", "a2"))) == (["a0", "a2"], ["x"])


def test_the_smaller_cap_counts() -> None:
    assert accounts_cap(a_signal(accounts=BestAccounts(count=5)), 3) == 3
    assert accounts_cap(a_signal(accounts=BestAccounts(count=2)), 3) == 2
    assert accounts_cap(a_signal(), 3) == 3


def against(desk: Desk, **changes: Any) -> list[str]:
    opposed = opposed_to(desk.book, a_signal("next", desk.now, **changes))
    return [] if opposed is None else [account.account_id for account, _ in opposed.any]


def test_whoever_stands_on_the_other_side_of_the_symbol_is_against_a_trade() -> None:
    desk = Desk(a_config(3))
    desk.plan(a_signal(accounts=ListedAccounts(account_ids=("a2", "a1"))))
    assert against(desk) == []
    assert against(desk, side=Side.SELL) == ["a1", "a2"], "on their way"
    assert against(desk, side=Side.SELL, symbol="GBPUSD") == []
    desk.timers_until(desk.now + 40 * NS_PER_S)
    first, second = desk.book.orders.values()
    desk.report(first, ExecType.EXPIRED, OrdStatus.EXPIRED)
    assert against(desk, side=Side.SELL) == [second.account_id]
    full = second.quantity
    desk.report(second, ExecType.TRADE, OrdStatus.FILLED, cum=full, last=full)
    assert against(desk, side=Side.SELL) == [second.account_id], "a position"


def test_an_account_that_holds_both_sides_is_against_either() -> None:
    desk = Desk(a_config(1))
    desk.plan(a_signal(size=PerAccount(quantity=Decimal(9_000))))
    assert against(desk) == []
    smaller = PerAccount(quantity=Decimal(2_000))
    desk.plan(a_signal("s2", desk.now, side=Side.SELL, size=smaller))
    (carried,) = desk.book.carried["EURUSD"].values()
    assert carried > 0
    assert against(desk) == against(desk, side=Side.SELL) == ["a0"]


def prices(desk: Desk, signal: Signal) -> EntryPrices:
    quote = the_reads(desk.now).quotes[signal.symbol]
    found = entry_prices(signal, INSTRUMENTS[signal.symbol], quote)
    assert isinstance(found, EntryPrices)
    return found


@pytest.mark.parametrize(
    ("size", "factor", "requested"),
    [
        (RiskPercent(percent=Decimal(1)), PPM, 333_000),
        (RiskPercent(percent=Decimal(1)), PPM // 2, 166_000),
        (Total(quantity=Decimal(10**6)), PPM, 1_000),
    ],
)
def test_the_base_size_of_each_mode(size: Size, factor: int, requested: int) -> None:
    profile = ExecutionProfile(size_factor=factor)
    desk = Desk(a_config([an_account("a0", profile=profile)]))
    signal = a_signal(size=size)
    context = trade_context(desk.book, signal, prices(desk, signal), the_reads(desk.now), desk.now)
    views = account_views(desk.book, the_reads(desk.now), ["a0"])
    (passed,), refusals = screen(desk.book, signal, context, views)
    assert refusals == []
    assert passed.requested == requested


def remaining(desk: Desk, own: Decimal = Decimal(0)) -> Decimal | None:
    signal = a_signal("next", desk.now)
    context = trade_context(
        desk.book, signal, prices(desk, signal), the_reads(desk.now), desk.now, own
    )
    return context.exposure_remaining


def test_the_cap_counts_what_is_held_working_and_scheduled_over_all_accounts() -> None:
    cap = Decimal(50_000)
    desk = Desk(a_config(2, Policy(exposure_max=cap)))
    price = prices(desk, a_signal()).entry
    assert remaining(desk) == cap
    plan = desk.plan()
    carried = plan.intended
    assert remaining(desk) == cap - carried * price
    assert remaining(desk, own=Decimal(1_000)) == cap - (carried - 1_000) * price
    desk.timers_until(plan.allocations[-1].release_at)
    first, second = desk.book.orders.values()
    full = first.quantity
    desk.report(first, ExecType.TRADE, OrdStatus.FILLED, cum=full, last=full)
    assert remaining(desk) == cap - carried * price
    desk.report(second, ExecType.EXPIRED, OrdStatus.EXPIRED)
    assert remaining(desk) == cap - full * price
    opposite = desk.plan(a_signal("gbp", desk.now, symbol="GBPUSD"))
    assert opposite.refused is None
    assert remaining(desk) == cap - full * price, "another symbol has its own cap"


def test_a_cap_that_cannot_be_converted_refuses_everybody() -> None:
    config = msgspec.structs.replace(
        a_config(2, Policy(exposure_max=Decimal(10**9))), currency="JPY"
    )
    plan = Desk(config).plan()
    assert [r.rule for r in plan.refusals] == [Rule.CONVERSION_MISSING] * 2
    assert plan.refusals[0].compared["to"] == "JPY"
