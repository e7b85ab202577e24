"""What a venue shows of one account, built by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from stretto.core.orders.order import TERMINAL, Order
from stretto.core.orders.order_table import STATE_OF_STATUS
from stretto.core.terms.account import AccountSnapshot, PositionMode
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.venue import MassStatus, OrderView, PositionView
from stretto.core.values import ZERO, Side


def a_view(account_id: str, at: int, **changes: Any) -> MassStatus:
    """A complete view of an account in which there is nothing but money."""
    view = MassStatus(
        account_id=account_id,
        venue="sim",
        at=at,
        since=0,
        complete=True,
        account=AccountSnapshot(
            account_id=account_id,
            at=at,
            balance=Decimal(100_000),
            equity=Decimal(100_000),
            margin_used=ZERO,
        ),
        position_mode=PositionMode.HEDGING,
    )
    return replace(view, **changes)


def shown(
    order: Order, status: OrdStatus, at: int, cum: Decimal | int = 0, **changes: Any
) -> OrderView:
    """An order as a view shows it."""
    cum = Decimal(cum)
    is_over = STATE_OF_STATUS[status] in TERMINAL
    report = ExecutionReport(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        exec_id=f"m{at}",
        exec_type=ExecType.ORDER_STATUS,
        ord_status=status,
        cum_qty=cum,
        leaves_qty=ZERO if is_over else order.quantity - cum,
        avg_px=Decimal("1.10010") if cum else ZERO,
        order_qty=order.quantity,
        trading_day="2024-03-15",
        transact_at=at,
    )
    return OrderView(
        report=replace(report, **changes),
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        role=order.role,
    )


def a_position(
    quantity: Decimal | int, symbol: str = "EURUSD", side: Side = Side.BUY, ticket: str = "T"
) -> PositionView:
    """An open position; ``quantity`` > 0 in base units."""
    return PositionView(
        position_id=ticket,
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        average_price=Decimal("1.1"),
    )
