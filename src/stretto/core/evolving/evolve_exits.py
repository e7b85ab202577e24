"""What the plan of an exit changes in the book. Part of ``evolve``.

Knows nothing of why something is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.evolving import evolve_allocations
from stretto.core.evolving.evolve_allocations import put_allocation, remember_signal
from stretto.core.executions.opening import opened_by, share_of
from stretto.core.terms.signal import Action


def signal_planned(book: Book, event: ev.SignalPlanned) -> None:
    """The execution and its allocations; for an exit nothing is reserved or counts as carried."""
    plan = event.plan
    if not plan.closes:
        evolve_allocations.signal_planned(book, event)
        return
    remember_signal(book, plan)
    target = book.executions.get(plan.closes)  # what a person adopted is of no execution
    if target is not None:
        closes_all = plan.signal.action is Action.CLOSE
        book.executions[target.execution_id] = replace(
            target,
            exits=(*target.exits, plan.execution_id),
            closed_by=plan.execution_id if closes_all else target.closed_by,
        )
    book.executions[plan.execution_id] = opened_by(plan, book.seq)
    if plan.allocations:
        book.open_executions[plan.execution_id] = None
    for share in plan.allocations:
        key = allocation_key(plan.execution_id, share.account_id)
        put_allocation(book, key, share_of(plan, share))


HANDLERS: dict[type, Callable[[Book, Any], None]] = {ev.SignalPlanned: signal_planned}
