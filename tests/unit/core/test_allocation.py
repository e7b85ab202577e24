"""Who takes part and with how much: candidates, totals shared again, unknown covariances."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.limits import CORRELATED_CANDIDATES_MAX
from stretto.core.plans import allocation
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import Permission, Policy
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import BestAccounts, ListedAccounts, PerAccount, Total, Urgency
from tests.builders import (
    DAYS,
    OPEN,
    Desk,
    a_config,
    a_rulebook,
    a_signal,
    an_account,
    bars_of,
    names,
)
from tests.venue_views import a_view

NOW = Urgency.IMMEDIATE


def test_a_total_is_shared_again_until_everybody_it_is_shared_to_may_take_part() -> None:
    accounts = [an_account(name, owner=f"o{at // 2}") for at, name in enumerate(names(6))]
    rules = a_rulebook(copy_within_owner=Permission.FORBIDDEN)
    plan = Desk(a_config(accounts, rulebook=rules)).plan(
        a_signal(size=Total(quantity=Decimal(50_000)))
    )
    assert plan.refused is None
    assert plan.intended == 50_000
    assert sorted(int(a.account_id[1]) // 2 for a in plan.allocations) == [0, 1, 2]
    assert {r.rule for r in plan.refusals} == {Rule.COPY_POLICY}


@pytest.mark.parametrize("quantity_max", [Decimal(1_000_000), Decimal(20_000)])
def test_who_had_no_share_of_a_total_takes_the_place_of_who_may_not_take_part(
    quantity_max: Decimal,
) -> None:
    accounts = [
        an_account(name, owner=f"o{at // 2}", quantity_max=quantity_max)
        for at, name in enumerate(names(6))
    ]
    rules = a_rulebook(copy_within_owner=Permission.FORBIDDEN)
    plan = Desk(a_config(accounts, rulebook=rules)).plan(
        a_signal(size=Total(quantity=Decimal(45_000)), accounts=BestAccounts(count=3))
    )
    assert plan.refused is None, "two of them could not carry it at 20,000 each"
    assert plan.intended == 45_000
    assert sorted(int(a.account_id[1]) // 2 for a in plan.allocations) == [0, 1, 2]
    assert len(plan.refusals) == len({r.account_id for r in plan.refusals}) == 3
    assert {r.rule for r in plan.refusals} <= {Rule.COPY_POLICY, Rule.ACCOUNT_CAP}


def test_a_total_that_the_first_may_not_carry_goes_to_those_behind_them() -> None:
    desk = Desk(a_config(6))
    desk.plan(
        a_signal(
            "held",
            size=PerAccount(quantity=Decimal(400_000)),
            accounts=ListedAccounts(account_ids=("a5",)),
            urgency=NOW,
        )
    )
    plan = desk.plan(
        a_signal(
            "t", desk.now, size=Total(quantity=Decimal(800_000)), accounts=BestAccounts(count=2)
        )
    )
    assert plan.refused is None, "the one that holds it already may"
    assert plan.intended == 800_000
    assert [a.account_id for a in plan.allocations] == ["a5"]
    refused = {r.account_id: r.rule for r in plan.refusals}
    assert refused == dict.fromkeys(names(5), Rule.SAME_BET)
    assert len(plan.refusals) == 5


def test_sharing_again_ends_after_its_rounds_with_those_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allocation, "TOTAL_ROUNDS_MAX", 1)
    accounts = [an_account(name, owner=f"o{at // 2}") for at, name in enumerate(names(6))]
    rules = a_rulebook(copy_within_owner=Permission.FORBIDDEN)
    plan = Desk(a_config(accounts, rulebook=rules)).plan(
        a_signal(size=Total(quantity=Decimal(45_000)), accounts=BestAccounts(count=3))
    )
    assert plan.refused is None
    assert plan.intended == 45_000
    assert len(plan.allocations) == 2
    assert len(plan.refusals) == len({r.account_id for r in plan.refusals}) == 4


def test_a_total_too_small_for_anybody_is_refused_as_that() -> None:
    plan = Desk().plan(a_signal(size=Total(quantity=Decimal(500))))
    assert plan.refused is not None
    assert plan.refused.rule is Rule.TOTAL_NOT_REPRESENTABLE
    assert plan.refused.compared


def test_who_holds_what_cannot_be_correlated_is_left_out_and_the_others_are_not() -> None:
    desk = Desk(a_config(2))
    desk.plan(a_signal("gbp", symbol="GBPUSD", urgency=NOW))
    desk.timers_until(desk.now)
    order = next(o for o in desk.book.orders.values() if o.account_id == "a0")
    full = order.quantity
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=full, last=full)
    desk.feed(ev.BarsObserved(symbol="GBPUSD", bars=bars_of("GBPUSD", DAYS[-10:])))
    plan = desk.plan(a_signal("eur", desk.now))
    (refusal,) = [r for r in plan.refusals if r.account_id == "a0"]
    assert refusal.rule is Rule.COVARIANCE_UNKNOWN
    assert refusal.compared["symbol"] == "GBPUSD"
    assert plan.refused is None
    assert [a.account_id for a in plan.allocations] == ["a1"]


@pytest.mark.timeout(60)
def test_only_the_two_hundred_best_are_correlated_and_the_rest_are_told_their_place() -> None:
    count = CORRELATED_CANDIDATES_MAX + 5
    desk = Desk(a_config(count), opened=False)
    desk.feed(ev.BookOpened(config=desk.config))
    desk.feed(ev.CalendarObserved(table=OPEN))
    desk.feed(ev.BarsObserved(symbol="EURUSD", bars=bars_of("EURUSD")))
    for name in names(count):
        desk.see(a_view(name, desk.now))
    plan = desk.plan()
    beyond = [r for r in plan.every_refusal if r.rule is Rule.BEYOND_CANDIDATES]
    assert [int(r.compared["place"]) for r in beyond] == [201, 202, 203, 204, 205]
    assert [r.account_id for r in beyond] == sorted(names(count))[CORRELATED_CANDIDATES_MAX:]
    assert {r.would_pass for r in beyond} == {"one of the 200 best places"}
    last = beyond[-1].compared
    weights = {"margin": 30, "risk_budget": 25, "health": 20, "performance": 15}
    weighted = sum(
        (Decimal(last[f"{name}_score"]) * of for name, of in weights.items()), Decimal(0)
    )
    weighted /= 100
    assert abs(Decimal(last["score_without_correlation"]) - weighted) <= Decimal("0.000001")
    assert len(plan.candidates) == CORRELATED_CANDIDATES_MAX
    assert len(plan.allocations) + len(plan.every_refusal) == count
    assert plan.refused_accounts == len(plan.every_refusal)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_a_trade_that_uses_the_cap_up_to_the_cent_takes_part() -> None:
    desk = Desk(a_config(1, Policy(exposure_max=Decimal("1100.10"))))
    plan = desk.plan(a_signal(size=PerAccount(quantity=Decimal(1_000))))
    assert [a.position_size for a in plan.allocations] == [1_000]
    less = Desk(a_config(1, Policy(exposure_max=Decimal("1100.09"))))
    plan = less.plan(a_signal(size=PerAccount(quantity=Decimal(1_000))))
    assert [r.rule for r in plan.refusals] == [Rule.EXPOSURE_CAP]


def test_the_hint_names_a_size_that_would_have_passed() -> None:
    desk = Desk(a_config(4))
    size = PerAccount(quantity=Decimal(400_000))
    plan = desk.plan(a_signal(size=size))
    assert plan.correlation is not None
    hint = plan.correlation.resize_hint
    assert len(plan.allocations) == 1
    assert "would have passed with at most" in hint
    assert hint.split()[0] == plan.alternatives[0]
