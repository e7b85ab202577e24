"""Release timing for any input: inside the window, spaced, nearest, varied, the same every time."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.limits import DELAY_CV_MIN
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.times.spacing import Occupied
from stretto.core.times.timing import (
    ReleaseRequest,
    Timing,
    coefficient_of_variation_ppm,
    market_urgency_ppm,
    release_times,
)
from stretto.core.values import NS_PER_S, PPM

S = NS_PER_S
APPROVED = 1_700_000_000 * S

paces = st.integers(500_000, 2_000_000)
urgencies = st.integers(250_000, PPM)
instants = st.integers(APPROVED - 5 * S, APPROVED + 40 * S)
# Clusters and evenly packed runs, which a uniform strategy would hardly ever make.
runs = st.builds(
    lambda start, step, count: [start + i * step for i in range(count)],
    instants,
    st.sampled_from([0, 1, S // 100, S // 10, S, 2 * S - 1]),
    st.integers(0, 60),
)
pending_lists = st.one_of(st.lists(instants, max_size=30), runs)


def times(
    accounts: list[int], pending: list[int], urgency: int, valid_for: int | None, execution: str
) -> Timing | Refusal:
    return release_times(
        [ReleaseRequest(account_id=f"a{i}", pace_ppm=pace) for i, pace in enumerate(accounts)],
        book_key="key",
        execution_id=execution,
        approved_at_ns=APPROVED,
        pending_ns=pending,
        market_urgency_ppm=urgency,
        valid_until_ns=None if valid_for is None else APPROVED + valid_for,
    )


@pytest.mark.requirement("R3.6")
@given(
    accounts=st.lists(paces, max_size=25),
    pending=pending_lists,
    urgency=urgencies,
    valid_for=st.one_of(st.none(), st.integers(-S, 35 * S)),
    execution=st.text(max_size=5),
)
def test_releases_stay_inside_the_window_and_keep_the_gap(
    accounts: list[int], pending: list[int], urgency: int, valid_for: int | None, execution: str
) -> None:
    timing = times(accounts, pending, urgency, valid_for, execution)
    left = 30 * S if valid_for is None else min(valid_for, 30 * S)
    count = len(accounts) + len(pending)
    if isinstance(timing, Refusal):
        if timing.rule is Rule.VALIDITY_TOO_SHORT:
            assert left < S + 2 * max(count, 1) * S // 1_000
        else:
            assert timing.rule is Rule.TIMING_PATTERN_DETECTED
            assert len(accounts) >= 3
        return
    assert timing.gap_ns >= S // 1_000
    assert timing.gap_ns == min(S, (left - S) // (2 * max(count, 1)))
    assert {r.account_id for r in timing.releases} == {f"a{i}" for i in range(len(accounts))}
    placed = [r.release_at for r in timing.releases]
    assert placed == sorted(placed)
    assert all(b - a >= timing.gap_ns for a, b in pairwise(placed))
    for release in timing.releases:
        assert S <= release.delay_ns < left
        assert S <= release.drawn_ns < left
        assert release.delay_ns == release.drawn_ns + release.moved_ns
        assert release.release_at == APPROVED + release.delay_ns
        assert release.window_end == release.release_at + 30 * S
        assert all(abs(release.release_at - at) >= timing.gap_ns for at in pending)
    if len(accounts) >= 3:
        assert timing.cv_ppm >= DELAY_CV_MIN


@given(accounts=st.lists(paces, min_size=2, max_size=12), order=st.randoms(use_true_random=False))
def test_neither_the_order_of_requests_nor_of_pending_matters(
    accounts: list[int], order: random.Random
) -> None:
    requests = [ReleaseRequest(account_id=f"a{i}", pace_ppm=p) for i, p in enumerate(accounts)]
    pending = [APPROVED + i * S for i in range(5)]

    def plan() -> Timing | Refusal:
        return release_times(
            requests, book_key="k", execution_id="e", approved_at_ns=APPROVED, pending_ns=pending
        )

    first = plan()
    order.shuffle(requests)
    order.shuffle(pending)
    assert plan() == first


@given(
    placed=st.lists(st.integers(-20, 70), max_size=20),
    wanted=st.lists(st.integers(0, 49), max_size=4),
    gap=st.integers(1, 8),
)
def test_the_nearest_free_instant_is_the_one_a_search_of_all_finds(
    placed: list[int], wanted: list[int], gap: int
) -> None:
    occupied = Occupied.of(placed, gap, 0, 50)
    everything = list(placed)
    for want in wanted:
        free = [t for t in range(50) if all(abs(t - p) >= gap for p in everything)]
        if not free:
            break
        taken = occupied.take_nearest(want)
        assert taken == min(free, key=lambda t: (abs(t - want), t))
        everything.append(taken)


@given(
    count=st.integers(1, 30),
    span=st.integers(200, 5_000),
    numbers=st.randoms(use_true_random=False),
)
def test_a_gap_of_the_window_over_twice_the_count_always_fits(
    count: int, span: int, numbers: random.Random
) -> None:
    occupied = Occupied.of([], span // (2 * count), 0, span)
    taken = [occupied.take_nearest(numbers.randrange(span)) for _ in range(count)]
    assert all(0 <= at < span for at in taken)


@given(st.lists(st.integers(1, 10**11), min_size=1, max_size=30))
def test_the_coefficient_passes_exactly_where_the_fractions_do(values: list[int]) -> None:
    mean = Fraction(sum(values), len(values))
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    enough = variance * 25 >= mean**2
    assert enough == (coefficient_of_variation_ppm(values) >= DELAY_CV_MIN)


ratios = st.integers(1, 10_000)


@pytest.mark.requirement("R3.2")
@given(low=ratios, more=ratios, median=ratios, spread=ratios, spread_median=ratios)
def test_urgency_never_slows_down_as_volatility_or_spread_rise(
    low: int, more: int, median: int, spread: int, spread_median: int
) -> None:
    def factor(volatility: int, width: int) -> int:
        return market_urgency_ppm(volatility, median, Decimal(width), Decimal(spread_median))

    assert factor(low + more, spread) <= factor(low, spread)
    assert factor(low, spread + more) <= factor(low, spread)
    assert 250_000 <= factor(low, spread) <= PPM
    if low <= median and spread <= spread_median:
        assert factor(low, spread) == PPM
