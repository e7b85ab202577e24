"""Sizes, totals and price rounding on examples worked by hand."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, localcontext

import pytest

from stretto.core.errors import InvariantViolated
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
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.values import PPM, Side

D = Decimal


def limits(step: str, minimum: str, maximum: str, rule: str = "lot_max") -> SizeLimits:
    return SizeLimits(step=D(step), minimum=D(minimum), maximum=D(maximum), maximum_rule=rule)


def dispersed(requested: str, bounds: SizeLimits, account_id: str = "a") -> Sized | Refusal:
    return disperse(
        D(requested), bounds, book_key="key", execution_id="execution", account_id=account_id
    )


def sized(outcome: Sized | Refusal) -> Sized:
    assert isinstance(outcome, Sized), outcome
    return outcome


def split(
    total: str, bounds: list[SizeLimits], weights: list[str] | None = None, cap: int = 99
) -> tuple[Sized, ...] | Refusal:
    accounts = [
        SplitAccount(account_id=f"a{i}", weight=D(weights[i] if weights else 1), limits=each)
        for i, each in enumerate(bounds)
    ]
    return split_total(D(total), accounts, cap=cap)


def bases(outcome: tuple[Sized, ...] | Refusal) -> dict[str, Decimal]:
    assert isinstance(outcome, tuple), outcome
    return {share.account_id: share.base for share in outcome}


@pytest.mark.requirement("R2.4")
def test_per_account_takes_the_size_factor_and_floors() -> None:
    assert per_account(D(100_000), PPM, D(1_000)) == 100_000
    assert per_account(D(100_000), 755_000, D(1_000)) == 75_000
    assert per_account(D("0.999"), PPM, D("0.01")) == D("0.99")
    # 1e-40 below a step is below it: nothing is rounded on the way.
    assert per_account(D("0." + "9" * 40), PPM, D(1)) == 0


def test_risk_percent_loses_the_percentage_at_the_stop() -> None:
    # 1 % of 100,000 is 1,000; 20 pips of EURUSD at 1.0 USD per 1.0 of price and unit: 500,000.
    size = risk_percent(D(100_000), D(1), D("0.0020"), D(1), PPM, D(1_000))
    assert size == 500_000
    assert risk_percent(D(100_000), D(1), D("0.0020"), D("0.9"), PPM, D(1_000)) == 555_000
    assert risk_percent(D(100_000), D(1), D("0.0020"), D(1), 500_000, D(1_000)) == 250_000
    assert risk_percent(D(-5), D(1), D("0.0020"), D(1), PPM, D(1_000)) == 0
    with pytest.raises(InvariantViolated):
        risk_percent(D(1), D(1), D(0), D(1), PPM, D(1))


def test_arithmetic_is_the_same_in_any_decimal_context() -> None:
    with localcontext() as context:
        context.prec = 3
        assert per_account(D("123456789"), PPM, D("0.01")) == D("123456789.00")
        assert round_stop(D("1.234567"), Side.SELL, D("0.00001")) == D("1.23456")


@pytest.mark.requirement("R2.3")
def test_dispersion_draws_evenly_among_every_multiple_in_the_band() -> None:
    bounds = limits("1000", "1000", "1000000")
    outcomes = [sized(dispersed("20000", bounds, f"a{i}")) for i in range(1_200)]
    counts = Counter(int(each.size) for each in outcomes)
    # 5–15 % of 20 steps is 1 to 3 steps either way.
    assert sorted(counts) == [17_000, 18_000, 19_000, 21_000, 22_000, 23_000]
    assert all(150 < count < 250 for count in counts.values())
    assert {each.variance_applied_ppm for each in outcomes} == {
        sign * step * 50_000 for sign in (-1, 1) for step in (1, 2, 3)
    }
    assert all(each.reason == "dispersed" and each.base == 20_000 for each in outcomes)


def test_a_small_base_has_no_multiple_in_the_band() -> None:
    size = sized(dispersed("0.06", limits("0.01", "0.01", "5")))
    assert (size.size, size.variance_applied_ppm) == (D("0.06"), 0)
    assert size.dispersal is Dispersal.NO_MULTIPLE_IN_BAND
    # Seven steps: one step is 14.2 %.
    assert sized(dispersed("0.07", limits("0.01", "0.01", "5"))).dispersal is Dispersal.DISPERSED


def test_limits_close_one_direction_or_both() -> None:
    for i in range(50):
        upward = sized(dispersed("10", limits("1", "10", "11"), f"a{i}"))
        assert upward.size == 11
    size = sized(dispersed("10", limits("1", "10", "10")))
    assert (size.size, size.dispersal) == (D(10), Dispersal.LIMITS)


def test_a_base_over_the_maximum_is_clipped_first_and_names_the_rule() -> None:
    for i in range(50):
        size = sized(dispersed("500", limits("1", "1", "100.7", "firm:max_lots"), f"a{i}"))
        assert size.base == 100
        assert 85 <= size.size <= 95
        assert size.reason == "clipped_by:firm:max_lots, dispersed"
        assert size.requested == 500


def test_below_the_minimum_lot_is_refused_with_what_would_pass() -> None:
    refused = dispersed("900", limits("1000", "1000", "50000"))
    assert isinstance(refused, Refusal)
    assert refused.rule is Rule.SIZE_NOT_REPRESENTABLE
    assert refused.account_id == "a"
    assert refused.compared == {
        "reason": "below_minimum_lot",
        "quantity": "900",
        "minimum_lot": "1000",
    }
    assert refused.would_pass == "quantity of at least 1000"
    no_room = dispersed("5000", limits("1000", "1000", "-3", "margin"))
    assert isinstance(no_room, Refusal)
    assert no_room.would_pass == "margin of at least 1000"
    # A minimum off the grid counts as the next step up.
    off_grid = dispersed("1500", limits("1000", "1200", "50000"))
    assert isinstance(off_grid, Refusal)
    assert off_grid.compared["minimum_lot"] == "2000"


@pytest.mark.parametrize("exponent", ["1E+999999", "1E-999999", "1E+40", "9.9E+31"])
def test_absurd_quantities_end_in_a_size_or_a_refusal(exponent: str) -> None:
    outcome = dispersed(exponent, limits("0.01", "0.01", "10"))
    if isinstance(outcome, Sized):
        assert outcome.base == 10
    else:
        assert outcome.rule is Rule.SIZE_NOT_REPRESENTABLE
    split_outcome = split(exponent, [limits("0.01", "0.01", "10")])
    assert isinstance(split_outcome, Refusal)
    assert split_outcome.rule is Rule.TOTAL_NOT_REPRESENTABLE


def test_limits_that_make_no_sense_are_a_bug() -> None:
    for step, minimum in (("0", "1"), ("-1", "1"), ("1", "-1"), ("NaN", "1"), ("1E-30", "1")):
        with pytest.raises(InvariantViolated):
            limits(step, minimum, "10")


def test_total_uses_largest_remainders() -> None:
    bounds = [limits("1", "1", "1000")] * 3
    # Quotas 5.9, 2.5, 1.6: floors 5, 2, 1; the two steps left go to 0.9 and 0.6.
    assert bases(split("10", bounds, ["59", "25", "16"])) == {"a0": 6, "a1": 2, "a2": 2}
    assert bases(split("10", bounds)) == {"a0": 4, "a1": 3, "a2": 3}


@pytest.mark.requirement("R2.4")
def test_total_takes_the_size_factor_into_the_weight() -> None:
    bounds = limits("1", "1", "1000")
    accounts = [
        SplitAccount(account_id="a", weight=D(1), limits=bounds, size_factor_ppm=500_000),
        SplitAccount(account_id="b", weight=D(1), limits=bounds),
    ]
    assert bases(split_total(D(30), accounts, cap=5)) == {"a": 10, "b": 20}


def test_total_respects_cap_minimum_and_maximum() -> None:
    wide = limits("1", "1", "1000")
    assert bases(split("10", [wide] * 5, cap=2)) == {"a0": 5, "a1": 5}
    # 10 / 4 = 2 accounts of minimum 4.
    assert bases(split("10", [limits("1", "4", "1000")] * 5)) == {"a0": 5, "a1": 5}
    clipped = split("10", [limits("1", "1", "2", "firm"), wide, wide])
    assert bases(clipped) == {"a0": 2, "a1": 4, "a2": 4}
    assert isinstance(clipped, tuple)
    assert [share.clipped_by for share in clipped] == ["firm", None, None]
    assert clipped[0].requested == 3


def test_who_falls_below_its_minimum_gives_way_to_the_next() -> None:
    bounds = [limits("1", "3", "1000")] * 3
    assert bases(split("10", bounds, ["1", "50", "50"], cap=2)) == {"a1": 5, "a2": 5}
    # Of two that fall short, the one further down the order goes; that lifts the other.
    assert bases(split("10", bounds, ["2", "2", "4"])) == {"a0": 3, "a2": 7}


def test_more_room_or_a_finer_grid_is_looked_for_further_down() -> None:
    small, large = limits("1", "1", "3"), limits("1", "1", "1000")
    assert bases(split("10", [small, small, large], cap=2)) == {"a0": 3, "a2": 7}
    coarse, fine = limits("1000", "1000", "9000"), limits("100", "100", "9000")
    assert sum(bases(split("4500", [coarse, coarse, fine], cap=2)).values()) == 4_500


def test_total_over_different_steps_is_exact() -> None:
    shares = bases(split("100.07", [limits("10", "10", "100"), limits("0.01", "0.01", "100")]))
    assert shares == {"a0": 50, "a1": D("50.07")}
    # Steps 6, 10 and 15 share no step, but 31 = 6 + 10 + 15.
    bounds = [limits("6", "6", "60"), limits("10", "10", "60"), limits("15", "15", "60")]
    weights = ["6", "10", "15"]
    assert bases(split("31", bounds, weights)) == {"a0": 6, "a1": 10, "a2": 15}
    # By equal weights the third would have to take half as much again as its quota.
    assert isinstance(split("31", bounds), Refusal)


@pytest.mark.parametrize(
    ("total", "would_pass"),
    [
        ("1500", "a total of 1000"),
        ("900", "a total of at least 1000"),
        ("70000", "a total of 50000"),
    ],
)
def test_a_total_that_fits_nowhere_says_what_would(total: str, would_pass: str) -> None:
    refused = split(total, [limits("1000", "1000", "50000")])
    assert isinstance(refused, Refusal)
    assert refused.rule is Rule.TOTAL_NOT_REPRESENTABLE
    assert refused.compared["capacity"] == "50000"
    assert refused.would_pass == would_pass


def test_without_accounts_there_is_no_total() -> None:
    refused = split("10", [limits("1", "5", "2")])
    assert isinstance(refused, Refusal)
    assert refused.compared["accounts_with_room"] == "0"
    assert isinstance(split("10", [limits("1", "1", "20")], ["0"]), Refusal)


def redispersed(shares: tuple[Sized, ...] | Refusal, bounds: list[SizeLimits]) -> tuple[Sized, ...]:
    assert isinstance(shares, tuple)
    return disperse_total(shares, bounds, book_key="key", execution_id="execution")


@pytest.mark.requirement("R2.3")
@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_equal_shares_all_disperse_and_keep_their_sum(count: int) -> None:
    bounds = [limits("1", "1", "1000")] * count
    after = redispersed(split(str(100 * count), bounds), bounds)
    assert sum(each.size for each in after) == 100 * count
    assert all(50_000 <= abs(each.variance_applied_ppm) <= 150_000 for each in after)


def test_one_share_has_no_counterpart_and_a_full_one_only_gives() -> None:
    alone = [limits("1", "1", "1000")]
    (single,) = redispersed(split("100", alone), alone)
    assert (single.size, single.dispersal) == (D(100), Dispersal.NO_COUNTERPART)
    bounds = [limits("1", "1", "100", "firm"), limits("1", "1", "1000")]
    full, open_ended = redispersed(split("300", bounds), bounds)
    assert full.size < 100
    assert open_ended.size == 300 - full.size
    assert full.reason == "clipped_by:firm, dispersed"
    stuck = [limits("1", "100", "100")] * 2
    assert {each.dispersal for each in redispersed(split("200", stuck), stuck)} == {
        Dispersal.LIMITS
    }


def test_different_steps_exchange_on_their_common_multiple() -> None:
    bounds = [limits("100", "100", "9999999"), limits("1000", "1000", "9999999")]
    after = redispersed(split("100000", bounds), bounds)
    assert sum(each.size for each in after) == 100_000
    assert all(each.dispersal is Dispersal.DISPERSED for each in after)


@pytest.mark.parametrize(
    ("side", "limit", "stop", "target"),
    [
        (Side.BUY, "1.23", "1.24", "1.23"),
        (Side.SELL, "1.24", "1.23", "1.24"),
    ],
)
def test_prices_round_passively_or_toward_entry(
    side: Side, limit: str, stop: str, target: str
) -> None:
    price, tick = D("1.2345"), D("0.01")
    assert round_limit_price(price, side, tick) == D(limit)
    assert round_stop(price, side, tick) == D(stop)
    assert round_take_profit(price, side, tick) == D(target)
    for rounded in (round_limit_price, round_stop, round_take_profit):
        assert rounded(D("1.23"), side, tick) == D("1.23")


def test_the_band_of_the_dispersion_is_a_setting() -> None:
    limits = SizeLimits(
        step=Decimal(1),
        minimum=Decimal(1),
        maximum=Decimal(10_000),
        dispersion_min=200_000,
        dispersion_max=250_000,
    )
    for number in range(50):
        sized = disperse(
            Decimal(1_000), limits, book_key="k", execution_id="e", account_id=str(number)
        )
        assert isinstance(sized, Sized)
        assert 200_000 <= abs(sized.variance_applied_ppm) <= 250_000
