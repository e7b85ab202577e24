"""Laws of the score: bounded, and no factor falls as its account gets better off."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stretto.core.gate.risk import room
from stretto.core.gate.scoring import (
    BaseScore,
    Medians,
    drawdown_score,
    fair_share,
    medians,
    order_key,
    performance_score,
    rotation,
    score,
    total_score,
)
from stretto.core.gate.trade import AccountView, trade_for
from stretto.core.terms.account import Ledger
from stretto.core.terms.plan import Factors
from stretto.core.terms.policy import LossLimit
from stretto.core.values import NS_PER_S, PPM, ZERO
from tests.unit.core.trade_samples import AT, RULEBOOK, anchor, context, snapshot, view

PPMS = st.integers(0, PPM)
MONEY = st.decimals(0, 60_000, places=2)
MEDIANS = st.builds(Medians, PPMS, st.integers(-20 * PPM, 20 * PPM))
RECORDS = st.integers(0, 300).flatmap(
    lambda trades: st.builds(
        Ledger,
        trades=st.just(trades),
        hits=st.integers(0, trades),
        shortfall_pips_sum=st.decimals(-3_000, 3_000, places=1) if trades else st.just(ZERO),
        reliability=PPMS,
        submits=st.integers(0, 9),
        acknowledge_p95_ns=st.integers(0, 60 * NS_PER_S),
        reserved_margin=MONEY,
        reserved_risk=st.decimals(0, 4_000, places=2),
        anchor=st.just(anchor()),
    )
)
LIMITED = replace(RULEBOOK, daily_loss=LossLimit(percent=Decimal(5)))
VIEWS = st.builds(
    lambda equity, used, age, ledger: view(
        snapshot=snapshot(str(equity), margin_used=used, at=AT - age),
        ledger=ledger,
        rulebook=LIMITED,
    ),
    st.decimals(-1_000, 130_000, places=2),
    MONEY,
    st.integers(0, 600 * NS_PER_S),
    RECORDS,
)
QUANTITIES = st.integers(1, 900).map(lambda n: Decimal(1_000 * n))


def scored(
    of: AccountView, quantity: Decimal, book: Medians, correlation: int
) -> tuple[Factors, int, int]:
    ctx = context()
    return score(of, trade_for(of, quantity, ctx), room(of, ctx), book, correlation, ctx)


def values(factors: Factors) -> list[int]:
    return [getattr(factors, name) for name in Factors.__struct_fields__]


@given(VIEWS, QUANTITIES, MEDIANS, PPMS)
@pytest.mark.requirement("R1.3")
def test_every_factor_total_and_confidence_lies_in_the_unit_interval(
    of: AccountView, quantity: Decimal, book: Medians, correlation: int
) -> None:
    factors, total, confidence = scored(of, quantity, book, correlation)
    assert all(0 <= value <= PPM for value in values(factors))
    assert min(values(factors)) <= total <= max(values(factors))
    assert 0 <= confidence <= total


@given(st.lists(PPMS, min_size=5, max_size=5), st.integers(0, 4), st.integers(0, PPM))
def test_the_score_is_monotone_in_each_factor(factors: list[int], which: int, more: int) -> None:
    ctx = context()
    raised = list(factors)
    raised[which] = min(PPM, raised[which] + more)

    def total(of: list[int]) -> int:
        weighted = sum(w * f for w, f in zip(ctx.weights[:4], of[:4], strict=True))
        return total_score(BaseScore(of[0], of[1], of[2], of[3], weighted, 6), of[4], ctx)

    assert total(raised) >= total(factors)
    if min(raised[which] - factors[which], ctx.weights[which]) > 0:
        exact = ctx.weights[which] * (raised[which] - factors[which]) // ctx.weights[5]
        assert total(raised) - total(factors) in (exact, exact + 1)


@given(VIEWS, QUANTITIES, MEDIANS, MONEY, MONEY, st.integers(0, 300 * NS_PER_S))
@pytest.mark.requirement("R1.1", "R1.2", "R1.3")
def test_more_equity_free_margin_and_fresher_state_never_lower_a_factor(
    of: AccountView,
    quantity: Decimal,
    book: Medians,
    equity: Decimal,
    margin: Decimal,
    younger: int,
) -> None:
    assert of.snapshot is not None
    better = of._replace(
        snapshot=replace(
            of.snapshot,
            equity=of.snapshot.equity + equity,
            margin_used=max(ZERO, of.snapshot.margin_used - margin),
            at=of.snapshot.at + younger,
        )
    )
    before, after = scored(of, quantity, book, 0), scored(better, quantity, book, 0)
    pairs = zip(values(before[0]), values(after[0]), strict=True)
    assert all(new >= old for old, new in pairs)
    assert after[1] >= before[1]


@given(VIEWS, QUANTITIES, QUANTITIES, MEDIANS)
def test_a_smaller_trade_never_scores_lower(
    of: AccountView, one: Decimal, other: Decimal, book: Medians
) -> None:
    small, large = sorted((one, other))
    assert scored(of, small, book, 0)[1] >= scored(of, large, book, 0)[1]


@given(VIEWS, QUANTITIES, MEDIANS, PPMS, st.integers(0, 60 * NS_PER_S))
@pytest.mark.requirement("R1.3")
def test_reliability_and_latency_move_health_their_own_way(
    of: AccountView, quantity: Decimal, book: Medians, reliability: int, faster: int
) -> None:
    ledger = replace(
        of.ledger,
        reliability=max(of.ledger.reliability, reliability),
        acknowledge_p95_ns=max(0, of.ledger.acknowledge_p95_ns - faster),
    )
    before = scored(of, quantity, book, 0)[0].health_score
    assert scored(of._replace(ledger=ledger), quantity, book, 0)[0].health_score >= before


@given(st.integers(0, 2 * PPM), st.integers(0, 2 * PPM))
@pytest.mark.requirement("R1.3")
def test_drawdown_never_scores_higher_for_more_use(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert drawdown_score(less) >= drawdown_score(more)


@given(RECORDS, MEDIANS, st.integers(0, 300), st.decimals(0, 500, places=1))
@pytest.mark.requirement("R1.6")
def test_a_better_record_never_performs_worse(
    ledger: Ledger, book: Medians, hits: int, pips: Decimal
) -> None:
    better = replace(
        ledger,
        hits=min(ledger.trades, ledger.hits + hits),
        shortfall_pips_sum=ledger.shortfall_pips_sum - pips,
    )
    assert performance_score(better, book) >= performance_score(ledger, book)


@given(RECORDS, MEDIANS)
@pytest.mark.requirement("R1.6")
def test_few_trades_stay_near_a_half(ledger: Ledger, book: Medians) -> None:
    span = PPM // 2 * ledger.trades // (ledger.trades + 20) + 1
    assert abs(performance_score(ledger, book) - PPM // 2) <= span


@given(st.lists(RECORDS, max_size=7).flatmap(lambda x: st.tuples(st.just(x), st.permutations(x))))
@pytest.mark.requirement("R1.6")
def test_medians_do_not_depend_on_order(pair: tuple[list[Ledger], list[Ledger]]) -> None:
    assert medians(pair[0]) == medians(pair[1])


@given(st.lists(st.lists(st.integers(-40, 0), max_size=6), min_size=1, max_size=6))
@pytest.mark.requirement("R1.5")
def test_rotation_sums_to_nothing_over_the_book(days: list[list[int]]) -> None:
    books = [Ledger(load=tuple(AT + d * 86_400 * NS_PER_S for d in sorted(load))) for load in days]
    fair = fair_share(books, AT)
    total = sum(rotation(ledger, AT, fair) for ledger in books)
    assert 0 <= total < len(books)


@given(
    st.lists(
        st.tuples(PPMS, st.integers(-5, 5), st.text("abc", min_size=1, max_size=3)),
        unique_by=lambda row: row[2],
        max_size=8,
    )
)
@pytest.mark.requirement("R1.5")
def test_the_order_is_total(rows: list[tuple[int, int, str]]) -> None:
    assert len({order_key(*row) for row in rows}) == len(rows)
    ordered = sorted(rows, key=lambda row: order_key(*row))
    bands = [total // 20_000 for total, _, _ in ordered]
    assert bands == sorted(bands, reverse=True)
