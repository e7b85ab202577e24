"""``stretto fairness``: how evenly the load was shared out over the accounts."""

from __future__ import annotations

import typer

from stretto.cli.options import Book, Db, Json, output_of
from stretto.cli.output import Column, Grid, Output
from stretto.cli.ranges import Since, Until, range_of
from stretto.core.limits import ROTATION_WINDOW_NS
from stretto.sessions.reading import book_of, tables_of
from stretto.views.fairness import FairnessReport, fairness_report


def fairness(
    context: typer.Context,
    db: Db,
    book: Book = None,
    since: Since = None,
    until: Until = None,
    _json: Json = False,
) -> None:
    """Report each account's share of executions and volume against its fair share, over 30 days.

    And the order of release, and Jain's index of fairness.
    """
    output = output_of(context, db)
    book_id = book_of(db, book)
    since_ns, until_ns = range_of(db, book_id, since, until, ROTATION_WINDOW_NS)
    with tables_of(db) as connection:
        report = fairness_report(connection, book_id, since_ns, until_ns)
    output.result(report, lambda out: render_fairness(out, report))


def render_fairness(output: Output, report: FairnessReport) -> None:
    """One line for each account, the two indices, and what the numbers mean."""
    columns = (
        Column("account"),
        Column("mode", rank=3),
        Column("executions", right=True),
        Column("share", right=True),
        Column("above fair", right=True, rank=1),
        Column("volume share", right=True),
        Column("released", right=True, rank=2),
        Column("place", right=True),
    )
    rows = [
        (
            each.account_id,
            each.account_mode,
            str(each.executions),
            f"{each.execution_share:.4f}",
            f"{each.above_fair:+.2f}",
            f"{each.volume_share:.4f}",
            str(each.releases),
            "–" if each.release_place is None else f"{each.release_place:.3f}",
        )
        for each in report.accounts
    ]
    output.grid(
        Grid(
            title=f"Load of book {report.book_id} from {report.since[:19]}Z to "
            f"{report.until[:19]}Z: {report.executions} executions, {report.allocations} "
            f"allocations, fair share {report.fair_share:.4f}",
            columns=columns,
            rows=rows,
        )
    )
    for name, index in (
        ("executions", report.jain_index_executions),
        ("volume", report.jain_index_volume),
    ):
        said = "nothing was shared out" if index is None else f"{index:.4f}"
        output.line(f"Jain's index of {name}: {said}")
    output.heading("What the numbers mean")
    for name, text in report.meaning.items():
        output.line(f"{name.replace('_', ' ')}: {text}", "dim")
