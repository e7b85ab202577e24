"""What a breach of the correlation in flight changes in the book. Part of ``evolve``.

Knows nothing of how correlations are made.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, Breach, allocation_key
from stretto.core.evolving.evolve_allocations import put_allocation
from stretto.core.executions.carried import put_breach


def correlation_breached(book: Book, event: ev.CorrelationBreached) -> None:
    """What is held waits for the book, not for its turn: only the signal's validity ends it."""
    key = allocation_key(event.execution_id, event.first)
    put_breach(book, key, Breach(first=event.first, second=event.second))
    allocation = book.allocations[key]
    valid_until = book.executions[event.execution_id].signal.valid_until
    window_end = max(allocation.window_end, valid_until + 1)
    put_allocation(book, key, replace(allocation, window_end=window_end))
