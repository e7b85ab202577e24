"""``stretto position``: accept a position that book and venue differ about.

Knows nothing of what may be accepted: the book decides.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from stretto.cli.options import Book, Db, Json
from stretto.cli.people import Actor, Reason, RequestId, ask
from stretto.core.errors import InvalidInput
from stretto.core.terms import intervention as iv
from stretto.sessions.reading import book_of, tables_of
from stretto.sessions.statuses import find_execution


class PositionAction(StrEnum):
    """What becomes of a position that differs."""

    ADOPT = "adopt"
    DISMISS = "dismiss"


def position(
    context: typer.Context,
    action: Annotated[PositionAction, typer.Argument(help="What becomes of it.")],
    subject: Annotated[
        str,
        typer.Argument(
            help="As `stretto reconcile` names it.", metavar="ACCOUNT/position/SYMBOL[/SIDE]"
        ),
    ],
    db: Db,
    actor: Actor,
    reason: Reason,
    execution: Annotated[
        str, typer.Option(help="adopt: the execution that holds it; else none does.")
    ] = "",
    book: Book = None,
    request_id: RequestId = "",
    _json: Json = False,
) -> int:
    """Accept what a venue shows of a position: adopt it into the book, or dismiss it as not ours.

    What is adopted counts for exposure, risk and correlation; what is dismissed counts for nothing
    until the venue shows another quantity. Nothing is traded.
    """
    place = _place(subject)
    if execution and action is PositionAction.DISMISS:
        raise InvalidInput("--execution", "says nothing about dismiss", "only with adopt")
    book_id = book_of(db, book)
    wanted: iv.Action
    if action is PositionAction.DISMISS:
        wanted = iv.DismissPosition(**place)
    else:
        holder = ""
        if execution:
            with tables_of(db) as connection:
                holder = find_execution(connection, book_id, execution).status.summary.execution_id
        wanted = iv.AdoptPosition(**place, execution_id=holder)
    return ask(context, db, book_id, wanted, actor, reason, request_id)


def _place(subject: str) -> dict[str, str]:
    account_id, _, rest = subject.partition("/position/")
    symbol, _, side = rest.partition("/")
    if not account_id or not symbol or side not in ("", "buy", "sell"):
        raise InvalidInput(
            "SUBJECT", f"{subject!r} names no position", "ACCOUNT/position/SYMBOL[/buy or /sell]"
        )
    return {"account_id": account_id, "symbol": symbol, "side": side}
