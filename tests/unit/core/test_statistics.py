"""Running statistics: where they rest and what bounds them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stretto.core.failures.statistics import latency_after, reliability_after
from stretto.core.values import NS_PER_MS, PPM


@given(st.lists(st.booleans(), max_size=300), st.integers(0, PPM))
def test_reliability_stays_a_share(outcomes: list[bool], start: int) -> None:
    reliability = start
    for outcome in outcomes:
        after = reliability_after(reliability, outcome)
        assert (after >= reliability) if outcome else (after <= reliability)
        reliability = after
        assert 0 <= reliability <= PPM


def test_failures_pull_reliability_toward_zero() -> None:
    reliability = PPM
    for _ in range(400):
        reliability = reliability_after(reliability, False)
    assert reliability < PPM // 1000


def test_the_latency_estimate_rests_near_the_95th_percentile() -> None:
    # latencies 1..100 ms in a fixed scattered order: the 95th percentile is 95 ms
    estimate = 0
    for i in range(20_000):
        estimate = latency_after(estimate, (i * 37 % 100 + 1) * NS_PER_MS)
    assert 85 * NS_PER_MS <= estimate <= 100 * NS_PER_MS


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200))
def test_the_latency_estimate_stays_within_what_was_seen(latencies: list[int]) -> None:
    estimate = 0
    for latency in latencies:
        estimate = latency_after(estimate, latency)
        assert 1 <= estimate <= max(1, *latencies)
