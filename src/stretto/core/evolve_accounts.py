"""What events about accounts and venues as a whole change in the book. Part of ``evolve``.

Knows nothing of orders or allocations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.account import Exclusion
from stretto.core.book import Book


def account_excluded(book: Book, event: ev.AccountExcluded) -> None:
    """No entry in the account; what the venue said before this does not restore it."""
    ledger = book.ledgers[event.account_id]
    exclusion = Exclusion(
        since=book.at,
        reason=event.reason,
        actor=event.actor,
        until=event.until,
        until_tradable=event.until_tradable,
    )
    book.ledgers[event.account_id] = replace(ledger, exclusion=exclusion)
    arm(book, event.account_id)


def account_restored(book: Book, event: ev.AccountRestored) -> None:
    """Entries may go there again."""
    book.ledgers[event.account_id] = replace(book.ledgers[event.account_id], exclusion=None)
    arm(book, event.account_id)


def arm(book: Book, account_id: str) -> None:
    """Keep the timer of an exclusion's end in step with the ledger."""
    exclusion = book.ledgers[account_id].exclusion
    until = None if exclusion is None else exclusion.until
    book.timers.set(f"{ev.TimerKind.EXCLUSION.value}:{account_id}", until)


HANDLERS: dict[type, Callable[[Book, Any], None]] = {
    ev.AccountExcluded: account_excluded,
    ev.AccountRestored: account_restored,
}
