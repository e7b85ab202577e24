"""Sizes for any input: on the grid, inside every limit, in the band, exact, the same every time."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.sizes.sizing import (
    Dispersal,
    Sized,
    SizeLimits,
    disperse,
    per_account,
    risk_percent,
    round_limit_price,
    round_stop,
    round_take_profit,
)
from stretto.core.sizes.total_dispersion import disperse_total
from stretto.core.sizes.total_size import SplitAccount, split_total
from stretto.core.terms.refusal import Refusal
from stretto.core.values import Side

D = Decimal

positive = st.decimals(
    min_value=D("1E-8"), max_value=D("1E12"), allow_nan=False, allow_infinity=False
).filter(lambda value: value > 0)
steps = st.sampled_from(
    [D(text) for text in ("0.00001", "0.01", "0.03", "1", "25", "1000", "1E+5")]
)
factors = st.integers(1, 3_000_000)


@st.composite
def size_limits(draw: st.DrawFn, step: Decimal | None = None) -> SizeLimits:
    lot = draw(steps) if step is None else step
    least = draw(st.integers(0, 30))
    return SizeLimits(
        step=lot,
        minimum=least * lot + draw(st.sampled_from([D(0), lot / 4])),
        maximum=draw(st.integers(-2, 300)) * lot + draw(st.sampled_from([D(0), lot / 4])),
        maximum_rule="firm",
    )


@pytest.mark.requirement("R2.4")
@given(quantity=positive, factor=factors, step=steps)
def test_per_account_is_the_largest_multiple_not_above(
    quantity: Decimal, factor: int, step: Decimal
) -> None:
    base = per_account(quantity, factor, step)
    exact = quantity * factor / 1_000_000
    assert base % step == 0
    assert base <= exact < base + step


@given(
    equity=positive,
    percent=st.decimals(D("0.01"), D(100), places=2),
    distance=st.decimals(D("0.00001"), D(1000), places=5),
    value=st.decimals(D("0.001"), D(1000), places=3),
    factor=factors,
    step=steps,
)
def test_risk_percent_never_risks_more_than_asked(
    equity: Decimal,
    percent: Decimal,
    distance: Decimal,
    value: Decimal,
    factor: int,
    step: Decimal,
) -> None:
    base = risk_percent(equity, percent, distance, value, factor, step)
    budget = Fraction(equity) * Fraction(percent) / 100 * factor / 1_000_000
    per_unit = Fraction(distance) * Fraction(value)
    assert (Fraction(base) / Fraction(step)).denominator == 1
    assert Fraction(base) * per_unit <= budget < (Fraction(base) + Fraction(step)) * per_unit


@pytest.mark.requirement("R2.3")
@given(requested=positive, multiple=st.integers(1, 400), bounds=size_limits(), name=st.text())
def test_a_dispersed_size_is_on_the_grid_inside_limits_and_band(
    requested: Decimal, multiple: int, bounds: SizeLimits, name: str
) -> None:
    for wanted in (requested, multiple * bounds.step):
        result = disperse(wanted, bounds, book_key="k", execution_id="e", account_id=name)
        again = disperse(wanted, bounds, book_key="k", execution_id="e", account_id=name)
        assert result == again
        if isinstance(result, Refusal):
            assert wanted < bounds.quantity(bounds.least) or bounds.most < bounds.least
            continue
        assert bounds.minimum <= result.size <= bounds.maximum
        assert result.size % bounds.step == 0
        assert result.base % bounds.step == 0
        assert result.base <= wanted
        assert (result.clipped_by is None) == (wanted < (bounds.most + 1) * bounds.step)
        _check_band(result, bounds)


def _check_band(result: Sized, bounds: SizeLimits) -> None:
    deviation = (result.size - result.base) / result.base
    assert abs(deviation * 1_000_000 - result.variance_applied_ppm) < 1
    low, high = result.base * D("0.05"), result.base * D("0.15")
    if result.dispersal is Dispersal.DISPERSED:
        assert low <= abs(result.size - result.base) <= high
        return
    assert result.size == result.base
    # Search every multiple near the base: none may have qualified.
    base = int(result.base / bounds.step)
    in_band = [k for k in range(1, base // 6 + 2) if low <= k * bounds.step <= high]
    allowed = [
        k
        for k in in_band
        if bounds.quantity(bounds.least) <= result.base - k * bounds.step
        or result.base + k * bounds.step <= bounds.maximum
    ]
    if result.dispersal is Dispersal.NO_MULTIPLE_IN_BAND:
        assert not in_band
    elif result.dispersal is Dispersal.LIMITS:
        assert in_band
        assert not allowed
    else:
        assert result.dispersal is Dispersal.NO_COUNTERPART
        assert allowed


@st.composite
def splits(draw: st.DrawFn) -> tuple[Decimal, list[SplitAccount], int]:
    one_step = draw(st.one_of(st.none(), steps))
    accounts = [
        SplitAccount(
            account_id=f"a{i}",
            weight=draw(st.decimals(D(0), D(1_000_000), places=2)),
            limits=draw(size_limits(one_step)),
            size_factor_ppm=draw(st.sampled_from([500_000, 1_000_000, 1_300_000])),
        )
        for i in range(draw(st.integers(0, 8)))
    ]
    finest = min([each.limits.step for each in accounts], default=D(1))
    return draw(st.integers(1, 2_000)) * finest, accounts, draw(st.integers(1, 9))


@given(splits(), st.randoms(use_true_random=False))
def test_a_split_is_exact_inside_all_limits_and_disperses_without_changing_the_sum(
    case: tuple[Decimal, list[SplitAccount], int], order: random.Random
) -> None:
    total, accounts, cap = case
    shares = split_total(total, accounts, cap=cap)
    assert shares == split_total(total, accounts, cap=cap)
    if isinstance(shares, Refusal):
        assert shares.would_pass
        return
    bounds = {each.account_id: each.limits for each in accounts}
    assert 1 <= len(shares) <= cap
    assert sum(share.base for share in shares) == total
    taking_part = [bounds[share.account_id] for share in shares]
    after = disperse_total(shares, taking_part, book_key="k", execution_id="e")
    assert sum(share.size for share in after) == total
    for before, share, limit in zip(shares, after, taking_part, strict=True):
        assert (before.account_id, before.base) == (share.account_id, share.base)
        for quantity in (share.base, share.size):
            assert limit.minimum <= quantity <= limit.maximum
            assert quantity % limit.step == 0
        _check_band(share, limit)
    mixed = list(zip(shares, taking_part, strict=True))
    order.shuffle(mixed)
    again = disperse_total(
        [share for share, _ in mixed],
        [limit for _, limit in mixed],
        book_key="k",
        execution_id="e",
    )
    assert {s.account_id: s.size for s in again} == {s.account_id: s.size for s in after}


@given(
    weights=st.lists(st.integers(1, 100), min_size=1, max_size=8),
    total=st.integers(1, 3_000),
    step=steps,
)
def test_without_binding_limits_every_share_is_its_quota_rounded_either_way(
    weights: list[int], total: int, step: Decimal
) -> None:
    bounds = SizeLimits(step=step, minimum=D(0), maximum=step * 10**6)
    accounts = [
        SplitAccount(account_id=f"a{i}", weight=D(w), limits=bounds) for i, w in enumerate(weights)
    ]
    shares = split_total(total * step, accounts, cap=len(accounts))
    assert isinstance(shares, tuple)
    chosen = [weights[int(share.account_id[1:])] for share in shares]
    for share, weight in zip(shares, chosen, strict=True):
        # Hamilton satisfies quota: the floor or the ceiling of total x weight / all weights.
        count, numerator = int(share.base / step), total * weight
        assert numerator // sum(chosen) <= count <= -(-numerator // sum(chosen))
    remainders = [total * w % sum(chosen) for w in chosen]
    raised = [
        int(s.base / step) > total * w // sum(chosen) for s, w in zip(shares, chosen, strict=True)
    ]
    gained = [r for r, up in zip(remainders, raised, strict=True) if up]
    missed = [r for r, up in zip(remainders, raised, strict=True) if not up]
    assert not gained or not missed or min(gained) >= max(missed)


@given(splits())
def test_a_refused_total_fits_no_set_of_one_or_two_accounts(
    case: tuple[Decimal, list[SplitAccount], int],
) -> None:
    total, accounts, cap = case
    if not isinstance(split_total(total, accounts, cap=cap), Refusal):
        return
    for size in range(1, min(cap, 2) + 1):
        for some in combinations(accounts, size):
            weights = [each.weight * each.size_factor_ppm for each in some]
            if min(weights) <= 0 or any(e.limits.least > e.limits.most for e in some):
                continue
            quotas = [total * weight / sum(weights) for weight in weights]
            # Both rounded quotas inside their limits and on the grid: it would have been found.
            for first in (quotas[0] // some[0].limits.step, quotas[0] // some[0].limits.step + 1):
                parts = [first * some[0].limits.step]
                parts += [total - parts[0]] if size == 2 else []
                fits = [
                    e.limits.quantity(e.limits.least) <= min(part, quota)
                    and max(part, quota) <= e.limits.quantity(e.limits.most)
                    and part % e.limits.step == 0
                    for e, part, quota in zip(some, parts, quotas, strict=True)
                ]
                assert not (sum(parts) == total and all(fits))


@given(
    units=st.lists(st.integers(1, 12), min_size=1, max_size=2, unique=True),
    data=st.data(),
)
def test_what_two_accounts_can_represent_is_found(units: list[int], data: st.DataObject) -> None:
    # Whatever two multiples sum to must be split, by the same or other multiples.
    counts = [data.draw(st.integers(1, 40)) for _ in units]
    total = sum(unit * count for unit, count in zip(units, counts, strict=True))
    accounts = [
        SplitAccount(
            account_id=f"a{unit}",
            weight=D(unit * count),
            limits=SizeLimits(step=D(unit), minimum=D(unit), maximum=D(unit * 40)),
        )
        for unit, count in zip(units, counts, strict=True)
    ]
    shares = split_total(D(total), accounts, cap=2)
    assert isinstance(shares, tuple), shares
    assert sum(share.base for share in shares) == total


@given(
    price=st.decimals(D("0.001"), D("100000"), places=6),
    tick=st.sampled_from([D("0.00001"), D("0.005"), D("0.25"), D(1)]),
)
def test_rounded_prices_are_on_the_tick_and_on_the_cautious_side(
    price: Decimal, tick: Decimal
) -> None:
    for rounding, up in (
        (round_limit_price, Side.SELL),
        (round_stop, Side.BUY),
        (round_take_profit, Side.SELL),
    ):
        higher, lower = rounding(price, up, tick), rounding(price, up.opposite, tick)
        assert higher % tick == 0
        assert lower % tick == 0
        assert lower <= price <= higher
        assert higher - lower == (0 if price % tick == 0 else tick)
