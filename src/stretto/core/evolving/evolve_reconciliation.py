"""What findings about the venue's side change in the book. Part of ``evolve``.

Knows nothing of how a view is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, Reconciled, allocation_key
from stretto.core.evolving.evolve_accounts import arm_flatten
from stretto.core.evolving.evolve_protection import fill_booked
from stretto.core.evolving.evolve_protective import arm as arm_protect
from stretto.core.evolving.positions import move_position
from stretto.core.executions.carried import carry
from stretto.core.reconciliation_events import POSITION_DIFFERENCE, position_subject


def order_proven_dead(book: Book, event: ev.OrderProvenDead) -> None:
    """The order's own record changes with its step; what was noted of its absence is spent."""
    book.missing.pop(event.client_order_id, None)


def order_missed(book: Book, event: ev.OrderMissed) -> None:
    """The first view that does not show the order."""
    book.missing.setdefault(event.client_order_id, event.view_at)


def difference_found(_book: Book, _event: ev.DifferenceFound) -> None:
    """A fact to be read: what follows from it are events of their own."""


def account_reconciled(book: Book, event: ev.AccountReconciled) -> None:
    """What the account was compared with. A view that was not whole leaves the time as it was."""
    before = book.reconciled.get(event.account_id)
    kept = before is not None and not event.complete
    book.reconciled[event.account_id] = Reconciled(
        at=book.at,
        view_at=before.view_at if before is not None and kept else event.at,
        complete=event.complete,
        suspects=event.suspects,
        strangers=event.strangers,
    )
    _set_unreconciled(book, event.account_id, event.unreconciled)
    for key, known in tuple(book.strangers.items()) if event.complete else ():
        is_there = key in event.strangers or key in book.interventions
        if known.account_id == event.account_id and not is_there:
            del book.strangers[key]
    ledger = book.ledgers[event.account_id]
    if ledger.flattening:  # what the view shows decides, in an entry of its own
        looked_at = tuple(replace(each, due_at=book.at) for each in ledger.flattening)
        book.ledgers[event.account_id] = replace(ledger, flattening=looked_at)
        arm_flatten(book, event.account_id)


def reconciliation_required(book: Book, event: ev.ReconciliationRequired) -> None:
    """Every account waits for its venue."""
    for account_id in book.ledgers:
        _set_unreconciled(book, account_id, event.reason)


def _set_unreconciled(book: Book, account_id: str, reason: str) -> None:
    ledger = book.ledgers[account_id]
    if ledger.unreconciled != reason:
        book.ledgers[account_id] = replace(ledger, unreconciled=reason)


def intervention_resolved(book: Book, event: ev.InterventionResolved) -> None:
    """Nobody has to look any more."""
    key = event.client_order_id or allocation_key(event.execution_id, event.account_id)
    book.interventions.pop(key, None)
    arm_protect(book, allocation_key(event.execution_id, event.account_id))
    if event.reason == POSITION_DIFFERENCE and not _differs_still(book, event.account_id):
        _set_unreconciled(book, event.account_id, "")


def _differs_still(book: Book, account_id: str) -> bool:
    prefix = f"{account_id}/position/"
    return any(
        reason == POSITION_DIFFERENCE and key.startswith(prefix)
        for key, reason in book.interventions.items()
    )


def position_adopted(book: Book, event: ev.PositionAdopted) -> None:
    """The position moves as by a fill; nothing was traded. No view from before tells of it."""
    moved = ev.FillBooked(
        execution_id=event.holder,
        account_id=event.account_id,
        symbol=event.symbol,
        direction=1 if event.quantity > 0 else -1,
        quantity=abs(event.quantity),
        notional=abs(event.quantity) * event.price,
        price=event.price,
        transact_at=book.at,
        cause="adopted",
        position_id=event.position_id,
    )
    carry(book, event.account_id, event.symbol, event.quantity)
    move_position(book, moved)
    fill_booked(book, moved)
    ledger = book.ledgers[event.account_id]
    book.ledgers[event.account_id] = replace(ledger, last_fill_at=book.at)


def position_dismissed(book: Book, event: ev.PositionDismissed) -> None:
    """What is not the book's is set aside where positions are compared."""
    subject = position_subject(event.account_id, event.symbol, event.side)
    if event.quantity:
        book.dismissed[subject] = event
    else:
        book.dismissed.pop(subject, None)


def venue_order_dismissed(book: Book, event: ev.VenueOrderDismissed) -> None:
    """It counts for nothing, whatever was asked about it before."""
    known = book.strangers[event.subject]
    book.strangers[event.subject] = replace(
        known, dismissed_by=event.actor, canceled_by="", cancels=0
    )


def venue_order_cancel_requested(book: Book, event: ev.VenueOrderCancelRequested) -> None:
    """It is waited for its end."""
    known = book.strangers[event.subject]
    by = event.actor if event.attempt == 1 else known.canceled_by
    book.strangers[event.subject] = replace(
        known, dismissed_by="", canceled_by=by, cancels=event.attempt
    )


HANDLERS: dict[type, Callable[[Book, Any], None]] = {
    ev.OrderProvenDead: order_proven_dead,
    ev.OrderMissed: order_missed,
    ev.DifferenceFound: difference_found,
    ev.AccountReconciled: account_reconciled,
    ev.ReconciliationRequired: reconciliation_required,
    ev.InterventionResolved: intervention_resolved,
    ev.PositionAdopted: position_adopted,
    ev.PositionDismissed: position_dismissed,
    ev.VenueOrderDismissed: venue_order_dismissed,
    ev.VenueOrderCancelRequested: venue_order_cancel_requested,
}
