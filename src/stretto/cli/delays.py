"""``stretto delays``: planned against actual delays, their dispersion, how releases cluster."""

from __future__ import annotations

from decimal import Decimal

import typer

from stretto.cli.options import Book, Db, Json
from stretto.cli.output import Column, Grid, Output
from stretto.cli.ranges import Since, Until, report_over
from stretto.core.limits import CLUSTERING_WINDOW_NS
from stretto.views.delays import Bins, DelaysReport, delays_report


def delays(
    context: typer.Context,
    db: Db,
    book: Book = None,
    since: Since = None,
    until: Until = None,
    _json: Json = False,
) -> None:
    """Report planned against actual delays per execution and account, over 7 days.

    And their dispersion, and how releases cluster by second of the minute and hour of the day.
    """
    report_over(
        context, db, book, (since, until), CLUSTERING_WINDOW_NS, delays_report, render_delays
    )


def render_delays(output: Output, report: DelaysReport) -> None:
    """A line for each allocation and each execution, and the clustering."""
    span = f"{report.since[:19]}Z to {report.until[:19]}Z"
    output.grid(
        Grid(
            title=f"Delays of book {report.book_id} from {span}, seconds",
            columns=(
                Column("execution"),
                Column("account"),
                Column("status", rank=1),
                Column("planned", right=True),
                Column("actual", right=True),
                Column("deviation", right=True),
                Column("redrawn", rank=2, wraps=True),
            ),
            rows=[
                (
                    execution.execution_id,
                    each.account_id,
                    each.status,
                    _seconds(each.planned_delay_s),
                    _seconds(each.actual_delay_s),
                    _seconds(each.deviation_s),
                    each.redrawn or "",
                )
                for execution in report.executions
                for each in execution.accounts
            ],
        )
    )
    output.grid(
        Grid(
            title="Dispersion of the delays (coefficient of variation)",
            columns=(
                Column("execution"),
                Column("symbol"),
                Column("release"),
                Column("accounts", right=True),
                Column("released", right=True),
                Column("planned", right=True),
                Column("actual", right=True),
            ),
            rows=[
                (
                    each.execution_id,
                    each.symbol,
                    each.strategy,
                    str(len(each.accounts)),
                    str(each.released),
                    _ratio(each.planned_dispersion),
                    _ratio(each.actual_dispersion),
                )
                for each in report.executions
            ],
        )
    )
    _summary(output, report)


def _summary(output: Output, report: DelaysReport) -> None:
    found, clustered = report.deviation, report.clustering
    output.heading("In all")
    if found is None:
        output.line("nothing was released")
    else:
        output.line(
            f"{found.count} releases, off their planned instant by {_seconds(found.median_s)} s in "
            f"the median, {_seconds(found.p95_s)} s at the 95th percentile, "
            f"{_seconds(found.max_s)} s at most; {found.early} early"
        )
    output.line(f"releases that waited for another of their symbol: {report.deferrals}")
    span = f"{clustered.since[:19]}Z to {clustered.until[:19]}Z"
    output.heading(f"Clustering of {clustered.count} releases from {span}")
    output.line(_bins("second of the minute", clustered.second_of_minute))
    output.line(_bins("hour of the UTC day", clustered.hour_of_day))


def _bins(name: str, bins: Bins) -> str:
    said = "clustered" if bins.is_clustered else "no clustering beyond chance, or too few to say"
    return (
        f"{name}: fullest is {bins.fullest} with {bins.fullest_share:.4f} of all; "
        f"chi squared {bins.chi_squared:.1f}; {said}"
    )


def _seconds(value: Decimal | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _ratio(value: Decimal | None) -> str:
    return "–" if value is None else f"{value:.4f}"
