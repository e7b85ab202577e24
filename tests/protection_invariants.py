"""What holds of stops and targets that are orders of their own, between any two inputs."""

from __future__ import annotations

from stretto.core.book import Book, allocation_key
from stretto.core.orders.order import Order, OrderState
from stretto.core.orders.order_table import TERMINAL
from stretto.core.protective import protecting
from stretto.core.terms.protection import PROTECTIVE

DAY_ENDED = (OrderState.DONE_FOR_DAY, OrderState.CALCULATED)


def is_over(order: Order) -> bool:
    return order.state in TERMINAL or (order.state in DAY_ENDED and not order.leaves_qty)


def owed(book: Book) -> dict[str, int]:
    """The timers of what is owed."""
    found = {key: protecting.due_at(book, key) for key in book.protections}
    return {f"protect:{key}": at for key, at in found.items() if at is not None}


def stand_apart(book: Book) -> None:
    """They belong to no allocation, and no leg has two that nobody asked to go (but for one that a
    bust brought back).
    """
    live: dict[str, list[str]] = {key: [] for key in book.protections}
    for order in book.orders.values():
        if order.role in PROTECTIVE:
            key = allocation_key(order.execution_id, order.account_id)
            assert order.client_order_id not in book.allocations[key].order_ids
            live[key] += [] if is_over(order) else [order.client_order_id]
    for key, protection in book.protections.items():
        assert sorted(protection.order_ids) == sorted(live[key])
        stays = [book.orders[name] for name in live[key]]
        legs = [(o.role, o.position_id) for o in stays if not o.cancel_requested]
        assert len(legs) - len(set(legs)) <= sum(bool(o.fills) for o in stays), "one of a leg"
