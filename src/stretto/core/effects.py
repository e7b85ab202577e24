"""Effects: what the book wants done in the world, in the imperative (DESIGN §3).

A submit or replace is performed at most once, ever; cancels, queries and amended stops may repeat.
Knows nothing of how a venue is spoken to.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.terms.report import OrderRole, OrderType, TimeInForce
from stretto.core.values import Side


class SubmitOrder(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, gc=False
):
    """Place one venue order. Quantities in base units; ``send_before`` (ns UTC) is checked
    immediately before the socket write: past it nothing may leave the process.
    """

    client_order_id: str
    account_id: str
    venue: str
    symbol: str
    venue_symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    send_before: int
    role: OrderRole = OrderRole.ENTRY
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    slippage_max: Decimal | None = None
    position_id: str = ""


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Ask the venue to cancel what is left of an order. ``venue_order_id`` is stated for one that
    is not the book's: that very order is meant, whether or not it has a ``client_order_id``.
    """

    client_order_id: str
    account_id: str
    venue: str
    venue_order_id: str = ""


class QueryOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask the venue what it knows of an order."""

    client_order_id: str
    account_id: str
    venue: str


class ReplaceOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Change what is left of a resting order. ``quantity`` is the whole order quantity, not the
    remainder, in base units; a price of None stays as it is. ``send_before`` as for a submit.
    """

    client_order_id: str
    account_id: str
    venue: str
    quantity: Decimal
    send_before: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class AmendProtection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Set the stop and target attached to a position; None removes one. ``client_order_id`` is the
    request's own id and no order's; without ``position_id`` the account's net position in
    ``symbol`` is meant. The same levels may be set twice.
    """

    client_order_id: str
    account_id: str
    venue: str
    symbol: str
    send_before: int
    position_id: str = ""
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


Command = SubmitOrder | CancelOrder | QueryOrder | ReplaceOrder | AmendProtection
