"""What a person may ask about an order at a venue that the book never sent: leave it, or cancel it.

Only what the book asked about; its own orders are cancelled with their execution. Must not know how
an order is found, or who asked.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.limits import CANCELS_MAX
from stretto.core.reconciliation_events import STRANGER, Stranger
from stretto.core.reconciling.reconciliation_positions import ask_about
from stretto.core.terms import intervention as iv
from stretto.core.terms.choices import choices

Outcome = list[ev.Event] | iv.Denied


def dismiss_venue_order(
    book: Book, action: iv.DismissVenueOrder, actor: str, reason: str
) -> Outcome:
    """VenueOrderDismissed: it counts for nothing while the venue shows it."""
    found = _known(book, action.subject)
    if isinstance(found, iv.Denied):
        return found
    if found.dismissed_by:
        return iv.Denied(
            rule=iv.Denial.ALREADY_DISMISSED,
            compared={"order": action.subject, "dismissed_by": found.dismissed_by},
            expected="an order that a person is asked about",
        )
    if 0 < found.cancels < CANCELS_MAX:
        return _busy(action.subject, found)
    return [
        ev.VenueOrderDismissed(
            account_id=found.account_id,
            subject=action.subject,
            venue_order_id=found.venue_order_id,
            actor=actor,
            reason=reason,
        ),
        ev.InterventionResolved(
            execution_id="",
            account_id=found.account_id,
            client_order_id=action.subject,
            reason=STRANGER,
            resolution=f"dismissed by {actor}: not the book's",
        ),
    ]


def cancel_venue_order(book: Book, action: iv.CancelVenueOrder, actor: str, reason: str) -> Outcome:
    """VenueOrderCancelRequested for exactly that order; a person is asked until it is gone."""
    key = action.subject
    found = _known(book, key)
    if isinstance(found, iv.Denied):
        return found
    if 0 < found.cancels < CANCELS_MAX:
        return _busy(key, found)
    held = book.reconciled.get(found.account_id)
    if found.account_id not in book.configuration.accounts or held is None:
        return iv.Denied(
            rule=iv.Denial.UNKNOWN_ACCOUNT,
            compared={"account": found.account_id, "compared": "no" if held is None else "yes"},
            expected="an account of the book that was compared with its venue",
        )
    if key not in held.strangers:
        return iv.Denied(
            rule=iv.Denial.ORDER_NOT_SHOWN,
            compared={"order": key, "live_in_last_view": "no"},
            expected="an order that the venue's last view shows live, as `stretto reconcile` lists",
        )
    asked: list[ev.Event] = []
    if key not in book.interventions:
        known = {"venue_order_id": found.venue_order_id, "left_alone_by": found.dismissed_by}
        asked.append(ask_about(found.account_id, key, STRANGER, known | choices(STRANGER)))
    return [
        *asked,
        ev.VenueOrderCancelRequested(
            account_id=found.account_id,
            subject=key,
            venue_order_id=found.venue_order_id,
            client_order_id=found.client_order_id,
            attempt=1,
            actor=actor,
            reason=reason,
        ),
    ]


def _known(book: Book, key: str) -> Stranger | iv.Denied:
    found = book.strangers.get(key)
    if found is not None:
        return found
    ours = book.orders.get(key)
    if ours is not None:
        return iv.Denied(
            rule=iv.Denial.ORDER_IS_OURS,
            compared={"order": key, "execution": ours.execution_id},
            expected=f"`stretto intervene {ours.execution_id}` cancel-remaining for the book's own",
        )
    return iv.Denied(
        rule=iv.Denial.UNKNOWN_ORDER,
        compared={"order": key, "asked_about": ", ".join(sorted(book.strangers)) or "none"},
        expected="an order that is not the book's, as `stretto reconcile` names it",
    )


def _busy(key: str, found: Stranger) -> iv.Denied:
    return iv.Denied(
        rule=iv.Denial.ORDER_BUSY,
        compared={"order": key, "cancel": f"asked for by {found.canceled_by}, {found.cancels}."},
        expected="the venue's next view: it shows whether the order is gone",
    )
