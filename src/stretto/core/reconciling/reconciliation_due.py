"""When an account is compared with its venue again, and from when on a view has to tell.

Follows from the book alone, so that it survives a restart. Knows nothing of what is compared.
"""

from __future__ import annotations

from stretto.core.book import Book, allocation_key
from stretto.core.limits import (
    RECONCILE_AT_REST_NS,
    RECONCILE_OPEN_NS,
    VIEW_OVERLAP_NS,
    VIEW_SPAN_NS_MAX,
)
from stretto.core.orders.order import Order, is_done
from stretto.core.orders.order_table import RESTING, UNANSWERED


def live_orders(book: Book, account_id: str) -> list[Order]:
    """The account's orders that are not over, in order of intent."""
    count = book.ledgers[account_id].open_orders
    if not count:
        return []
    found = []
    for execution_id in book.entering.get(account_id, {}):
        allocation = book.allocations[allocation_key(execution_id, account_id)]
        found += [book.orders[name] for name in allocation.order_ids]
    found += _protective(book, account_id)
    found = [order for order in found if not is_done(order)]
    if len(found) != count:
        orders = book.orders.values()
        found = [o for o in orders if o.account_id == account_id and not is_done(o)]
    return sorted(found, key=lambda order: (order.created_at, order.client_order_id))


def _protective(book: Book, account_id: str) -> list[Order]:
    """Stops and targets of what the account holds."""
    found: list[Order] = []
    for execution_id in book.positions.get(account_id, {}) if book.protections else ():
        protection = book.protections.get(allocation_key(execution_id, account_id))
        found += [book.orders[name] for name in (protection.order_ids if protection else ())]
    return found


def is_open(book: Book, account_id: str) -> bool:
    """True where something of the account is working, in doubt or pending, not yet compared to the
    end, to be proven flat, or cancelled though not the book's. A stop or target that rests is none
    of these.
    """
    ledger = book.ledgers.get(account_id)
    if ledger is None:
        return False
    rests = sum(1 for order in _protective(book, account_id) if order.state in RESTING)
    if (
        ledger.open_orders > rests
        or ledger.unreconciled
        or ledger.flattening
        or any(each.cancels and each.account_id == account_id for each in book.strangers.values())
        or book.entering.get(account_id)
    ):
        return True
    held = book.reconciled.get(account_id)
    return held is not None and any(not each.confirmed for each in held.suspects)


def interval_ns(book: Book, account_id: str) -> int:
    """How long after a view the next one is due."""
    return RECONCILE_OPEN_NS if is_open(book, account_id) else RECONCILE_AT_REST_NS


def since(book: Book, account_id: str, at_ns: int) -> int:
    """From when on a view has to show what ended and what was executed, ns UTC: from before the
    last one taken in, and from before any order in doubt.
    """
    held = book.reconciled.get(account_id)
    doubtful = [o for o in live_orders(book, account_id) if held is None or o.state in UNANSWERED]
    starts = [order.created_at for order in doubtful]
    if held is not None:
        starts.append(held.view_at)
    if not starts:
        return at_ns  # what was before the book is not its business
    return max(0, min(starts) - VIEW_OVERLAP_NS, at_ns - VIEW_SPAN_NS_MAX)
