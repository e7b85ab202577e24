"""Planned against actual delays of entries, their dispersion, and how releases cluster in time.

Reported, never refused: staggering serves market impact and venue limits. From the query tables;
never writes. Knows nothing of how a delay is drawn.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import msgspec

from stretto.core.limits import CLUSTERING_WINDOW_NS
from stretto.core.times.timing import coefficient_of_variation_ppm
from stretto.core.times.timing_report import BinReport, clustering, planned_against_actual
from stretto.core.values import NS_PER_S, iso, ppm_to_decimal
from stretto.views.releases import Released, executions_released
from stretto.views.texts import timestamp

MEANING = {
    "planned_delay": "from the decision to the planned release, as the plan says; where the "
    "release was drawn anew, from the approval, resume, reroute or opening it counts from",
    "redrawn": "why the release in force is not the plan's: approved, resumed or retry_now by a "
    "person, session_closed (it waits for the next session) or rerouted; the plan keeps the first",
    "actual_delay": "from there to the intent of its first order; none where it ended before",
    "deviation": "actual minus planned; early must be 0; a stall or the gap to another release of "
    "the symbol make it late",
    "dispersion": "coefficient of variation, standard deviation over mean, of an execution's "
    "delays; plans of three or more accounts need 0.2",
    "clustering": "releases of the 7 days before until, by second of the minute and hour of the "
    "UTC day; clustered where Pearson's chi squared against even bins passes its upper 0.1 % point "
    "with at least five expected in each; reported, not refused: strategies that act on the close "
    "of a bar cluster honestly",
    "purpose": "staggering limits market impact and keeps within venue limits",
}


class AccountDelay(msgspec.Struct, frozen=True, kw_only=True):
    """One allocation; seconds, exact. ``redrawn``: why its release is not the plan's, or None."""

    account_id: str
    status: str
    planned_delay_s: Decimal
    actual_delay_s: Decimal | None
    deviation_s: Decimal | None
    redrawn: str | None


class ExecutionDelays(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. The dispersions are coefficients of variation as fractions, None with fewer
    than two delays.
    """

    execution_id: str
    symbol: str
    strategy: str
    decided_at: str
    released: int
    planned_dispersion: Decimal | None
    actual_dispersion: Decimal | None
    accounts: tuple[AccountDelay, ...]


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """Over all releases of the range; seconds, by nearest rank."""

    count: int
    median_s: Decimal
    p95_s: Decimal
    max_s: Decimal
    early: int


class Bins(msgspec.Struct, frozen=True, kw_only=True):
    """Releases per bin, the fullest one, and whether they are further from even than chance."""

    counts: tuple[int, ...]
    fullest: int
    fullest_share: Decimal
    chi_squared: Decimal
    is_clustered: bool


class Clustering(msgspec.Struct, frozen=True, kw_only=True):
    """Releases from ``since`` to ``until``, ISO 8601."""

    since: str
    until: str
    count: int
    second_of_minute: Bins
    hour_of_day: Bins


class DelaysReport(msgspec.Struct, frozen=True, kw_only=True):
    """Delays of the executions decided after ``since`` and up to ``until``; ``deferrals`` counts
    releases that had to wait for another of their symbol.
    """

    book_id: str
    since: str
    until: str
    deviation: Deviation | None
    deferrals: int
    clustering: Clustering
    executions: tuple[ExecutionDelays, ...]
    meaning: dict[str, str]


def delays_report(
    connection: sqlite3.Connection, book_id: str, since_ns: int, until_ns: int
) -> DelaysReport:
    """The delays of executions decided in (since, until], ns UTC."""
    executions = executions_released(connection, book_id, since_ns, until_ns)
    (deferrals,) = connection.execute(
        "SELECT count(*) FROM execution_audit_log WHERE book_id = ? "
        "AND event_type = 'release_deferred' AND timestamp > ? AND timestamp <= ?",
        (book_id, timestamp(since_ns), timestamp(until_ns)),
    ).fetchone()
    return DelaysReport(
        book_id=book_id,
        since=iso(since_ns),
        until=iso(until_ns),
        deviation=_deviation(executions),
        deferrals=deferrals,
        clustering=_clustering(connection, book_id, until_ns),
        executions=tuple(_delays(each) for each in executions),
        meaning=MEANING,
    )


def _delays(allocations: list[Released]) -> ExecutionDelays:
    first = allocations[0]
    planned = [each.planned_at - each.counted_from for each in allocations]
    actual = [
        each.released_at - each.counted_from for each in allocations if each.released_at is not None
    ]
    return ExecutionDelays(
        execution_id=first.execution_id,
        symbol=first.symbol,
        strategy=first.strategy,
        decided_at=iso(first.decided_at),
        released=len(actual),
        planned_dispersion=_dispersion(planned),
        actual_dispersion=_dispersion(actual),
        accounts=tuple(_account(each) for each in allocations),
    )


def _account(each: Released) -> AccountDelay:
    actual = deviation = None
    if each.released_at is not None:
        actual = _seconds(each.released_at - each.counted_from)
        deviation = _seconds(each.released_at - each.planned_at)
    return AccountDelay(
        account_id=each.account_id,
        status=each.status,
        planned_delay_s=_seconds(each.planned_at - each.counted_from),
        actual_delay_s=actual,
        deviation_s=deviation,
        redrawn=each.redrawn,
    )


def _dispersion(delays: list[int]) -> Decimal | None:
    if len(delays) < 2 or sum(delays) <= 0:
        return None
    return ppm_to_decimal(coefficient_of_variation_ppm(delays))


def _deviation(executions: list[list[Released]]) -> Deviation | None:
    found = planned_against_actual(
        [
            (each.planned_at, each.released_at)
            for allocations in executions
            for each in allocations
            if each.released_at is not None
        ]
    )
    if found is None:
        return None
    return Deviation(
        count=found.count,
        median_s=_seconds(found.median_ns),
        p95_s=_seconds(found.p95_ns),
        max_s=_seconds(found.max_ns),
        early=found.early,
    )


def _clustering(connection: sqlite3.Connection, book_id: str, until_ns: int) -> Clustering:
    since_ns = until_ns - CLUSTERING_WINDOW_NS
    # What was decided shortly before the 7 days may have been released in them.
    executions = executions_released(connection, book_id, since_ns - 60 * NS_PER_S, until_ns)
    found = clustering(
        [
            each.released_at
            for allocations in executions
            for each in allocations
            if each.released_at is not None
        ],
        until_ns,
    )
    return Clustering(
        since=iso(since_ns),
        until=iso(until_ns),
        count=found.count,
        second_of_minute=_bins(found.second_of_minute),
        hour_of_day=_bins(found.hour_of_day),
    )


def _bins(found: BinReport) -> Bins:
    return Bins(
        counts=found.counts,
        fullest=found.fullest,
        fullest_share=ppm_to_decimal(found.fullest_share_ppm),
        chi_squared=ppm_to_decimal(found.chi_squared_ppm),
        is_clustered=found.is_clustered,
    )


def _seconds(duration_ns: int) -> Decimal:
    return Decimal(duration_ns).scaleb(-9)
