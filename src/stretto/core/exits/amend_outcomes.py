"""What the outcome of writing a request for other levels means: never left, or nobody knows.

Knows nothing of how the levels came about.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.accounts.failing import table_of
from stretto.core.book import Book
from stretto.core.exits.amending import failed, unanswered
from stretto.core.terms.failure import Request, unsent


def on_amend_sent(book: Book, item: ev.AmendReported, at_ns: int) -> tuple[ev.Event, ...]:
    """A request that did not leave fails like any other, at once; after one that may have left, the
    levels are asked for again when its answer would be overdue.
    """
    for amendment in book.amendments.values():
        if amendment.request_id == item.client_order_id and amendment.due_at is not None:
            if item.outcome is ev.SendOutcomeKind.SENT:
                return ()
            ask_at = None
            failure = unsent(table_of(book, amendment.account_id), Request.SUBMIT)
            if item.outcome is ev.SendOutcomeKind.UNKNOWN:
                failure, ask_at = unanswered(book, amendment), max(at_ns, amendment.due_at)
            return tuple(failed(book, amendment, failure, "", item.detail, at_ns, ask_at))
    return ()
