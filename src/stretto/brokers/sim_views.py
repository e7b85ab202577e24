"""What the simulated venue shows of its books: records of the dump, and the view of one account.

Changes nothing in them. Knows nothing of connections.
"""

from __future__ import annotations

from stretto.brokers import sim_reports
from stretto.brokers.sim_book import VenueAccount, VenueOrder
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.report import ExecutionReport
from stretto.core.terms.venue import MassStatus, OrderView, PositionView
from stretto.core.values import plain


def mass_status(
    venue: str,
    account: VenueAccount,
    snapshot: AccountSnapshot,
    trading_day: str,
    since: int,
    after: tuple[str, str] | None,
) -> MassStatus:
    """The complete view of an account at the snapshot's time."""
    at = snapshot.at
    return MassStatus(
        account_id=snapshot.account_id,
        venue=venue,
        at=at,
        since=since,
        complete=True,
        account=snapshot,
        position_mode=account.config.position_mode,
        orders=tuple(
            _order_view(order, at, trading_day) for order in account.orders if order.is_live
        ),
        orders_done=tuple(
            _order_view(order, at, trading_day)
            for order in account.orders
            if not order.is_live and order.changed_at >= since
        ),
        executions=_executions(account, since, after),
        positions=tuple(
            PositionView(
                position_id=ticket,
                symbol=held.symbol,
                side=held.side,
                quantity=held.quantity,
                average_price=held.average,
                stop_loss=held.stop_loss,
                take_profit=held.take_profit,
            )
            for ticket, held in sorted(account.positions.items())
        ),
    )


def _order_view(order: VenueOrder, at: int, trading_day: str) -> OrderView:
    return OrderView(
        report=sim_reports.status_report(order, at, trading_day),
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        role=order.role,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        position_id=order.closes,
    )


def _executions(
    account: VenueAccount, since: int, after: tuple[str, str] | None
) -> tuple[ExecutionReport, ...]:
    for place, trade in enumerate(account.executions):
        if after is not None and (trade.trading_day, trade.exec_id) == after:
            return tuple(account.executions[place + 1 :])
    return tuple(trade for trade in account.executions if trade.transact_at >= since)


def order_record(order: VenueOrder) -> dict[str, str]:
    """An order as the venue's books show it."""
    return {
        "account_id": order.account_id,
        "venue_order_id": order.venue_order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "role": order.role.value,
        "status": order.reported_status.value,
        "quantity": plain(order.quantity),
        "cumulative_quantity": plain(order.filled),
        "leaves_quantity": plain(order.leaves),
        "average_price": plain(order.average),
        "fees": plain(order.fees),
        "reject_code": order.reject_code,
        "position_id": order.ticket,
        "text": order.text,
    }


def account_record(account: VenueAccount) -> dict[str, object]:
    """An account as the venue's books show it."""
    return {
        "currency": account.config.currency,
        "initial_balance": plain(account.config.balance),
        "balance": plain(account.balance),
        "realized": plain(account.realized),
        "fees": plain(account.fees),
        "margin_used": plain(account.margin_used),
        "tradable": account.tradable,
        "positions": {
            ticket: {
                "symbol": held.symbol,
                "quantity": plain(held.quantity * held.side.sign),
                "average_price": plain(held.average),
                "stop_loss": None if held.stop_loss is None else plain(held.stop_loss),
                "take_profit": None if held.take_profit is None else plain(held.take_profit),
            }
            for ticket, held in sorted(account.positions.items())
        },
    }
