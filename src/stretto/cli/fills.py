"""``stretto fills``: how often entries fill in parts, how long that takes, and what it costs."""

from __future__ import annotations

from decimal import Decimal

import typer

from stretto.cli.options import Book, Db, Json
from stretto.cli.output import PIP_STEP, Column, Grid, Output, quantity, rounded
from stretto.cli.ranges import Since, Until, report_over
from stretto.core.limits import ROTATION_WINDOW_NS
from stretto.core.orders.completion import Strategy
from stretto.views.fills import FillsReport, fills_report
from stretto.views.fills_read import AGAIN

_STRATEGIES = (*(each.value for each in Strategy), AGAIN)
_TENTH = Decimal("0.1")


def fills(
    context: typer.Context,
    db: Db,
    book: Book = None,
    since: Since = None,
    until: Until = None,
    _json: Json = False,
) -> None:
    """Report partial fills by venue, symbol and account, over 30 days.

    How often, how long until complete, which strategies, and what it cost.
    """
    report_over(context, db, book, (since, until), ROTATION_WINDOW_NS, fills_report, render_fills)


def render_fills(output: Output, report: FillsReport) -> None:
    """A line for each venue, symbol and account, then one for each strategy and symbol."""
    if not report.sent:
        output.line("nothing was sent")
    output.grid(_how_often(report))
    output.grid(_chosen(report))
    output.grid(_what_followed(report))


def _how_often(report: FillsReport) -> Grid:
    span = f"{report.since[:19]}Z to {report.until[:19]}Z"
    return Grid(
        title=f"Partial fills of book {report.book_id} from {span}",
        columns=(
            Column("scope"),
            Column("name"),
            Column("sent", right=True),
            Column("partial", right=True),
            Column("%", right=True, rank=2),
            Column("complete", right=True),
            Column("median s", right=True),
            Column("pips", right=True),
            Column("at once", right=True, rank=3),
            Column("lost %", right=True),
        ),
        rows=[
            (
                each.scope,
                each.name,
                str(each.sent),
                str(each.partial),
                _percent(each.partial_share),
                str(each.complete),
                rounded(each.until_complete_s_median, _TENTH),
                rounded(each.slippage_pips_partial, PIP_STEP),
                rounded(each.slippage_pips_at_once, PIP_STEP),
                _percent(each.abandoned_share),
            )
            for each in report.scopes
        ],
        note="pips: slippage of the partial ones, at once: of the others; lost: given up",
    )


def _chosen(report: FillsReport) -> Grid:
    return Grid(
        title="Strategies chosen",
        columns=(
            Column("scope"),
            Column("name"),
            *(Column(word, right=True) for word in _STRATEGIES),
        ),
        rows=[
            (each.scope, each.name, *(str(each.strategies.get(word, 0)) for word in _STRATEGIES))
            for each in report.scopes
            if each.strategies
        ],
    )


def _what_followed(report: FillsReport) -> Grid:
    return Grid(
        title="What came after each strategy, base units of the symbol",
        columns=(
            Column("strategy"),
            Column("symbol"),
            Column("chosen", right=True),
            Column("last of", right=True, rank=2),
            Column("complete", right=True, rank=1),
            Column("filled", right=True),
            Column("pips", right=True),
            Column("given up", right=True),
            Column("moved", right=True, rank=3),
        ),
        rows=[
            (
                each.strategy,
                each.symbol,
                str(each.chosen),
                str(each.last_of),
                str(each.complete),
                quantity(each.filled_quantity),
                rounded(each.slippage_pips, PIP_STEP),
                quantity(each.abandoned_quantity),
                quantity(each.moved_quantity),
            )
            for each in report.strategies
        ],
    )


def _percent(share: Decimal | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
