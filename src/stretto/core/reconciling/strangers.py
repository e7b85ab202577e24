"""Orders at a venue that the book never sent: found, asked about once, and what a person answered.

Such an order is never adopted. One that is left alone counts for nothing while the venue shows it;
the cancel of one is asked for again with every view that still shows it, until one does not. Must
not know who asked.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.limits import CANCELS_MAX
from stretto.core.reconciliation_events import STRANGER, DifferenceKind, Stranger
from stretto.core.reconciling.reconciliation_positions import ask_about, settle
from stretto.core.terms.choices import choices
from stretto.core.terms.venue import MassStatus, OrderView
from stretto.core.values import iso


def is_left_alone(book: Book, key: str) -> bool:
    """True where a person said that the order is somebody else's."""
    known = book.strangers.get(key)
    return known is not None and bool(known.dismissed_by)


def key_of(account_id: str, view: OrderView) -> str:
    """Under which name a person is asked about the order."""
    return view.report.client_order_id or f"{account_id}/{view.report.venue_order_id}"


def words_of(view: OrderView) -> str:
    """The order in words, as the venue shows it."""
    quantity, status = view.report.order_qty, view.report.ord_status
    return f"{view.side.value} {quantity} {view.symbol}, {status.value}"


def found_in(
    book: Book, status: MassStatus, *, is_current: bool
) -> tuple[tuple[str, ...], list[ev.Event]]:
    """Live orders in the account that are not the book's, and what follows: each is reported once,
    until it is gone from a whole view of now.
    """
    held = book.reconciled.get(status.account_id)
    before = () if held is None else held.strangers
    found: list[str] = []
    events: list[ev.Event] = []
    for view in status.orders:
        order = book.orders.get(view.report.client_order_id)
        if order is not None and order.account_id == status.account_id:
            continue
        key = key_of(status.account_id, view)
        found.append(key)
        known = book.strangers.get(key)
        if known is not None and known.cancels:
            events += _again(key, known, status, is_current=is_current)
        elif key not in before and key not in book.interventions and not is_left_alone(book, key):
            events += _reported(status.account_id, key, view)
    for key in before if is_current else ():
        if key not in found and book.interventions.get(key) == STRANGER:
            events.append(_gone(book, key, status))
    return tuple(found), events


def _reported(account_id: str, key: str, view: OrderView) -> list[ev.Event]:
    return [
        ev.DifferenceFound(
            account_id=account_id,
            kind=DifferenceKind.ORDER_UNKNOWN,
            subject=key,
            book="no such order",
            venue=words_of(view),
            cause="placed by somebody else, or by an earlier book",
        ),
        ask_about(
            account_id,
            key,
            STRANGER,
            {
                "venue_order_id": view.report.venue_order_id,
                "order": words_of(view),
                "cum_qty": str(view.report.cum_qty),
                **choices(STRANGER),
            },
        ),
    ]


def _again(key: str, known: Stranger, status: MassStatus, *, is_current: bool) -> list[ev.Event]:
    """A cancel may be asked for again: this one was refused, lost, or never left."""
    if not is_current or known.cancels >= CANCELS_MAX:
        return []
    return [
        ev.VenueOrderCancelRequested(
            account_id=known.account_id,
            subject=key,
            venue_order_id=known.venue_order_id,
            client_order_id=known.client_order_id,
            attempt=known.cancels + 1,
            actor=ev.SYSTEM,
            reason=f"the venue's view of {iso(status.at)} still shows it",
        )
    ]


def _gone(book: Book, key: str, status: MassStatus) -> ev.InterventionResolved:
    known = book.strangers.get(key)
    if known is None or not known.cancels:
        return settle(status.account_id, key, STRANGER)
    over = [view for view in status.orders_done if key_of(status.account_id, view) == key]
    how = f"shows it {over[-1].report.ord_status.value}" if over else "shows it no more"
    return ev.InterventionResolved(
        execution_id="",
        account_id=status.account_id,
        client_order_id=key,
        reason=STRANGER,
        resolution=f"the venue's view of {iso(status.at)} {how}; {known.canceled_by} cancelled it",
    )
