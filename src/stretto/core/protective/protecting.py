"""What protects a position, wanted against standing, where stops are orders of their own.

One comparison, a function of the book alone: what it finds is owed, after any entry and after a
crash. A stop and a target for each of the venue's positions that an execution holds (on a netting
account for its share), sized to what is held; whatever else stands is cancelled. Knows nothing of
how an order is made or sent, and asks no rule of entries.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from stretto.core.book import Allocation, Book, allocation_key
from stretto.core.limits import CANCELS_MAX
from stretto.core.orders.order import Order, OrderInput
from stretto.core.orders.order_table import TABLE, UNANSWERED
from stretto.core.terms.account import PositionMode
from stretto.core.terms.protection import Protection, asked_as, leg_of
from stretto.core.terms.report import OrderRole
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import ZERO

UNCONFIRMED = ("stop_not_confirmed", "stop_missing_at_venue")
"""Why a person is asked about a position that must have a stop."""
_NOTHING_DECLARED = VenueCapabilities()


class Wanted(NamedTuple):
    """An order that should stand: for what of which position, at which price (quote currency)."""

    role: OrderRole
    position_id: str
    quantity: Decimal
    price: Decimal


class Make(Enum):
    """What a difference calls for."""

    PLACE = "place"
    REPLACE = "replace"
    CANCEL = "cancel"


class Owed(NamedTuple):
    """One difference: an order to place, to change to what is wanted, or to cancel; not before
    ``due_at``, ns UTC.
    """

    make: Make
    due_at: int
    wanted: Wanted | None = None
    order: Order | None = None


# --- the venue --------------------------------------------------------------------------------


def capabilities_of(book: Book, account_id: str) -> VenueCapabilities:
    """What the account's venue declares; the defaults where nothing is stated."""
    config = book.configuration
    if not config.capabilities:
        return _NOTHING_DECLARED
    account = config.accounts.get(account_id)
    venue = "" if account is None else account.venue
    return config.capabilities.get(venue, _NOTHING_DECLARED)


def has_own_stops(book: Book, account_id: str) -> bool:
    """True where stops and targets of the account's positions are orders of their own."""
    return not capabilities_of(book, account_id).attached_stops


def must_have_stop(book: Book, allocation: Allocation) -> bool:
    """True where the plan had a stop, or the firm wants one."""
    if allocation.stop_loss is not None:
        return True
    account = book.configuration.accounts.get(allocation.account_id)
    return account is not None and book.configuration.rulebooks[account.rulebook].stop_required


# --- wanted and standing ----------------------------------------------------------------------


def held_by_ticket(book: Book, execution_id: str, account_id: str) -> dict[str, Decimal]:
    """Base units to protect by the venue's position; a netting account has one, and the execution
    its share. What stands on the other side, or has no name, cannot be protected.
    """
    position = book.positions.get(account_id, {}).get(execution_id)
    account = book.configuration.accounts.get(account_id)
    if position is None or account is None:
        return {}
    sign = book.executions[execution_id].side.sign
    if account.position_mode is PositionMode.NETTING:
        parts = {position.position_id: position.quantity}
    else:
        parts = {name: held for name, held in sorted(position.tickets.items()) if name}
    return {name: held * sign for name, held in parts.items() if held * sign > 0}


def wanted(book: Book, execution_id: str, account_id: str) -> dict[str, Wanted]:
    """The orders that should stand, by leg."""
    allocation = book.allocations[allocation_key(execution_id, account_id)]
    levels = (
        (OrderRole.STOP_LOSS, allocation.stop_loss),
        (OrderRole.TAKE_PROFIT, allocation.take_profit),
    )
    return {
        leg_of(role, position_id): Wanted(role, position_id, held, price)
        for position_id, held in held_by_ticket(book, execution_id, account_id).items()
        for role, price in levels
        if price is not None
    }


def standing(book: Book, protection: Protection) -> dict[str, Order]:
    """The orders that are not over, the newest of each leg."""
    orders = (book.orders[name] for name in protection.order_ids)
    return {leg_of(order.role, order.position_id): order for order in orders}


def price_of(order: Order) -> Decimal | None:
    """The level at which a stop or target trades."""
    return order.stop_price if order.role is OrderRole.STOP_LOSS else order.limit_price


def _stands_as(order: Order, want: Wanted) -> bool:
    """True where the venue has the order for exactly what is wanted, and nothing is asked of it."""
    return (
        order.state not in UNANSWERED
        and order.replacing is None
        and not order.cancel_requested
        and order.quantity - order.cum_qty == want.quantity
        and price_of(order) == want.price
    )


