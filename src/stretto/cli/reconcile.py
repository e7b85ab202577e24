"""``stretto reconcile``: has a running book compare its accounts with their venues now.

Knows nothing of how they are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from stretto.cli.errors import EXIT_BROKER, EXIT_DIFFERENT
from stretto.cli.options import Book, Db, Json, output_of
from stretto.cli.output import Column, Grid, Output, money, quantity
from stretto.core.messages.reconciliation_standing import (
    Difference,
    Outcome,
    PositionLine,
    Standing,
)
from stretto.core.values import iso
from stretto.runtime.reconciler import Comparison
from stretto.sessions.reading import book_of
from stretto.sessions.reconciling import compare


def reconcile(
    context: typer.Context,
    db: Db,
    account: Annotated[
        list[str] | None,
        typer.Option(help="An account, repeatable; else every account.", metavar="ACCOUNT"),
    ] = None,
    book: Book = None,
    _json: Json = False,
) -> int:
    """Have a running book compare its accounts with their venues now, and wait for the end.

    Exits with 1 where differences remain, with 5 where an account could not be compared.
    """
    output = output_of(context, db)
    book_id = book_of(db, book)
    found = list(compare(db, book_id, account or ()))
    standings = [each.standing for each in found if each.standing is not None]
    remaining = sum(each.remaining for each in standings)
    fields = {
        "book_id": book_id,
        "accounts": [_fields(each) for each in found],
        "compared": len(standings),
        "not_compared": len(found) - len(standings),
        "differences_settled": sum(len(each.differences) for each in standings) - remaining,
        "differences_remaining": remaining,
    }
    output.result(fields, lambda out: _render(out, book_id, found))
    if len(standings) < len(found):
        return EXIT_BROKER
    return EXIT_DIFFERENT if remaining else 0


def _fields(found: Comparison) -> dict[str, Any]:
    standing = found.standing
    if standing is None:
        return {"account_id": found.account_id, "problem": found.problem}
    return {
        "account_id": found.account_id,
        "problem": None,
        "venue": standing.venue,
        "compared_at": iso(standing.compared_at),
        "view_at": iso(standing.view_at),
        "open_orders": {
            "book": standing.orders_book,
            "venue": standing.orders_venue,
            "in_doubt": standing.in_doubt,
        },
        "fills": {
            "since": iso(standing.shown_since),
            "shown": standing.executions_shown,
            "booked": standing.executions_booked,
        },
        "positions": standing.positions,
        "balance": {
            "venue": standing.balance,
            "known": standing.balance_known,
            "currency": standing.currency,
        },
        "differences": standing.differences,
        "questions": standing.questions,
        "blocked": standing.blocked or None,
    }


def _render(output: Output, book_id: str, found: Sequence[Comparison]) -> None:
    """A line for each account, then each difference with its cause and what comes of it."""
    columns = (
        Column("account"),
        Column("venue", rank=3),
        Column("compared at", rank=2),
        Column("open orders", right=True, rank=1),
        Column("fills", right=True, rank=1),
        Column("positions", right=True),
        Column("balance", right=True, rank=2),
        Column("", rank=4),
        Column("settled", right=True),
        Column("remaining", right=True),
    )
    standings = [each.standing for each in found if each.standing is not None]
    output.grid(
        Grid(
            title=f"Book {book_id} against its venues ({len(found)})",
            columns=columns,
            rows=[_row(each) for each in standings],
            note="fills: executions that the venue shows since the last comparison",
        )
    )
    for standing in standings:
        for line in standing.positions:
            output.line(f"{standing.account_id}: {_position(line)}")
        for difference in standing.differences:
            _say(output, standing.account_id, difference)
        for question in standing.questions:
            text = f"a person is asked about {question.subject}: {question.reason}"
            output.line(f"{standing.account_id}: {text}", "yellow")
        if standing.blocked:
            output.line(f"{standing.account_id}: no entry: {standing.blocked}", "yellow")
    for each in found:
        if each.standing is None:
            output.line(f"{each.account_id}: not compared: {each.problem}", "bold red")
    remaining = sum(each.remaining for each in standings)
    if remaining:
        said = "1 difference remains" if remaining == 1 else f"{remaining} differences remain"
        output.line(f"{said}.", "bold red")
    elif len(standings) == len(found):
        output.line("Book and venues agree.")


def _row(standing: Standing) -> tuple[str, ...]:
    orders = str(standing.orders_book)
    if standing.orders_venue != standing.orders_book:
        orders += f" (venue {standing.orders_venue})"
    fills = str(standing.executions_shown)
    if standing.executions_booked:
        fills += f" ({standing.executions_booked} booked now)"
    balance = money(standing.balance)
    if standing.balance_known not in (None, standing.balance):
        balance += f" (was {money(standing.balance_known)})"
    return (
        standing.account_id,
        standing.venue,
        f"{iso(standing.compared_at)[:19]}Z",
        orders,
        fills,
        str(len(standing.positions)),
        balance,
        standing.currency,
        str(len(standing.differences) - standing.remaining),
        str(standing.remaining),
    )


def _position(line: PositionLine) -> str:
    side = f" {line.side}" if line.side else ""
    said = f"position {line.symbol}{side}: {quantity(line.book)} in the book"
    if line.adopted:
        said += f" ({quantity(line.adopted)} of it adopted)"
    said += f", {quantity(line.venue)} at the venue"
    return said + (f", {quantity(line.dismissed)} of it not ours" if line.dismissed else "")


_SAID = {
    Outcome.SETTLED: ("settled", "green"),
    Outcome.FOLLOWED: ("followed", "yellow"),
    Outcome.PERSON: ("left to you", "bold red"),
}


def _say(output: Output, account_id: str, found: Difference) -> None:
    outcome, style = _SAID[found.outcome]
    sides = f": book {found.book}, venue {found.venue} ({found.cause})" if found.cause else ""
    about = f"{found.kind.value} {found.subject}"
    if not found.subject.startswith(f"{account_id}/"):  # else it says whose it is
        about = f"{account_id}: {about}"
    output.line(f"{about}{sides}; {outcome}: {found.what}", style)
