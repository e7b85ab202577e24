"""Waits double and are never early; sizes shrink to the lot step; a wider stop risks no more."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.errors import InvariantViolated
from stretto.core.failures.backoff import (
    query_delay_ns,
    rate_limit_wait_ns,
    retry_delay_ns,
    size_factor,
    smaller_quantity,
    wider_stop,
)
from stretto.core.terms.policy import FAILURE_POLICY as POLICY
from stretto.core.terms.policy import FailurePolicy
from stretto.core.values import NS_PER_S, PPM, draw

MOST = 2**64 - 1
D = Decimal


@pytest.mark.requirement("R5.3")
def test_retries_wait_five_ten_twenty_seconds_and_at_most_a_fifth_more() -> None:
    assert [retry_delay_ns(POLICY, n, 0) for n in (1, 2, 3)] == [
        5 * NS_PER_S,
        10 * NS_PER_S,
        20 * NS_PER_S,
    ]
    assert [retry_delay_ns(POLICY, n, MOST) for n in (1, 2, 3)] == [
        6 * NS_PER_S,
        12 * NS_PER_S,
        24 * NS_PER_S,
    ]


@given(st.integers(1, 3), st.integers(0, MOST))
def test_a_retry_is_never_early_nor_much_later(attempt: int, draw_64: int) -> None:
    wait = 5 * NS_PER_S << (attempt - 1)
    assert wait <= retry_delay_ns(POLICY, attempt, draw_64) <= wait * 6 // 5


def test_two_accounts_do_not_come_back_together() -> None:
    draws = [draw("key", "e1", f"a{n}", "retry", 1) for n in range(20)]
    assert len({retry_delay_ns(POLICY, 1, each) for each in draws}) == 20


def test_the_policy_sets_first_wait_factor_and_jitter() -> None:
    policy = FailurePolicy(retry_delay_first_ns=NS_PER_S, retry_delay_factor=3, retry_jitter=0)
    assert [retry_delay_ns(policy, n, MOST) // NS_PER_S for n in (1, 2, 3)] == [1, 3, 9]


def test_attempts_count_from_one() -> None:
    for function in (
        lambda: retry_delay_ns(POLICY, 0, 0),
        lambda: query_delay_ns(0),
        lambda: size_factor(POLICY, 0),
    ):
        with pytest.raises(InvariantViolated):
            function()


def test_queries_wait_two_to_thirty_two_seconds() -> None:
    assert [query_delay_ns(n) // NS_PER_S for n in range(1, 6)] == [2, 4, 8, 16, 32]


@pytest.mark.parametrize(
    ("stated", "least"), [(None, 10), (3 * NS_PER_S, 3), (-5, 0), (10**16, 3_600)]
)
def test_a_stated_wait_is_kept_within_an_hour(stated: int | None, least: int) -> None:
    assert rate_limit_wait_ns(POLICY, stated, 0) == least * NS_PER_S
    assert rate_limit_wait_ns(POLICY, stated, MOST) == least * NS_PER_S * 6 // 5


def test_want_of_margin_asks_for_seven_tenths_then_for_forty_nine_hundredths() -> None:
    asked = [smaller_quantity(POLICY, D(100_000), n, D(1_000), D(1_000)) for n in (1, 2)]
    assert asked == [D(70_000), D(49_000)]


def test_a_smaller_quantity_lies_on_the_step_and_above_the_minimum() -> None:
    assert smaller_quantity(POLICY, D(3_000), 1, D(1_000), D(1_000)) == D(2_000)
    assert smaller_quantity(POLICY, D(1_000), 1, D(1_000), D(1_000)) is None
    assert smaller_quantity(POLICY, D(5_000), 1, D(1_000), D(4_000)) is None
    assert smaller_quantity(POLICY, D(5_000), 1, D(1_000), D(3_000)) == D(3_000)


def test_a_factor_that_asks_for_as_much_again_asks_for_nothing() -> None:
    policy = FailurePolicy(margin_retry_factor=PPM)
    assert smaller_quantity(policy, D(5_000), 1, D(1_000), D(1_000)) is None


def test_a_wider_stop_shrinks_the_size_so_that_the_risk_does_not_grow() -> None:
    wider = wider_stop(POLICY, D("0.0010"), D("0.0012"), D(100_000), D(1_000), D(1_000))
    assert wider is not None
    assert (wider.distance, wider.quantity) == (D("0.0012"), D(83_000))
    least = D(83_000)
    assert wider_stop(POLICY, D("0.0010"), D("0.0012"), D(100_000), D(1_000), least) == wider
    more = least + 1_000
    assert wider_stop(POLICY, D("0.0010"), D("0.0012"), D(100_000), D(1_000), more) is None


@pytest.mark.parametrize("distance_min", [D("0.0010"), D("0.0009"), D("0.00151")])
def test_a_stop_that_cannot_be_widened_is_given_up(distance_min: Decimal) -> None:
    assert wider_stop(POLICY, D("0.0010"), distance_min, D(100_000), D(1_000), D(1_000)) is None


def test_one_and_a_half_times_the_distance_is_still_taken() -> None:
    wider = wider_stop(POLICY, D("0.0010"), D("0.0015"), D(100_000), D(1_000), D(1_000))
    assert wider is not None
    assert wider.quantity == D(66_000)
    assert wider_stop(POLICY, D("0.0010"), D("0.0015"), D(1_000), D(1_000), D(1_000)) is None


@given(
    distance=st.integers(1, 10_000),
    distance_min=st.integers(1, 20_000),
    lots=st.integers(1, 10_000),
)
def test_a_wider_stop_never_risks_more(distance: int, distance_min: int, lots: int) -> None:
    quantity, step = D(lots * 1_000), D(1_000)
    pip = D("0.00001")
    wider = wider_stop(POLICY, distance * pip, distance_min * pip, quantity, step, step)
    if wider is not None:
        assert wider.quantity * wider.distance <= quantity * distance * pip
        assert wider.quantity % step == 0
        assert distance < distance_min <= distance * D("1.5")
