"""Execution reports, cancel rejects and status answers as the simulated venue words them.

An execution id is the venue's order id and the report's number within the order, so that it does
not depend on what other orders do. Knows nothing of matching.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.brokers.sim_book import VenueOrder
from stretto.brokers.sim_config import RejectCode
from stretto.core.terms.report import (
    CancelReject,
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
    exec_ref_id: str = "",
) -> ExecutionReport:
    """The order's next report; ``exec_ref_id`` names the trade that was busted or corrected."""
    order.reports += 1
    number = str(order.reports)
    made = _report(order, exec_type, at_ns, trading_day, number, last_qty, last_px, fee)
    return replace(made, exec_ref_id=exec_ref_id) if exec_ref_id else made


def status_report(order: VenueOrder, at_ns: int, trading_day: str) -> ExecutionReport:
    """The order as a view of the whole account shows it; leaves no trace in the order."""
    number = f"M{at_ns}"
    return _report(order, ExecType.ORDER_STATUS, at_ns, trading_day, number, ZERO, ZERO, ZERO)


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


def request_reject(
    client_order_id: str,
    account_id: str,
    order: VenueOrder | None,
    at_ns: int,
    code: str,
    *,
    for_replace: bool,
) -> CancelReject:
    """Why a cancel or replace is not done; of an unknown order the status is rejected, as FIX says.

    ``code``: a CancelRejectReason, or the RejectCode of what was asked for.
    """
    return CancelReject(
        client_order_id=client_order_id,
        account_id=account_id,
        ord_status=OrdStatus.REJECTED if order is None else order.reported_status,
        transact_at=at_ns,
        for_replace=for_replace,
        reject_code=code,
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
        ord_status=order.reported_status,
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
