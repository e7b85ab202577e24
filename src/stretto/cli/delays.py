"""``stretto delays``: planned against actual delays, their dispersion, how releases cluster."""

from __future__ import annotations

from decimal import Decimal

import typer

from stretto.cli.options import Book, Db, Json, output_of
from stretto.cli.output import Column, Grid, Output
from stretto.cli.ranges import Since, Until, range_of
from stretto.core.limits import CLUSTERING_WINDOW_NS
from stretto.sessions.reading import book_of, tables_of
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
    output = output_of(context, db)
    book_id = book_of(db, book)
    since_ns, until_ns = range_of(db, book_id, since, until, CLUSTERING_WINDOW_NS)
    with tables_of(db) as connection:
        report = delays_report(connection, book_id, since_ns, until_ns)
    output.result(report, lambda out: render_delays(out, report))


def render_delays(output: Output, report: DelaysReport) -> None:
    """A line for each allocation and each execution, the clustering, and what it all means."""
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
    output.heading("What the numbers mean")
    for name, text in report.meaning.items():
        output.line(f"{name.replace('_', ' ')}: {text}", "dim")


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
