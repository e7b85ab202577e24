"""How each event changes the book: the only writer of state, live, in recovery and in replay.

Events carry facts; nothing is decided here. Derived indexes (timers, scheduled releases)
are kept beside the records and can be rebuilt from them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from stretto.core import events as ev
from stretto.core.book import Book, BookImage
from stretto.core.errors import check
from stretto.core.evolving import (
    evolve_accounts,
    evolve_allocations,
    evolve_completion,
    evolve_exits,
    evolve_orders,
    evolve_people,
    evolve_protection,
    evolve_protective,
    evolve_reconciliation,
    facts,
)
from stretto.core.evolving.evolve_correlation import correlation_breached
from stretto.core.evolving.positions import remember_close
from stretto.core.executions.carried import put_breach, recount
from stretto.core.orders.order import open_quantity


def evolve(book: Book, event: ev.Event) -> None:
    """Apply one event to the book. Raises InvariantViolated where it does not fit the state."""
    _HANDLERS[type(event)](book, event)


def begin(book: Book, seq: int, at_ns: int) -> None:
    """Start applying the entry ``seq``; sequence is gap-free and book time never falls."""
    check(seq == book.seq + 1, "entry {} cannot follow entry {}", seq, book.seq)
    check(at_ns >= book.at, "book time would fall from {} to {}", book.at, at_ns)
    book.seq = seq
    book.at = at_ns


def finish(book: Book) -> None:
    """Check the conservation of quantity for every allocation the entry touched (DESIGN §1.1)."""
    for key in book.touched:
        allocation = book.allocations[key]
        accounted = allocation.filled + allocation.pending + allocation.abandoned
        accounted -= allocation.excess
        for order_id in allocation.order_ids:
            accounted += open_quantity(book.orders[order_id])
        least = min(allocation.filled, allocation.pending, allocation.abandoned, allocation.excess)
        if accounted != allocation.intended or least < 0:
            book.quantities(allocation).check(key)
    book.touched.clear()


def restore(image: BookImage) -> Book:
    """A book from its records, with the derived indexes rebuilt."""
    book = Book()
    for name in BookImage.__struct_fields__:
        setattr(book, name, getattr(image, name))
    book.open_executions = {
        name: None for name, e in sorted(book.executions.items()) if e.open_allocations
    }
    for order in book.orders.values():
        evolve_orders.put_order(book, order)
    for key, allocation in book.allocations.items():
        evolve_allocations.schedule(book, key, None, allocation)
    for key, amendment in sorted(book.amendments.items()):
        evolve_protection.put_amendment(book, key, amendment)
    for key, due_at in sorted(book.unprotected.items()):
        evolve_protective.put_unprotected(book, key, due_at)
    for key in sorted(book.protections):
        evolve_protective.arm(book, key)
    for account_id in sorted(book.ledgers):
        evolve_accounts.arm(book, account_id)
    evolve_accounts.arm_all(book)
    recount(book)
    book.shifted_seq = max(book.shifted.values(), default=0)
    for key in sorted(book.breaches):
        put_breach(book, key, book.breaches[key])
    return book


def _fill_booked(book: Book, event: ev.FillBooked) -> None:
    evolve_allocations.fill_booked(book, event)
    remember_close(book, event)
    evolve_protection.fill_booked(book, event)


_HANDLERS: dict[type, Callable[[Book, Any], None]] = {
    ev.OrderAdvanced: evolve_orders.order_advanced,
    ev.FillBooked: _fill_booked,
    ev.OrderIntended: evolve_orders.order_intended,
    ev.ReleaseDeferred: evolve_allocations.release_deferred,
    ev.AllocationEnded: evolve_allocations.allocation_ended,
    ev.ExecutionEnded: evolve_allocations.execution_ended,
    ev.AllocationAdjusted: evolve_allocations.allocation_adjusted,
    ev.LegScheduled: evolve_allocations.leg_scheduled,
    ev.RemainderRerouted: evolve_allocations.remainder_rerouted,
    ev.OrderFailed: evolve_allocations.order_failed,
    ev.PendingHeld: evolve_allocations.pending_held,
    ev.PendingFreed: evolve_allocations.pending_freed,
    ev.CorrelationBreached: correlation_breached,
    ev.CancelRequested: evolve_orders.cancel_requested,
    ev.ReplaceRequested: evolve_orders.replace_requested,
    ev.OrderQueried: evolve_orders.order_queried,
    **evolve_exits.HANDLERS,
    ev.SignalRefused: evolve_allocations.signal_refused,
    ev.AccountUpdated: facts.account_updated,
    ev.HistoryRecorded: facts.history_recorded,
    ev.BarsRecorded: facts.bars_recorded,
    ev.CalendarRecorded: facts.calendar_recorded,
    ev.BookConfigured: facts.book_configured,
    ev.AccountHalted: facts.account_halted,
    ev.InterventionRequired: facts.intervention_required,
    **evolve_reconciliation.HANDLERS,
    **evolve_accounts.HANDLERS,
    **evolve_people.HANDLERS,
    **evolve_completion.HANDLERS,
    **evolve_protection.HANDLERS,
}
check(set(_HANDLERS) == set(get_args(ev.Event)), "every event must have exactly one handler")
