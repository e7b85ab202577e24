"""What changed in an order, as a fact for the journal: the fields that differ, nothing else.

An event must not need the order machine to be understood later, and must not repeat what did not
change. Knows the order's shape only.
"""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from stretto.core.errors import check
from stretto.core.orders.order import Fill, Order, OrderState, Replacement
from stretto.core.values import ZERO


class OrderChanges(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """New values of the fields of an ``Order`` that a step changed; absent ones did not change."""

    state: OrderState | UnsetType = UNSET
    quantity: Decimal | UnsetType = UNSET
    asked_qty: Decimal | UnsetType = UNSET
    leaves_qty: Decimal | UnsetType = UNSET
    cum_qty: Decimal | UnsetType = UNSET
    overfilled_qty: Decimal | UnsetType = UNSET
    notional: Decimal | UnsetType = UNSET
    fees: Decimal | UnsetType = UNSET
    fills: tuple[Fill, ...] | UnsetType = UNSET
    inferred: Fill | UnsetType | None = UNSET
    total_qty: Decimal | UnsetType | None = UNSET
    limit_price: Decimal | UnsetType | None = UNSET
    stop_price: Decimal | UnsetType | None = UNSET
    position_id: str | UnsetType = UNSET
    venue_order_id: str | UnsetType = UNSET
    cancel_requested: bool | UnsetType = UNSET
    replacing: Replacement | UnsetType | None = UNSET
    sent_at: int | UnsetType | None = UNSET
    acknowledged_at: int | UnsetType | None = UNSET
    done_at: int | UnsetType | None = UNSET
    reported_at: int | UnsetType = UNSET
    answer_due_at: int | UnsetType | None = UNSET
    pending_since: int | UnsetType | None = UNSET
    query_at: int | UnsetType | None = UNSET
    queries: int | UnsetType = UNSET
    cancels: int | UnsetType = UNSET
    complete_at: int | UnsetType | None = UNSET
    reject_code: str | UnsetType = UNSET
    text: str | UnsetType = UNSET


MUTABLE: tuple[str, ...] = OrderChanges.__struct_fields__

_values = attrgetter(*MUTABLE)
_ZERO = ZERO.as_tuple()

check(set(MUTABLE) <= set(Order.__struct_fields__), "every change must name a field of the order")


def changes_between(before: Order, after: Order) -> OrderChanges | None:
    """The fields that differ, or None where nothing does."""
    changed: dict[str, Any] = {}
    for name, old, new in zip(MUTABLE, _values(before), _values(after), strict=True):
        if old is not new and old != new:
            changed[name] = new
    return OrderChanges(**changed) if changed else None


def apply_changes(order: Order, changes: OrderChanges) -> Order:
    """The order after the changes. A zero is the one that defaults are made of, so that a field
    which is back at its default is left out of the stored state, live as after a replay.
    """
    changed: dict[str, Any] = {}
    for name, value in zip(MUTABLE, _values(changes), strict=True):
        if value is UNSET:
            continue
        is_zero = value.__class__ is Decimal and not value and value.as_tuple() == _ZERO
        changed[name] = ZERO if is_zero else value
    return replace(order, **changed)
