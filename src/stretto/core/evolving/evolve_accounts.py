"""What events about accounts and venues as a whole change in the book. Part of ``evolve``.

Knows nothing of orders or allocations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.failures.circuit import CircuitState
from stretto.core.failures.failure_statistics import NO_STATISTICS, after_failure, after_success
from stretto.core.terms.account import Exclusion
from stretto.core.terms.failure import FailureClass


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
    book.timers.set(f"{ev.TimerKind.EXCLUSION}:{account_id}", until)
    arm_flatten(book, account_id)


def arm_flatten(book: Book, account_id: str) -> None:
    """Keep the timer of what is to be proven flat in step with the ledger."""
    due = [each.due_at for each in book.ledgers[account_id].flattening if each.due_at is not None]
    book.timers.set(f"{ev.TimerKind.FLATTEN}:{account_id}", min(due, default=None))


def circuit_changed(book: Book, event: ev.CircuitChanged) -> None:
    """The circuit as it is now; a closed one without failures is not kept."""
    circuit = event.circuit
    if circuit.state is CircuitState.CLOSED and not circuit.failures_at:
        book.circuits.pop(circuit.key, None)
    else:
        book.circuits[circuit.key] = circuit
    book.timers.set(f"{ev.TimerKind.CIRCUIT}:{circuit.key}", circuit.probe_at)


def venue_throttled(book: Book, event: ev.VenueThrottled) -> None:
    """When the venue takes entries again."""
    book.throttled[event.venue] = event.until


def alert_raised(book: Book, event: ev.AlertRaised) -> None:
    """The alert stands until it is cleared."""
    book.alerts[event.key] = event.alert
    book.timers.set(f"{ev.TimerKind.ALERT}:{event.key}", event.alert.clears_at)


def alert_cleared(book: Book, event: ev.AlertCleared) -> None:
    """The alert stands no longer."""
    del book.alerts[event.key]
    book.timers.set(f"{ev.TimerKind.ALERT}:{event.key}", None)


def count(book: Book, account_id: str, failure_class: FailureClass | None) -> None:
    """A request of the account failed with this class, or (None) did not fail."""
    account = book.configuration.accounts.get(account_id)
    if account is None:
        return
    policy = book.configuration.policy.failures
    for key in (f"account:{account_id}", f"venue:{account.venue}"):
        held = book.failures.get(key)
        if failure_class is not None:
            book.failures[key], _ = after_failure(
                policy, held or NO_STATISTICS, failure_class, book.at
            )
        elif held is not None:
            book.failures[key] = after_success(held)


def arm_all(book: Book) -> None:
    """The timers of circuits and alerts, anew from their records."""
    for key, circuit in book.circuits.items():
        book.timers.set(f"{ev.TimerKind.CIRCUIT}:{key}", circuit.probe_at)
    for key, alert in book.alerts.items():
        book.timers.set(f"{ev.TimerKind.ALERT}:{key}", alert.clears_at)


HANDLERS: dict[type, Callable[[Book, Any], None]] = {
    ev.AccountExcluded: account_excluded,
    ev.AccountRestored: account_restored,
    ev.CircuitChanged: circuit_changed,
    ev.VenueThrottled: venue_throttled,
    ev.AlertRaised: alert_raised,
    ev.AlertCleared: alert_cleared,
}
