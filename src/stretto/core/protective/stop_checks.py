"""Whether a position that must have a stop has one at the venue, as far as the venue said so.

An order that carried the stop and filled was accepted with it; a position that came back through a
bust, or was entered without a stop, waits for the venue to show one. A complete view without the
stop is believed at once. Changes nothing at a venue. Knows nothing of how a stop is set.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.protective.protecting import has_own_stops
from stretto.core.terms.account import Position
from stretto.core.terms.amendment import amendment_key
from stretto.core.terms.venue import MassStatus, PositionView

NOT_CONFIRMED = "stop_not_confirmed"
MISSING = "stop_missing_at_venue"


def on_stop_due(book: Book, key: str, at_ns: int) -> tuple[ev.Event, ...]:
    """The venue has not said in time that the position has its stop: a person is asked."""
    due_at = book.unprotected.get(key)
    if due_at is None or at_ns < due_at:
        return ()
    allocation = book.allocations[key]
    position = book.positions[allocation.account_id][allocation.execution_id]
    wanted = "none stated" if allocation.stop_loss is None else str(allocation.stop_loss)
    return (
        _checked(position, NOT_CONFIRMED, is_confirmed=False),
        _asked(position, NOT_CONFIRMED, {"stop_loss": wanted}),
    )


def stops_shown(book: Book, status: MassStatus) -> list[ev.Event]:
    """What a complete view says of the stops of the account's positions. One that a fill or a
    request may have changed since is not judged.
    """
    account_id = status.account_id
    if has_own_stops(book, account_id):  # an order that is missing is missed as an order
        return []
    if book.ledgers[account_id].last_fill_at >= status.at:
        return []
    shown = {view.position_id: view for view in status.positions}
    events: list[ev.Event] = []
    for owner, position in sorted(book.positions.get(account_id, {}).items()):
        views = [shown[name] for name in sorted(position.tickets) if name in shown]
        names = (amendment_key(owner, account_id, name) for name in position.tickets)
        asked = [book.amendments[name] for name in names if name in book.amendments]
        if views and not any(each.due_at is not None for each in asked):
            events += _judged(book, position, views)
    return events


def _judged(book: Book, position: Position, views: list[PositionView]) -> list[ev.Event]:
    key = allocation_key(position.execution_id, position.account_id)
    name = _name(position)
    is_awaited, reason = key in book.unprotected, book.interventions.get(name)
    if all(view.stop_loss is not None for view in views):
        events: list[ev.Event] = []
        if is_awaited:
            events.append(_checked(position, "shown by the venue", is_confirmed=True))
        if reason in (NOT_CONFIRMED, MISSING):
            events.append(
                ev.InterventionResolved(
                    execution_id=position.execution_id,
                    account_id=position.account_id,
                    client_order_id=name,
                    reason=reason,
                    resolution="the venue shows a stop",
                )
            )
        return events
    if reason is not None or not (is_awaited or position.stop_loss is not None):
        return []
    bare = ", ".join(view.position_id for view in views if view.stop_loss is None)
    known = {"stop_loss": str(position.stop_loss), "position_id": bare}
    checked = _checked(position, MISSING, is_confirmed=False)
    return [checked, _asked(position, MISSING, known)]


def _name(position: Position) -> str:
    return f"stop:{allocation_key(position.execution_id, position.account_id)}"


def _checked(position: Position, cause: str, *, is_confirmed: bool) -> ev.StopChecked:
    return ev.StopChecked(
        execution_id=position.execution_id,
        account_id=position.account_id,
        is_confirmed=is_confirmed,
        cause=cause,
    )


def _asked(position: Position, reason: str, known: dict[str, str]) -> ev.InterventionRequired:
    can = "set a stop at the venue or by an amend, or close the position"
    return ev.InterventionRequired(
        execution_id=position.execution_id,
        account_id=position.account_id,
        client_order_id=_name(position),
        reason=reason,
        known={**known, "quantity": str(position.quantity), "can_be_done": can},
    )
