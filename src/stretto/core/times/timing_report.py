"""What the release timing did: planned against actual, and clustering over 7 days (DESIGN §4.6).

Reports only: nothing here refuses or delays anything. Must not know accounts, orders or the clock;
all times are integer nanoseconds UTC, all ratios integers in 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from stretto.core.limits import CLUSTERING_WINDOW_NS
from stretto.core.values import NS_PER_S, PPM


class BinReport(Struct, frozen=True, kw_only=True):
    """Counts per bin and how far from even they are.

    ``chi_squared_ppm`` is Pearson's statistic against equal bins; ``is_clustered`` where it exceeds
    the 0.1 % critical value, with at least five expected per bin (fewer say nothing).
    """

    counts: tuple[int, ...]
    fullest: int
    fullest_share_ppm: int
    chi_squared_ppm: int
    is_clustered: bool


class ClusteringReport(Struct, frozen=True, kw_only=True):
    """Releases of the last 7 days by second of the minute (60) and hour of the UTC day (24)."""

    count: int
    second_of_minute: BinReport
    hour_of_day: BinReport


# Upper 0.1 % points of chi squared with 59 and 23 degrees of freedom, in 1e-6.
_CHI_SQUARED_59 = 98_324_234
_CHI_SQUARED_23 = 49_728_232


def clustering(instants_ns: Sequence[int], until_ns: int) -> ClusteringReport:
    """How releases of the 7 days up to ``until_ns`` cluster: reported, never refused.

    Strategies that act on bar closes cluster honestly.
    """
    seconds, hours, count = [0] * 60, [0] * 24, 0
    for at_ns in instants_ns:
        if until_ns - CLUSTERING_WINDOW_NS < at_ns <= until_ns:
            second = at_ns // NS_PER_S
            seconds[second % 60] += 1
            hours[second // 3_600 % 24] += 1
            count += 1
    return ClusteringReport(
        count=count,
        second_of_minute=_bins(seconds, count, _CHI_SQUARED_59),
        hour_of_day=_bins(hours, count, _CHI_SQUARED_23),
    )


def _bins(counts: list[int], total: int, critical_ppm: int) -> BinReport:
    size = len(counts)
    squares = sum(count * count for count in counts)
    chi_ppm = (size * squares - total * total) * PPM // total if total else 0
    most = max(counts)
    return BinReport(
        counts=tuple(counts),
        fullest=counts.index(most),
        fullest_share_ppm=most * PPM // total if total else 0,
        chi_squared_ppm=chi_ppm,
        is_clustered=total >= 5 * size and chi_ppm > critical_ppm,
    )


class DelayDeviation(Struct, frozen=True, kw_only=True):
    """Actual minus planned instant: size of the deviation, and how many went early (must be 0)."""

    count: int
    median_ns: int
    p95_ns: int
    max_ns: int
    early: int


def planned_against_actual(pairs: Sequence[tuple[int, int]]) -> DelayDeviation | None:
    """Absolute deviation of (planned_ns, actual_ns) by nearest rank; None where none is given."""
    if not pairs:
        return None
    sizes = sorted(abs(actual - planned) for planned, actual in pairs)
    count = len(sizes)
    return DelayDeviation(
        count=count,
        median_ns=sizes[(count + 1) // 2 - 1],
        p95_ns=sizes[(95 * count + 99) // 100 - 1],
        max_ns=sizes[-1],
        early=sum(1 for planned, actual in pairs if actual < planned),
    )
