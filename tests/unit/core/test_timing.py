"""Release timing on examples: buckets, immediate, validity, patterns, urgency, reports."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import pytest

from stretto.core.errors import InvariantViolated
from stretto.core.limits import DELAY_CV_MIN
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.times import timing as timing_module
from stretto.core.times.timing import (
    Bucket,
    ReleaseRequest,
    Timing,
    coefficient_of_variation_ppm,
    delay_from_draw,
    market_urgency_ppm,
    release_times,
)
from stretto.core.times.timing_report import clustering, planned_against_actual
from stretto.core.values import NS_PER_S, PPM, draw

APPROVED = 1_700_000_000 * NS_PER_S
S = NS_PER_S


def requests(count: int, pace_ppm: int = PPM) -> list[ReleaseRequest]:
    return [ReleaseRequest(account_id=f"a{i:04d}", pace_ppm=pace_ppm) for i in range(count)]


def timed(
    count: int,
    *,
    pace_ppm: int = PPM,
    pending_ns: tuple[int, ...] = (),
    urgency_ppm: int = PPM,
    immediate: bool = False,
    valid_until_ns: int | None = None,
    execution_id: str = "execution",
) -> Timing | Refusal:
    return release_times(
        requests(count, pace_ppm),
        book_key="key",
        execution_id=execution_id,
        approved_at_ns=APPROVED,
        pending_ns=pending_ns,
        market_urgency_ppm=urgency_ppm,
        immediate=immediate,
        valid_until_ns=valid_until_ns,
    )


def accepted(timing: Timing | Refusal) -> Timing:
    assert isinstance(timing, Timing), timing
    return timing


@pytest.mark.requirement("R3.1")
def test_buckets_have_their_shares_and_edges() -> None:
    top = 2**64
    assert delay_from_draw(0) == (Bucket.SHORT, 1 * S)
    assert delay_from_draw(top // 10 + 1) == (Bucket.MIDDLE, 5 * S)
    assert delay_from_draw(top * 7 // 10 + 1) == (Bucket.LONG, 15 * S)
    assert delay_from_draw(top - 1) == (Bucket.LONG, 30 * S - 1)
    grid = [delay_from_draw(i * top // 10_000 + 1) for i in range(10_000)]
    counts = {bucket: sum(each == bucket for each, _ in grid) for bucket in Bucket}
    assert counts == {Bucket.NONE: 0, Bucket.SHORT: 1_000, Bucket.MIDDLE: 6_000, Bucket.LONG: 3_000}
    delays = [delay for _, delay in grid]
    assert delays == sorted(delays)
    # Uniform inside: the middle of the middle bucket is reached in the middle of its share.
    assert abs(delay_from_draw(top * 4 // 10)[1] - 10 * S) < 10


@pytest.mark.requirement("R3.1")
def test_drawn_buckets_follow_the_weights() -> None:
    releases = accepted(timed(4_000)).releases
    share = {b: sum(r.bucket is b for r in releases) / 4_000 for b in Bucket}
    # Four standard deviations of a binomial share at n = 4,000.
    for bucket, weight in ((Bucket.SHORT, 0.1), (Bucket.MIDDLE, 0.6), (Bucket.LONG, 0.3)):
        assert abs(share[bucket] - weight) < 4 * math.sqrt(weight * (1 - weight) / 4_000)


@pytest.mark.requirement("R3.4")
def test_immediate_sends_at_once_and_says_so() -> None:
    timing = accepted(timed(5, immediate=True, pending_ns=(APPROVED,)))
    assert timing.immediate
    assert timing.gap_ns == 0
    for release in timing.releases:
        assert (release.delay_ns, release.release_at) == (0, APPROVED)
        assert release.window_end == APPROVED + 30 * S
        assert "immediate" in release.rationale


def test_immediate_is_refused_once_validity_has_ended() -> None:
    assert isinstance(timed(1, immediate=True, valid_until_ns=APPROVED + 1), Timing)
    refused = timed(1, immediate=True, valid_until_ns=APPROVED)
    assert isinstance(refused, Refusal)
    assert refused.rule is Rule.VALIDITY_TOO_SHORT


@pytest.mark.requirement("R3.3")
def test_pace_and_market_urgency_scale_the_draw() -> None:
    usual = accepted(timed(1)).releases[0]
    brisk = accepted(timed(1, pace_ppm=500_000)).releases[0]
    assert usual.raw_ns == brisk.raw_ns == usual.drawn_ns
    assert brisk.drawn_ns == max(S, usual.raw_ns // 2)
    urgent = accepted(timed(1, pace_ppm=2 * PPM, urgency_ppm=250_000)).releases[0]
    assert urgent.drawn_ns == max(S, usual.raw_ns // 2)
    assert "pace 2" in urgent.rationale
    assert "urgency 0.25" in urgent.rationale


@pytest.mark.requirement("R3.6")
def test_a_pending_dispatch_pushes_a_release_to_the_nearest_free_instant() -> None:
    drawn = accepted(timed(1)).releases[0].delay_ns
    early = accepted(timed(1, pending_ns=(APPROVED + drawn + 1,)))
    assert early.gap_ns == S
    assert early.releases[0].delay_ns == drawn + 1 - S
    late = accepted(timed(1, pending_ns=(APPROVED + drawn - 1,)))
    assert late.releases[0].delay_ns == drawn - 1 + S
    assert late.releases[0].moved_ns == S - 1
    tie = accepted(timed(1, pending_ns=(APPROVED + drawn,)))
    assert tie.releases[0].delay_ns == drawn - S
    # A wall on the earlier side, one instant wide, sends it to the later one.
    walled = accepted(timed(1, pending_ns=(APPROVED + drawn, APPROVED + drawn - 2 * S + 1)))
    assert walled.releases[0].delay_ns == drawn + S


def test_validity_compresses_the_window_and_the_gap() -> None:
    timing = accepted(timed(10, valid_until_ns=APPROVED + 5 * S))
    assert timing.window_ns == 4 * S
    assert timing.gap_ns == 4 * S // 20
    assert all(S <= r.delay_ns < 5 * S for r in timing.releases)
    assert accepted(timed(10, valid_until_ns=APPROVED + 60 * S)) == accepted(timed(10))


@pytest.mark.parametrize("left_ns", [-5 * S, 0, S, S + 19_999_999])
def test_too_little_validity_is_refused_with_what_would_pass(left_ns: int) -> None:
    refused = timed(10, valid_until_ns=APPROVED + left_ns)
    assert isinstance(refused, Refusal)
    assert refused.rule is Rule.VALIDITY_TOO_SHORT
    assert refused.compared == {
        "validity_left_ns": str(left_ns),
        "validity_needed_ns": str(S + 20_000_000),
    }
    needed = int(refused.compared["validity_needed_ns"])
    seconds = re.fullmatch("valid_until later by ([0-9.]+) s", refused.would_pass)
    assert seconds is not None
    assert Decimal(seconds[1]) * S == needed - left_ns
    assert isinstance(timed(10, valid_until_ns=APPROVED + needed), Timing)


def test_releases_crowded_into_one_slot_are_a_detected_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nonces: list[int] = []

    def recorded(book_key: str, execution: str, account_id: str, purpose: str, nonce: int) -> int:
        nonces.append(nonce)
        return draw(book_key, execution, account_id, purpose, nonce)

    monkeypatch.setattr(timing_module, "draw", recorded)
    # 297 pending leave gap = 29 s / 600; spaced just under two gaps, they block all but the end.
    gap = 29 * S // 600
    pending = tuple(APPROVED + S + gap - 1 + i * (2 * gap - 1) for i in range(297))
    refused = timed(3, pending_ns=pending)
    assert isinstance(refused, Refusal)
    assert refused.rule is Rule.TIMING_PATTERN_DETECTED
    assert int(refused.compared["coefficient_of_variation_ppm"]) < DELAY_CV_MIN
    assert refused.compared["attempts"] == "17"
    assert sorted(set(nonces)) == list(range(17))
    # Two releases have no pattern to speak of; without the crowd three pass.
    assert isinstance(timed(2, pending_ns=pending), Timing)
    assert isinstance(timed(3), Timing)


@pytest.mark.requirement("R3.1")
def test_low_variation_is_redrawn_with_the_next_nonce() -> None:
    nonces = [accepted(timed(3, execution_id=f"e{i}")).nonce for i in range(200)]
    assert 0 < sum(nonce > 0 for nonce in nonces) < 60
    assert max(nonces) < 16


def test_variation_is_decided_exactly_at_the_bound() -> None:
    assert coefficient_of_variation_ppm([4, 6]) == 200_000
    assert coefficient_of_variation_ppm([4 * 10**9 + 1, 6 * 10**9]) == 199_999
    assert coefficient_of_variation_ppm([]) == 0


def test_no_requests_give_no_releases() -> None:
    assert accepted(timed(0)).releases == ()


def test_a_repeated_account_or_a_pace_out_of_bounds_is_a_bug() -> None:
    for bad in (requests(1) * 2, requests(1, 499_999), requests(1, 2_000_001)):
        with pytest.raises(InvariantViolated):
            release_times(bad, book_key="k", execution_id="e", approved_at_ns=APPROVED)
    with pytest.raises(InvariantViolated):
        timed(1, urgency_ppm=249_999)


@pytest.mark.requirement("R3.2")
def test_market_urgency_is_one_up_to_the_medians_and_falls_beyond() -> None:
    one = Decimal(1)
    assert market_urgency_ppm(100, 100, one, one) == PPM
    assert market_urgency_ppm(10, 100, one / 2, one) == PPM
    assert market_urgency_ppm(200, 100, one, one) == 500_000
    assert market_urgency_ppm(100, 100, one * 2, one) == 666_666
    assert market_urgency_ppm(200, 100, one * 3, one) == 333_333
    assert market_urgency_ppm(10_000, 100, one * 50, one) == 250_000
    # An unknown median says nothing.
    assert market_urgency_ppm(500, 0, one * 9, Decimal(0)) == PPM


@pytest.mark.requirement("R3.5")
def test_clustering_counts_seconds_and_hours_of_seven_days() -> None:
    until = 1_700_006_400 * S
    week = 7 * 86_400 * S
    at_bar_close = [until - i * 60 * S for i in range(400)]
    report = clustering([*at_bar_close, until - week, until + 1], until)
    assert report.count == 400
    assert report.second_of_minute.counts[until // S % 60] == 400
    assert report.second_of_minute.fullest_share_ppm == PPM
    assert report.second_of_minute.is_clustered
    even = clustering([until - i * 61 * S * 7 for i in range(1_200)], until)
    assert even.second_of_minute.chi_squared_ppm == 0
    assert not even.second_of_minute.is_clustered
    assert sum(even.hour_of_day.counts) == 1_200
    assert not clustering([until] * 10, until).second_of_minute.is_clustered
    assert clustering([], until).hour_of_day.chi_squared_ppm == 0


@pytest.mark.requirement("R3.5")
def test_clustering_uses_the_upper_thousandth_of_chi_squared() -> None:
    from scipy.stats import chi2

    from stretto.core.times import timing_report

    for critical_ppm, freedom in (
        (timing_report._CHI_SQUARED_59, 59),
        (timing_report._CHI_SQUARED_23, 23),
    ):
        assert chi2.sf(critical_ppm / 1e6, freedom) == pytest.approx(0.001, rel=1e-6)


@pytest.mark.requirement("R3.5")
def test_planned_against_actual_by_nearest_rank() -> None:
    pairs = [(1_000, 1_000 + late) for late in range(1, 101)]
    report = planned_against_actual(pairs)
    assert report is not None
    assert (report.count, report.early) == (100, 0)
    assert (report.median_ns, report.p95_ns, report.max_ns) == (50, 95, 100)
    early = planned_against_actual([(10, 7)])
    assert early is not None
    assert (early.median_ns, early.p95_ns, early.max_ns, early.early) == (3, 3, 3, 1)
    assert planned_against_actual([]) is None