def is_covered(book: Book, protection: Protection) -> bool:
    """True where the venue acknowledged a stop for all that is held, at whichever price."""
    execution_id, account_id = protection.execution_id, protection.account_id
    position = book.positions.get(account_id, {}).get(execution_id)
    parts = held_by_ticket(book, execution_id, account_id)
    if position is None or sum(parts.values(), ZERO) != abs(position.quantity):
        return False
    stops = standing(book, protection)
    for position_id, held in parts.items():
        stop = stops.get(leg_of(OrderRole.STOP_LOSS, position_id))
        if stop is None or stop.state in UNANSWERED or stop.cancel_requested:
            return False
        if stop.quantity - stop.cum_qty < held:
            return False
    return True


# --- the comparison ---------------------------------------------------------------------------


def protection_due(book: Book, key: str) -> list[Owed]:
    """Every difference between what is wanted and what stands, in a fixed order. Nothing is placed
    while an order of its leg may be live: one in doubt is waited for. A venue that cannot change
    an order gets a new one once the old one is proven gone.
    """
    protection = book.protections[key]
    execution_id, account_id = protection.execution_id, protection.account_id
    if account_id not in book.configuration.accounts:
        return []
    wants = {}
    if has_own_stops(book, account_id):
        wants = wanted(book, execution_id, account_id)
    stands = standing(book, protection)
    owed: list[Owed] = []
    for name in protection.order_ids:
        order = book.orders[name]
        leg = leg_of(order.role, order.position_id)
        want = wants.get(leg) if stands[leg] is order else None
        owed += _cancelled(protection, order) if want is None else _changed(book, order, want, key)
    for leg, want in wants.items():
        due_at = protection.waits.get(leg, protection.changed_at)
        if leg not in stands and due_at is not None:
            owed.append(Owed(Make.PLACE, due_at, wanted=want))
    return owed


def _cancelled(protection: Protection, order: Order) -> list[Owed]:
    due_at = protection.waits.get(order.client_order_id, protection.changed_at)
    if order.cancel_requested or order.cancels >= CANCELS_MAX or due_at is None:
        return []
    return [Owed(Make.CANCEL, due_at, order=order)]


def _changed(book: Book, order: Order, want: Wanted, key: str) -> list[Owed]:
    protection = book.protections[key]
    waits, name = protection.waits, order.client_order_id
    if order.replacing is not None and not order.cancel_requested:
        # Nobody answered the replace: which terms are in force is not known, so it has to go.
        return _cancelled(protection, order) if name in waits else []
    if order.state in UNANSWERED or order.cancel_requested or _stands_as(order, want):
        return []
    if not capabilities_of(book, order.account_id).replaces_orders:
        return _cancelled(protection, order)
    due_at = waits.get(name, protection.changed_at)
    if due_at is None or (order.state, OrderInput.REPLACE_REQUESTED) not in TABLE:
        return []
    return [Owed(Make.REPLACE, due_at, wanted=want, order=order)]


def to_confirm(book: Book, key: str) -> bool:
    """True where the stop stands and somebody waits for it, or was asked about it."""
    is_awaited = key in book.unprotected or book.interventions.get(f"stop:{key}") in UNCONFIRMED
    return is_awaited and is_covered(book, book.protections[key])


def to_settle(book: Book, key: str) -> list[str]:
    """Names under which a person was asked about what is in order now, or needs no order more."""
    protection = book.protections[key]
    asked = book.interventions
    wants = wanted(book, protection.execution_id, protection.account_id)
    stands = standing(book, protection)
    legs = dict.fromkeys((*wants, *stands, *protection.waits))
    found = [
        asked_as(key, leg)
        for leg in legs
        if asked_as(key, leg) in asked
        and (leg not in wants or (leg in stands and _stands_as(stands[leg], wants[leg])))
    ]
    is_flat = protection.execution_id not in book.positions.get(protection.account_id, {})
    if is_flat and asked.get(f"stop:{key}") in UNCONFIRMED:
        found.append(f"stop:{key}")
    return found


def is_in_force(book: Book, key: str) -> bool:
    """True where an amend waits and every level that is wanted stands, and nothing else does."""
    protection = book.protections[key]
    if not protection.amend:
        return False
    wants = wanted(book, protection.execution_id, protection.account_id)
    stands = standing(book, protection)
    return (
        len(protection.order_ids) == len(stands)
        and stands.keys() == wants.keys()
        and all(_stands_as(stands[leg], want) for leg, want in wants.items())
    )


def due_at(book: Book, key: str) -> int | None:
    """When there is something to do about the protection, ns UTC; None where there is not."""
    protection = book.protections[key]
    times = [owed.due_at for owed in protection_due(book, key)]
    if to_confirm(book, key) or to_settle(book, key) or is_in_force(book, key):
        times.append(protection.changed_at)
    return min(times, default=None)
