"""Shares move like reliability; a rising class raises one alert and none again until it cleared."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.failures.failure_statistics import (
    NO_STATISTICS,
    FailureStatistics,
    Rising,
    after_failure,
    after_success,
    reliability,
    rising_now,
    share,
)
from stretto.core.limits import FAILURE_STEP_NS, FAILURE_STEPS_BEFORE, FAILURE_STEPS_RECENT
from stretto.core.release.intake import plan_signal
from stretto.core.terms.failure import FailureClass
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import FAILURE_POLICY as POLICY
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import ListedAccounts, Urgency
from stretto.core.values import NS_PER_S, PPM
from tests.builders import VENUE, Desk, a_config, a_signal, an_account, names, the_reads

LOST, MARGIN = FailureClass.CONNECTION_TEMPORARY, FailureClass.INSUFFICIENT_MARGIN
HOUR = 3_600 * NS_PER_S
T0 = 480_000 * HOUR


def failed(
    statistics: FailureStatistics, *at: int, failure_class: FailureClass = LOST
) -> tuple[FailureStatistics, list[Rising]]:
    raised = []
    for each in at:
        statistics, rising = after_failure(POLICY, statistics, failure_class, each)
        if rising is not None:
            raised.append(rising)
    return statistics, raised


def test_a_share_weighs_each_request_a_sixteenth() -> None:
    statistics, _ = failed(NO_STATISTICS, T0)
    assert share(statistics, LOST) == PPM // 16
    assert share(after_success(statistics), LOST) == PPM // 16 - PPM // 256 - 1
    assert share(statistics, MARGIN) == 0


def test_one_class_rises_as_another_falls() -> None:
    statistics, _ = failed(NO_STATISTICS, *[T0] * 40)
    before = share(statistics, LOST)
    statistics, _ = failed(statistics, T0, failure_class=MARGIN)
    assert share(statistics, LOST) < before
    assert share(statistics, MARGIN) == PPM // 16
    assert reliability(statistics) == PPM - share(statistics, LOST) - share(statistics, MARGIN)


@pytest.mark.requirement("R5.6")
def test_the_fifth_failure_of_a_quiet_class_raises_one_alert() -> None:
    statistics, raised = failed(NO_STATISTICS, *(T0 + n * NS_PER_S for n in range(30)))
    assert raised == [Rising(failure_class=LOST, last_hour=5, day_before=0)]
    assert [each.last_hour for each in rising_now(POLICY, statistics, T0 + HOUR // 2)] == [30]


def test_a_class_that_fails_as_often_as_yesterday_is_not_rising() -> None:
    # Six an hour for a day, then eleven in one hour: more, but not three times as many.
    usual = [T0 + n * HOUR // 6 for n in range(24 * 6)]
    statistics, raised = failed(NO_STATISTICS, *usual)
    assert len(raised) == 1, "the first of its kind"
    # The alert of the first hour has cleared, for the day's mean has caught up.
    now = T0 + 24 * HOUR
    _, again = failed(statistics, *(now + n * 120 * NS_PER_S for n in range(11)))
    assert again == []


def test_three_times_the_mean_hour_is_rising() -> None:
    usual = [T0 + n * HOUR // 6 for n in range(24 * 6)]
    statistics, _ = failed(NO_STATISTICS, *usual)
    now = T0 + 24 * HOUR + HOUR // 6
    _, raised = failed(statistics, *(now + n * NS_PER_S for n in range(40)))
    (rising,) = raised
    assert rising.last_hour * 24 >= 3 * rising.day_before


def test_a_cleared_alert_can_be_raised_again() -> None:
    first = [T0 + n for n in range(5)]
    later = [T0 + 30 * HOUR + n for n in range(5)]
    statistics, raised = failed(NO_STATISTICS, *first, *later)
    assert len(raised) == 2
    assert rising_now(POLICY, statistics, T0 + 40 * HOUR) == ()


def test_an_alert_that_has_not_cleared_is_not_repeated() -> None:
    # Thirty minutes of quiet are not enough: the last hour still holds the five.
    _, raised = failed(NO_STATISTICS, *[T0] * 5, *[T0 + HOUR // 2] * 5)
    assert len(raised) == 1


def test_counts_older_than_a_day_and_an_hour_are_forgotten() -> None:
    statistics, _ = failed(NO_STATISTICS, T0, T0 + 26 * HOUR)
    assert len(statistics.classes[LOST].counts) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from([LOST, MARGIN, None]), st.integers(0, 4 * FAILURE_STEP_NS)),
        max_size=120,
    )
)
def test_the_record_is_bounded_and_survives_storage(
    happened: list[tuple[FailureClass | None, int]],
) -> None:
    statistics, at = NO_STATISTICS, T0
    for failure_class, passed in happened:
        at += passed
        if failure_class is None:
            statistics = after_success(statistics)
        else:
            statistics, rising = after_failure(POLICY, statistics, failure_class, at)
            if rising is not None:
                assert rising.last_hour >= POLICY.rising_count_min
                assert statistics.classes[failure_class].raised
        for record in statistics.classes.values():
            assert len(record.counts) <= FAILURE_STEPS_RECENT + FAILURE_STEPS_BEFORE
            assert 0 <= record.share <= PPM
        assert 0 <= reliability(statistics) <= PPM
    stored = msgspec.json.encode(statistics)
    assert msgspec.json.decode(stored, type=FailureStatistics) == statistics
    assert list(statistics.classes) == sorted(statistics.classes)


def test_nothing_given_is_changed() -> None:
    statistics, _ = failed(NO_STATISTICS, T0)
    before = msgspec.json.encode(statistics)
    after_success(statistics)
    failed(statistics, T0 + 1)
    assert msgspec.json.encode(statistics) == before
    assert NO_STATISTICS.classes == {}


@pytest.mark.requirement("R1.3")
def test_a_venues_failures_are_in_the_health_of_its_accounts_and_the_plan_says_so() -> None:
    desk = Desk(a_config([an_account(name) for name in names(2)]))
    first = ListedAccounts(account_ids=("a0",))
    (order,) = desk.released(a_signal("s1", accounts=first, urgency=Urgency.IMMEDIATE))
    desk.send(order)
    desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="off_quotes")
    failing = planned(desk)
    at_venue = reliability(desk.book.failures[f"venue:{VENUE}"])
    assert failing.venue_reliability == {VENUE: at_venue}
    desk.book.failures.clear()
    untroubled = planned(desk)
    assert untroubled.venue_reliability == {}
    (now,), (was,) = (
        [c.factors.health_score for c in plan.candidates if c.account_id == "a1"]
        for plan in (failing, untroubled)
    )
    assert 0 <= was - now - 3 * (PPM - at_venue) // 10 <= 1, "rounded once, at the end"
    assert at_venue < PPM


def planned(desk: Desk) -> Plan:
    return plan_signal(desk.book, a_signal("s2", desk.now), the_reads(desk.now), desk.now)
