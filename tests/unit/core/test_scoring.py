"""The five factors, their weights, the confidence and the order, on worked examples."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from stretto.core.gate.risk import room
from stretto.core.gate.scoring import (
    INPUTS,
    Medians,
    base_score,
    complete,
    drawdown_score,
    executions_given,
    fair_share,
    health_score,
    margin_score,
    medians,
    order_key,
    performance_score,
    risk_budget_score,
    rotation,
    score,
    total_score,
)
from stretto.core.gate.trade import AccountView, trade_for
from stretto.core.terms.account import Ledger
from stretto.core.terms.plan import Factors
from stretto.core.terms.policy import LossLimit, Policy
from stretto.core.values import NS_PER_S, PPM
from tests.unit.core.trade_samples import (
    AT,
    DAILY,
    RULEBOOK,
    anchor,
    context,
    snapshot,
    view,
)

QUANTITY = Decimal(100_000)
NEUTRAL = Medians(PPM // 2, 0)


def margin_of(of: AccountView) -> int:
    ctx = context()
    return margin_score(of, trade_for(of, QUANTITY, ctx), room(of, ctx), ctx.margin_level_min_ppm)


@pytest.mark.requirement("R1.1")
def test_margin_is_one_less_120_percent_of_all_margin_over_equity() -> None:
    ledger = Ledger(reserved_margin=Decimal(7_000), unconfirmed_margin=Decimal(10_000))
    of = view(snapshot=snapshot(margin_used=Decimal("30227.80")), ledger=ledger)
    # 1.2 * (30227.80 + 7000 + 10000 + 2772.20) / 100000 = 0.6
    assert margin_of(of) == 400_000
    assert margin_of(view(snapshot=snapshot("50000", margin_used=Decimal(60_000)))) == 0
    assert margin_of(view(snapshot=snapshot("0"))) == 0
    assert margin_of(view(snapshot=snapshot("-1"))) == 0
    assert margin_of(view(snapshot=None)) == 0


@pytest.mark.requirement("R1.2")
def test_risk_budget_is_one_less_risk_over_the_smallest_room() -> None:
    ctx = context()
    of = view(rulebook=replace(RULEBOOK, daily_loss=DAILY))
    made = trade_for(of, QUANTITY, ctx)
    assert risk_budget_score(made, room(of, ctx)) == 918_000  # 1 - 410 / 5000
    assert risk_budget_score(made, room(view(), ctx)) == PPM
    spent = of._replace(snapshot=snapshot("95000"))
    assert risk_budget_score(made, room(spent, ctx)) == 0
    small = of._replace(snapshot=snapshot("95200"))
    assert risk_budget_score(made, room(small, ctx)) == 0


@pytest.mark.requirement("R1.3")
@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (0, PPM),
        (500_000, PPM),
        (600_000, 800_000),
        (650_000, 700_000),
        (800_000, 400_000),
        (800_001, 100_000),
        (2_000_000, 100_000),
    ],
)
def test_drawdown_use(use: int, expected: int) -> None:
    assert drawdown_score(use) == expected


@pytest.mark.requirement("R1.3")
def test_health_is_drawdown_reliability_latency_and_freshness() -> None:
    ctx = context()
    limit = LossLimit(percent=Decimal(10))
    of = view(rulebook=replace(RULEBOOK, overall_loss=limit), snapshot=snapshot("94000"))
    ledger = Ledger(reliability=900_000, acknowledge_p95_ns=NS_PER_S, anchor=anchor())
    at = AT + 60 * NS_PER_S
    # 0.4 * 0.8 + 0.3 * 0.9 + 0.2 * 0.5 + 0.1 * 0.5
    assert health_score(ledger, of.snapshot, room(of, ctx), at) == 740_000
    assert health_score(Ledger(), snapshot(), room(view(), ctx), AT) == PPM
    assert health_score(Ledger(), None, room(view(snapshot=None), ctx), AT) == 900_000


@pytest.mark.requirement("R1.3")
@pytest.mark.parametrize(
    ("own", "at_venue", "counts"),
    [
        (900_000, 800_000, 800_000),
        (800_000, 900_000, 800_000),
        (PPM, 500_000, 500_000),
        (900_000, None, 900_000),
    ],
)
def test_of_an_accounts_reliability_and_its_venues_the_smaller_is_in_its_health(
    own: int, at_venue: int | None, counts: int
) -> None:
    ctx = context()
    of = view(ledger=Ledger(reliability=own, anchor=anchor()))
    ctx.venue_reliability = {"elsewhere": 100_000}
    if at_venue is not None:
        ctx.venue_reliability[of.account.venue] = at_venue
    found = base_score(of, trade_for(of, QUANTITY, ctx), room(of, ctx), Medians(0, 0), ctx)
    assert found.health == PPM - 3 * (PPM - counts) // 10


@pytest.mark.requirement("R1.6")
def test_performance_is_shrunk_to_a_half_with_the_weight_of_twenty_trades() -> None:
    book = Medians(500_000, 1_000_000)
    assert performance_score(Ledger(), book) == 500_000
    good = Ledger(trades=20, hits=16, shortfall_pips_sum=Decimal(10))
    # hit 0.5 + 0.3 / 2 = 0.65; shortfall 0.5 pips against 1: 0.75; mean 0.7, shrunk by half
    assert performance_score(good, book) == 600_000
    bad = Ledger(trades=60, hits=12, shortfall_pips_sum=Decimal(600))
    # hit 0.35, cost 0: 0.175; (60 * 0.175 + 20 * 0.5) / 80
    assert performance_score(bad, book) == 256_250


@pytest.mark.requirement("R1.6")
def test_the_scale_of_shortfall_is_the_books_own() -> None:
    ledger = Ledger(trades=20, hits=10, shortfall_pips_sum=Decimal(80))
    assert performance_score(ledger, Medians(500_000, 8_000_000)) == 562_500  # 4 of 8 pips: 0.75
    assert performance_score(ledger, Medians(500_000, 4_000_000)) == 500_000


def test_medians_are_of_those_that_traded() -> None:
    ledgers = [
        Ledger(),
        Ledger(trades=10, hits=4, shortfall_pips_sum=Decimal(10)),
        Ledger(trades=10, hits=9, shortfall_pips_sum=Decimal(40)),
    ]
    assert medians(ledgers) == Medians(650_000, 2_500_000)
    assert medians(ledgers[:2]) == Medians(400_000, 1_000_000)
    assert medians([Ledger()]) == Medians(500_000, 0)


def test_the_total_weighs_30_25_20_15_10() -> None:
    ctx = context()
    of = view(rulebook=replace(RULEBOOK, daily_loss=DAILY))
    made, space = trade_for(of, QUANTITY, ctx), room(of, ctx)
    factors, total, _ = score(of, made, space, NEUTRAL, 400_000, ctx)
    assert factors == Factors(
        margin_score=966_734,
        risk_budget_score=918_000,
        health_score=PPM,
        performance_score=500_000,
        correlation_score=400_000,
    )
    # 290020.2 + 229500 + 200000 + 75000 + 40000
    assert total == 834_520
    base = base_score(of, made, space, NEUTRAL, ctx)
    assert complete(base, 400_000, ctx)[:2] == (factors, total)
    assert total_score(base, 400_000, ctx) == total


def test_weights_are_the_policys_and_need_not_sum_to_one() -> None:
    policy = Policy(
        weight_margin=0,
        weight_risk_budget=0,
        weight_health=0,
        weight_performance=10,
        weight_correlation=30,
    )
    ctx = context(policy=policy)
    made, space = trade_for(view(), QUANTITY, ctx), room(view(), ctx)
    assert score(view(), made, space, NEUTRAL, PPM, ctx)[1] == 875_000


def test_confidence_is_the_score_times_the_share_of_inputs_observed() -> None:
    ctx = context()
    known = Ledger(submits=3, acknowledge_p95_ns=1, trades=1, hits=1, anchor=anchor())
    of = view(rulebook=replace(RULEBOOK, daily_loss=DAILY), ledger=known)
    made, space = trade_for(of, QUANTITY, ctx), room(of, ctx)
    _, total, confidence = score(of, made, space, NEUTRAL, PPM, ctx)
    assert confidence == total
    _, total, confidence = score(of, made, space, NEUTRAL, PPM, ctx, correlation_observed=False)
    assert confidence == total * 6 // 7
    bare = view()
    _, total, confidence = score(
        bare, trade_for(bare, QUANTITY, ctx), room(bare, ctx), NEUTRAL, PPM, ctx
    )
    assert confidence == total * 2 // len(INPUTS)  # the snapshot and the correlation


@pytest.mark.requirement("R1.5")
def test_rotation_is_load_against_the_fair_share_of_thirty_days() -> None:
    day = 86_400 * NS_PER_S
    busy = Ledger(load=(AT - 31 * day, AT - 30 * day, AT - 29 * day, AT - day, AT))
    idle = Ledger(load=(AT - 40 * day,))
    assert (executions_given(busy, AT), executions_given(idle, AT)) == (3, 0)
    fair = fair_share([busy, idle], AT)
    assert fair == 1_500_000
    assert (rotation(busy, AT, fair), rotation(idle, AT, fair)) == (1_500_000, -1_500_000)
    assert fair_share([], AT) == 0


@pytest.mark.requirement("R1.5")
def test_order_is_by_band_of_score_then_rotation_then_id() -> None:
    rows = [
        (819_999, -5, "band 40, below its share"),
        (800_000, 7, "band 40, above its share"),
        (820_000, 9, "band 41"),
        (800_001, -5, "band 40, below its share, later id"),
    ]
    ordered = sorted(rows, key=lambda row: order_key(*row))
    assert [name for _, _, name in ordered] == [
        "band 41",
        "band 40, below its share",
        "band 40, below its share, later id",
        "band 40, above its share",
    ]
