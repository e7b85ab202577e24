"""``stretto accounts``: how every account stands, by the venue's last word and the book."""

from __future__ import annotations

import typer

from stretto.cli.options import Book, Db, Json, output_of
from stretto.cli.output import Column, Grid, Output, money
from stretto.core.terms.killing import described
from stretto.core.values import iso
from stretto.sessions.account_lines import AccountsView, accounts_view
from stretto.sessions.reading import book_of


def accounts(
    context: typer.Context,
    db: Db,
    book: Book = None,
    _json: Json = False,
) -> None:
    """Show every account: status, money, margin, room under the firm's limits, positions, load."""
    output = output_of(context, db)
    view = accounts_view(db, book_of(db, book))
    output.result(view, lambda out: render_accounts(out, view))


def render_accounts(output: Output, view: AccountsView) -> None:
    """One line for each account, and below it why an account takes no entry."""
    columns = (
        Column("account"),
        Column("status"),
        Column("firm", rank=6),
        Column("owner", rank=5),
        Column("balance", right=True, rank=4),
        Column("equity", right=True),
        Column("", rank=2),
        Column("margin used", right=True, rank=3),
        Column("reserved", right=True, rank=4),
        Column("room", right=True),
        Column("limit", rank=2),
        Column("positions", right=True, rank=1),
        Column("load 30 d", right=True, rank=3),
    )
    rows = [
        (
            line.account_id,
            line.status,
            line.firm,
            line.owner,
            money(line.balance),
            money(line.equity),
            line.currency,
            money(line.margin_used),
            money(line.margin_reserved),
            f"unknown: {line.room_unknown}" if line.room_unknown else money(line.room),
            line.room_binding,
            str(len(line.positions)),
            str(line.load),
        )
        for line in view.accounts
    ]
    output.grid(
        Grid(
            title=f"Accounts of book {view.book_id} at {iso(view.at)[:19]}Z ({len(rows)})",
            columns=columns,
            rows=rows,
            note="room: what may still be lost under the nearest limit, at the last quotes that a "
            "decision rested on",
        )
    )
    assumed = [line.account_id for line in view.accounts if line.day_anchor == "assumed"]
    if assumed:
        output.line(
            f"day anchor assumed: {', '.join(assumed)}. Nobody saw how their trading day began; "
            "the daily limit is measured from the highest of what is known. A day_start_balance "
            "in the configuration says it.",
            "yellow",
        )
    for line in view.accounts:
        if line.why:
            output.line(f"{line.account_id}: {line.why}", "yellow")
        if line.flattening:
            since = line.flattening[:19]
            output.line(
                f"{line.account_id}: flatten under way since {since}Z: {line.not_flat}", "yellow"
            )
    for switch in view.kill_switches:
        output.line(
            f"kill switch in force: {described(switch)}, by {switch.actor}: {switch.reason}",
            "bold red",
        )
