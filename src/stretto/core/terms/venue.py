"""What a venue declares of itself, and the complete view of one account that it can be asked for.

The words are those of FIX 4.4 (35=AF, order mass status; 35=AN, request for positions). Knows
nothing of how a view is compared with the book.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from stretto.core.terms.account import AccountSnapshot, PositionMode
from stretto.core.terms.report import ExecutionReport, OrderRole, OrderType, TimeInForce
from stretto.core.values import NS_PER_S, Side


class VenueCapabilities(Struct, frozen=True, kw_only=True):
    """What a venue can do and what its silence means.

    ``absence_is_proof``: an order missing from two complete views, the first taken after
    ``settle_time_ns`` past its ``send_before``, does not exist (DESIGN §4.9). ``attached_stops``:
    stop and target belong to the position; where False they are orders of their own.
    ``numeric_ids``: client order ids are decimal digits.
    """

    absence_is_proof: bool = False
    settle_time_ns: int = 60 * NS_PER_S
    attached_stops: bool = True
    replaces_orders: bool = True
    amends_protection: bool = True
    numeric_ids: bool = False
    times_in_force: tuple[TimeInForce, ...] = tuple(TimeInForce)
    position_modes: tuple[PositionMode, ...] = tuple(PositionMode)


class OrderView(Struct, frozen=True, kw_only=True):
    """One order as the venue shows it: its terms, and its state as a report (``order_status``).

    ``role`` is what the sender said it was for; ``position_id`` the position it may only reduce.
    """

    report: ExecutionReport
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    role: OrderRole
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    position_id: str = ""


class PositionView(Struct, frozen=True, kw_only=True):
    """One open position: ``quantity`` > 0 in base units on its ``side``, average in quote units."""

    position_id: str
    symbol: str
    side: Side
    quantity: Decimal
    average_price: Decimal
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class MassStatus(Struct, frozen=True, kw_only=True):
    """Everything a venue shows of one account at ``at``, the venue's own time, ns UTC.

    ``orders`` are the live ones; ``orders_done`` those that ended at or after ``since``;
    ``executions`` the trades, busts and corrections made since, as they were first reported, in
    order. ``complete`` False: the venue says that parts are missing. True is no proof either: what
    is missing from one view may be there in the next. ``account`` says whether it is tradable.
    """

    account_id: str
    venue: str
    at: int
    since: int
    complete: bool
    account: AccountSnapshot
    position_mode: PositionMode
    orders: tuple[OrderView, ...] = ()
    orders_done: tuple[OrderView, ...] = ()
    executions: tuple[ExecutionReport, ...] = ()
    positions: tuple[PositionView, ...] = ()
