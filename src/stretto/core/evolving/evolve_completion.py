"""What seeing to a marketable order changes in the book. Part of ``evolve``.

Knows nothing of quotes or of why something was chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.evolving.evolve_orders import put_order
from stretto.core.orders.completion import Completion, after_choice


def completion_assessed(book: Book, event: ev.CompletionAssessed) -> None:
    """Counts what was chosen, and when the order is looked at again."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    done = allocation.completion or Completion(since=event.since)
    book.allocations[key] = replace(allocation, completion=after_choice(done, event.strategy))
    put_order(book, replace(book.orders[event.client_order_id], complete_at=event.due_at))


HANDLERS: dict[type, Callable[[Book, Any], None]] = {ev.CompletionAssessed: completion_assessed}
