"""``stretto fairness``: how evenly the load was shared out over the accounts."""

from __future__ import annotations

import typer

from stretto.cli.options import Book, Db, Json
from stretto.cli.output import Column, Grid, Output
from stretto.cli.ranges import Since, Until, report_over
from stretto.core.limits import ROTATION_WINDOW_NS
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
    report_over(
        context, db, book, (since, until), ROTATION_WINDOW_NS, fairness_report, render_fairness
    )


def render_fairness(output: Output, report: FairnessReport) -> None:
    """One line for each account, and the two indices."""
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
