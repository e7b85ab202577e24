"""Execution reports, cancel rejects and status answers as the simulated venue words them.

An execution id is the venue's order id and the report's number within the order, so that it does
not depend on what other orders do. Knows nothing of matching.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.brokers.sim_book import VenueOrder
from stretto.brokers.sim_config import RejectCode
from stretto.core.report import (
    CancelReject,
    CancelRejectReason,
    ExecType,
    ExecutionReport,
    OrdStatus,
    StatusAnswer,
)
from stretto.core.values import ZERO


def report(
    order: VenueOrder,
    exec_type: ExecType,
    at_ns: int,
    trading_day: str,
    last_qty: Decimal = ZERO,
    last_px: Decimal = ZERO,
    fee: Decimal = ZERO,
) -> ExecutionReport:
    """The order's next report."""
    order.reports += 1
    return _report(order, exec_type, at_ns, trading_day, str(order.reports), last_qty, last_px, fee)


def duplicate_report(order: VenueOrder, at_ns: int, trading_day: str) -> ExecutionReport:
    """The refusal of a second order under a known client order id; it says nothing of the first."""
    order.answers += 1
    return ExecutionReport(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        exec_id=f"{order.venue_order_id}-D{order.answers}",
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        cum_qty=ZERO,
        leaves_qty=ZERO,
        avg_px=ZERO,
        order_qty=order.quantity,
        trading_day=trading_day,
        transact_at=at_ns,
        reject_code=RejectCode.DUPLICATE_ORDER.value,
        text="this client order id was used before",
    )


def status_answer(
    client_order_id: str, account_id: str, order: VenueOrder | None, at_ns: int, trading_day: str
) -> StatusAnswer:
    """What the venue knows of an order now."""
    known = None
    if order is not None:
        order.answers += 1
        number = f"S{order.answers}"
        known = _report(order, ExecType.ORDER_STATUS, at_ns, trading_day, number, ZERO, ZERO, ZERO)
    return StatusAnswer(
        client_order_id=client_order_id,
        account_id=account_id,
        known=known is not None,
        transact_at=at_ns,
        report=known,
    )


def cancel_reject(
    client_order_id: str, account_id: str, order: VenueOrder | None, at_ns: int
) -> CancelReject:
    """Why a cancel cannot be done; of an unknown order the status is rejected, as FIX says."""
    unknown = order is None
    reason = CancelRejectReason.UNKNOWN_ORDER if unknown else CancelRejectReason.TOO_LATE
    return CancelReject(
        client_order_id=client_order_id,
        account_id=account_id,
        ord_status=OrdStatus.REJECTED if order is None else order.status,
        transact_at=at_ns,
        for_replace=False,
        reject_code=reason.value,
    )


def _report(
    order: VenueOrder,
    exec_type: ExecType,
    at_ns: int,
    trading_day: str,
    number: str,
    last_qty: Decimal,
    last_px: Decimal,
    fee: Decimal,
) -> ExecutionReport:
    return ExecutionReport(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        exec_id=f"{order.venue_order_id}-{number}",
        exec_type=exec_type,
        ord_status=order.status,
        cum_qty=order.filled,
        leaves_qty=order.leaves,
        avg_px=order.average,
        order_qty=order.quantity,
        trading_day=trading_day,
        transact_at=at_ns,
        last_qty=last_qty,
        last_px=last_px,
        fee=fee,
        venue_order_id=order.venue_order_id,
        position_id=order.ticket,
        reject_code=order.reject_code,
        text=order.text,
    )
