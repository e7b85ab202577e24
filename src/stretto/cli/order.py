"""``stretto order``: what becomes of an order at a venue that is not the book's.

Knows nothing of what may be done: the book decides.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from stretto.cli.options import Book, Db, Json
from stretto.cli.people import Actor, Reason, RequestId, ask
from stretto.core.terms import intervention as iv
from stretto.sessions.reading import book_of


class OrderAction(StrEnum):
    """What becomes of an order that the book never sent."""

    DISMISS = "dismiss"
    CANCEL = "cancel"


def order(
    context: typer.Context,
    action: Annotated[OrderAction, typer.Argument(help="What becomes of it.")],
    subject: Annotated[
        str, typer.Argument(help="As `stretto reconcile` names it.", metavar="ORDER")
    ],
    db: Db,
    actor: Actor,
    reason: Reason,
    book: Book = None,
    request_id: RequestId = "",
    _json: Json = False,
) -> int:
    """Answer for an order at a venue that the book never sent: leave it alone, or cancel it.

    What is dismissed counts for nothing while the venue shows it. A cancel is asked for until a
    view shows the order no more. Nothing of it is adopted.
    """
    wanted: iv.Action = iv.CancelVenueOrder(subject=subject)
    if action is OrderAction.DISMISS:
        wanted = iv.DismissVenueOrder(subject=subject)
    return ask(context, db, book_of(db, book), wanted, actor, reason, request_id)
