"""How often requests fail, by class, for one venue or account; and when a class is rising.

The share of each class is exponentially weighted per request, like reliability; a rise compares the
last hour with the mean hour of the day before it. Both in integers. Knows no book and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stretto.core.failures.statistics import reliability_after
from stretto.core.limits import FAILURE_STEP_NS, FAILURE_STEPS_BEFORE, FAILURE_STEPS_RECENT
from stretto.core.terms.failure import FailureClass
from stretto.core.terms.policy import FailurePolicy
from stretto.core.values import PPM


class ClassRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One class: its ``share`` of requests (1e-6, exponentially weighted), counts by step of ten
    minutes since 1970 (those of the last 25 hours that are not 0, oldest first), and whether its
    alert is raised.
    """

    share: int = 0
    counts: tuple[tuple[int, int], ...] = ()
    raised: bool = False


class FailureStatistics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of one venue or account, by class; a class that never failed has none."""

    classes: dict[FailureClass, ClassRecord] = msgspec.field(default_factory=dict)


class Rising(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to be: ``last_hour`` failures against ``day_before`` in the 24 hours before."""

    failure_class: FailureClass
    last_hour: int
    day_before: int


NO_STATISTICS = FailureStatistics()
_VENUE = "venue:"


def after_success(statistics: FailureStatistics) -> FailureStatistics:
    """After a request that did not fail: every share falls."""
    classes = {
        each: msgspec.structs.replace(record, share=_share_after(record.share, False))
        for each, record in statistics.classes.items()
    }
    return FailureStatistics(classes=classes)


def after_failure(
    policy: FailurePolicy, statistics: FailureStatistics, failure_class: FailureClass, at_ns: int
) -> tuple[FailureStatistics, Rising | None]:
    """After a request that failed with this class; with an alert where that makes it rise.

    Raised when the last hour has at least 5 failures and at least 3 times the mean hour of the day
    before; not again until the last hour was below 1.5 times that mean, or below half of the 5.
    """
    step = at_ns // FAILURE_STEP_NS
    classes = {
        each: msgspec.structs.replace(record, share=_share_after(record.share, False))
        for each, record in statistics.classes.items()
        if each is not failure_class
    }
    before = statistics.classes.get(failure_class, ClassRecord())
    # It may have been quiet for long: has the alert cleared meanwhile?
    raised = before.raised and not _has_cleared(policy, before, step)
    counted = ClassRecord(
        share=_share_after(before.share, True), counts=_counted(before.counts, step), raised=raised
    )
    rising = None
    if not raised and _is_rising(policy, counted, step):
        last_hour, day_before = _hours(counted, step)
        rising = Rising(failure_class=failure_class, last_hour=last_hour, day_before=day_before)
        counted = msgspec.structs.replace(counted, raised=True)
    classes[failure_class] = counted
    return FailureStatistics(classes={each: classes[each] for each in sorted(classes)}), rising


def rising_now(
    policy: FailurePolicy, statistics: FailureStatistics, at_ns: int
) -> tuple[Rising, ...]:
    """The classes whose alert stands at ``at_ns``, for a status page; changes nothing."""
    step = at_ns // FAILURE_STEP_NS
    standing = []
    for failure_class in sorted(statistics.classes):
        record = statistics.classes[failure_class]
        if record.raised and not _has_cleared(policy, record, step):
            last_hour, day_before = _hours(record, step)
            standing.append(
                Rising(failure_class=failure_class, last_hour=last_hour, day_before=day_before)
            )
    return tuple(standing)


def failures_counted(
    statistics: FailureStatistics, failure_class: FailureClass, at_ns: int
) -> tuple[int, int]:
    """Failures of this class in the last hour and in the 24 hours before it."""
    record = statistics.classes.get(failure_class)
    return (0, 0) if record is None else _hours(record, at_ns // FAILURE_STEP_NS)


def share(statistics: FailureStatistics, failure_class: FailureClass) -> int:
    """Exponentially weighted share of requests that failed with this class, 1e-6."""
    record = statistics.classes.get(failure_class)
    return 0 if record is None else record.share


def reliability(statistics: FailureStatistics) -> int:
    """1 less the shares of all classes, 1e-6; for the health of a venue or account."""
    return max(0, PPM - sum(record.share for record in statistics.classes.values()))


def unreliable_venues(failures: Mapping[str, FailureStatistics]) -> dict[str, int]:
    """``reliability`` of the venues of which a failure still counts, by name, sorted; ``failures``
    are the records by scope and name, as the book keeps them.
    """
    found = {
        name.removeprefix(_VENUE): reliability(failures[name])
        for name in sorted(failures)
        if name.startswith(_VENUE)
    }
    return {name: share for name, share in found.items() if share < PPM}


def _share_after(before: int, failed: bool) -> int:
    return reliability_after(before, failed)


def _counted(counts: tuple[tuple[int, int], ...], step: int) -> tuple[tuple[int, int], ...]:
    oldest = step - FAILURE_STEPS_RECENT - FAILURE_STEPS_BEFORE
    kept = [each for each in counts if each[0] > oldest]
    if kept and kept[-1][0] >= step:
        kept[-1] = (kept[-1][0], kept[-1][1] + 1)
    else:
        kept.append((step, 1))
    return tuple(kept)


def _hours(record: ClassRecord, step: int) -> tuple[int, int]:
    """Failures in the last hour and in the 24 hours before it."""
    recent = step - FAILURE_STEPS_RECENT
    last_hour = sum(count for at, count in record.counts if at > recent)
    day_before = sum(
        count for at, count in record.counts if recent - FAILURE_STEPS_BEFORE < at <= recent
    )
    return last_hour, day_before


def _is_rising(policy: FailurePolicy, record: ClassRecord, step: int) -> bool:
    last_hour, day_before = _hours(record, step)
    return (
        last_hour >= policy.rising_count_min
        and last_hour * 24 * PPM >= policy.rising_factor * day_before
    )


def _has_cleared(policy: FailurePolicy, record: ClassRecord, step: int) -> bool:
    last_hour, day_before = _hours(record, step)
    if 2 * last_hour < policy.rising_count_min:
        return True
    return last_hour * 24 * PPM < policy.rising_factor_clear * day_before
