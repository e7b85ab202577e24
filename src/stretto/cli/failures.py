"""``stretto failures``: what failed, by venue, account and class, and what follows from it now."""

from __future__ import annotations

import typer

from stretto.cli.options import Book, Db, Json, output_of
from stretto.cli.output import Column, Grid, Output
from stretto.core.values import PPM
from stretto.sessions.failure_lines import FailuresView, failures_view
from stretto.sessions.reading import book_of


def failures(
    context: typer.Context,
    db: Db,
    book: Book = None,
    _json: Json = False,
) -> None:
    """Show failures by venue, account and class; open circuits, exclusions and alerts."""
    output = output_of(context, db)
    view = failures_view(db, book_of(db, book))
    output.result(view, lambda out: render_failures(out, view))


def render_failures(output: Output, view: FailuresView) -> None:
    """A line for each class of each venue and account, then what is in force."""
    columns = (
        Column("scope"),
        Column("name"),
        Column("failure"),
        Column("last hour", right=True),
        Column("day before", right=True),
        Column("share %", right=True),
        Column("reliability %", right=True, rank=1),
    )
    rows = [
        (
            line.scope,
            line.name,
            line.failure_class,
            str(line.last_hour),
            str(line.day_before),
            f"{100 * line.share / PPM:.1f}",
            f"{100 * line.reliability / PPM:.1f}",
        )
        for line in view.failures
    ]
    title = f"Failures of book {view.book_id} at {view.at[:19]}Z ({len(rows)})"
    output.grid(
        Grid(
            title=title,
            columns=columns,
            rows=rows,
            note="share: of all requests, each weighing 1/16",
        )
    )
    for circuit in view.circuits:
        words = f"circuit {circuit.scope} {circuit.name}: {circuit.stands}"
        output.line(f"{words}, opened {circuit.openings} in a row", "bold red")
    for held in view.exclusions:
        ends = [] if held.until is None else [f"until {held.until[:19]}Z"]
        ends += ["until the venue says tradable"] if held.until_tradable else []
        lasts = " and ".join(ends) or "until a person restores it"
        output.line(f"excluded {held.account_id}: {held.reason} ({held.actor}), {lasts}", "yellow")
    for venue, until in view.throttled.items():
        output.line(f"slower {venue}: entries from {until[:19]}Z", "yellow")
    for alert in view.alerts:
        rise = (
            f"{alert.last_hour} in the last hour, {alert.day_before} in the day before"
            if alert.rising
            else alert.text
        )
        output.line(f"alert {alert.about}: {alert.failure_class} {rise}".rstrip(), "bold red")
