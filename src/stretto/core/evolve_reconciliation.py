"""What findings about the venue's side change in the book. Part of ``evolve``.

Knows nothing of how a view is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key


def order_proven_dead(book: Book, event: ev.OrderProvenDead) -> None:
    """The order's own record changes with its step; what was noted of its absence is spent."""
    book.missing.pop(event.client_order_id, None)


def intervention_resolved(book: Book, event: ev.InterventionResolved) -> None:
    """Nobody has to look any more."""
    key = event.client_order_id or allocation_key(event.execution_id, event.account_id)
    book.interventions.pop(key, None)


HANDLERS: dict[type, Callable[[Book, Any], None]] = {
    ev.OrderProvenDead: order_proven_dead,
    ev.InterventionResolved: intervention_resolved,
}
