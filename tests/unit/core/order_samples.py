"""Orders in every state and messages of every kind, for the order machine's tests."""

from __future__ import annotations

from decimal import Decimal

from stretto.core.orders.order import (
    Message,
    Order,
    OrderInput,
    OrderState,
    Replacement,
    intend,
    step,
)
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrderRole,
    OrderType,
    OrdStatus,
    StatusAnswer,
)
from stretto.core.values import Side

QUANTITY = Decimal(10_000)
PRICE = Decimal("1.25")


def an_order(quantity: Decimal = QUANTITY) -> Order:
    """A market buy in state initialized."""
    return intend(
        client_order_id="ABCDEFGHIJKLMNOPQRST",
        execution_id="EXECUTION",
        account_id="account",
        leg=1,
        role=OrderRole.ENTRY,
        symbol="EURUSD",
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=quantity,
        created_at=0,
        send_before=2,
    )


def a_report(
    exec_type: ExecType,
    ord_status: OrdStatus,
    cum: int | Decimal = 0,
    *,
    last: int | Decimal = 0,
    price: Decimal = PRICE,
    average: Decimal | None = None,
    fee: Decimal = Decimal(0),
    exec_id: str = "",
    ref: str = "",
    at: int = 10,
    order_qty: Decimal = QUANTITY,
    leaves: Decimal | None = None,
    day: str = "2026-03-02",
) -> ExecutionReport:
    """A report with totals that add up unless told otherwise."""
    total = Decimal(cum)
    ended = ord_status in (OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED)
    rest = Decimal(0) if ended else max(Decimal(0), order_qty - total)
    return ExecutionReport(
        client_order_id="ABCDEFGHIJKLMNOPQRST",
        account_id="account",
        exec_id=exec_id or f"{exec_type.value}-{at}",
        exec_type=exec_type,
        ord_status=ord_status,
        cum_qty=total,
        leaves_qty=rest if leaves is None else leaves,
        avg_px=(price if average is None else average) if total else Decimal(0),
        order_qty=order_qty,
        trading_day=day,
        transact_at=at,
        last_qty=Decimal(last),
        last_px=price if last else Decimal(0),
        fee=fee,
        exec_ref_id=ref,
    )


def a_trade(quantity: int, cum: int, exec_id: str, at: int = 10) -> ExecutionReport:
    """A fill of ``quantity`` that brings the order to ``cum``."""
    status = OrdStatus.FILLED if cum >= QUANTITY else OrdStatus.PARTIALLY_FILLED
    return a_report(ExecType.TRADE, status, cum, last=quantity, exec_id=exec_id, at=at)


def a_reject(status: OrdStatus, *, for_replace: bool = False, at: int = 20) -> CancelReject:
    """The refusal of a cancel or replace."""
    return CancelReject(
        client_order_id="ABCDEFGHIJKLMNOPQRST",
        account_id="account",
        ord_status=status,
        transact_at=at,
        for_replace=for_replace,
    )


def an_answer(report: ExecutionReport | None, at: int = 30) -> StatusAnswer:
    """The answer to a query; None where the venue does not know the order."""
    return StatusAnswer(
        client_order_id="ABCDEFGHIJKLMNOPQRST",
        account_id="account",
        known=report is not None,
        transact_at=at,
        report=report,
    )


def played(order: Order, *messages: Message) -> Order:
    """The order after the messages, one nanosecond apart."""
    for at, message in enumerate(messages, start=1):
        order = step(order, message, at).order
    return order


def in_state(state: OrderState) -> Order:
    """An order that came to ``state`` the usual way; 4,000 of 10,000 filled where it may be."""
    sent = (OrderInput.SUBMIT, OrderInput.SENT)
    new = a_report(ExecType.NEW, OrdStatus.NEW, at=5)
    part = a_trade(4_000, 4_000, "first", at=6)
    ways: dict[OrderState, tuple[Message, ...]] = {
        OrderState.INITIALIZED: (),
        OrderState.SUBMITTING: sent,
        OrderState.IN_DOUBT: (*sent, OrderInput.OUTCOME_UNKNOWN),
        OrderState.PENDING_NEW: (
            *sent,
            a_report(ExecType.PENDING_NEW, OrdStatus.PENDING_NEW, at=4),
        ),
        OrderState.NEW: (*sent, new),
        OrderState.PARTIALLY_FILLED: (*sent, new, part),
        OrderState.PENDING_CANCEL: (*sent, new, part, OrderInput.CANCEL_REQUESTED),
        OrderState.PENDING_REPLACE: (*sent, new, part, Replacement(quantity=Decimal(8_000))),
        OrderState.FILLED: (*sent, new, part, a_trade(6_000, 10_000, "second", at=7)),
        OrderState.REJECTED: (*sent, a_report(ExecType.REJECTED, OrdStatus.REJECTED, at=7)),
        OrderState.DEAD: (OrderInput.SUBMIT, OrderInput.NOT_SENT),
    }
    if state not in ways:
        name = state.value
        last = a_report(ExecType(name), OrdStatus(name), 4_000, at=7)
        ways[state] = (*sent, new, part, last)
    order = played(an_order(), *ways[state])
    assert order.state is state
    return order


def a_message(order: Order, kind: OrderInput) -> Message:
    """A message that the machine reads as ``kind`` for an order from ``in_state``."""
    cum = order.cum_qty
    at = order.reported_at + 1
    reports: dict[OrderInput, ExecutionReport] = {
        OrderInput.PARTIAL_FILL: a_report(
            ExecType.TRADE,
            OrdStatus.PARTIALLY_FILLED,
            cum + 1_000,
            last=1_000,
            exec_id="more",
            at=at,
        ),
        OrderInput.FULL_FILL: a_report(
            ExecType.TRADE,
            OrdStatus.FILLED,
            max(QUANTITY, cum),
            last=max(QUANTITY - cum, Decimal(1)),
            exec_id="rest",
            at=at,
        ),
        OrderInput.BUST: a_report(
            ExecType.TRADE_CANCEL, OrdStatus.PARTIALLY_FILLED, 0, ref="first", at=at
        ),
        OrderInput.CORRECTION: a_report(
            ExecType.TRADE_CORRECT,
            OrdStatus.PARTIALLY_FILLED,
            cum,
            last=3_000,
            ref="first",
            exec_id="corrected",
            at=at,
        ),
        OrderInput.STATUS_KNOWN: a_report(
            ExecType.ORDER_STATUS, OrdStatus.PARTIALLY_FILLED, cum, at=at
        ),
        OrderInput.STATUS_UNKNOWN: a_report(
            ExecType.ORDER_STATUS, OrdStatus.REJECTED, 0, order_qty=Decimal(0), at=at
        ),
        OrderInput.REPLACED: a_report(
            ExecType.REPLACED, OrdStatus.PARTIALLY_FILLED, cum, order_qty=QUANTITY * 2, at=at
        ),
        OrderInput.RESTATED: a_report(
            ExecType.RESTATED, OrdStatus.PARTIALLY_FILLED, cum, order_qty=QUANTITY * 2, at=at
        ),
    }
    if kind in reports:
        return reports[kind]
    if kind is OrderInput.REPLACE_REQUESTED:
        return Replacement(quantity=Decimal(12_000))
    if kind in (OrderInput.CANCEL_REJECTED, OrderInput.REPLACE_REJECTED):
        is_replace = kind is OrderInput.REPLACE_REJECTED
        return a_reject(OrdStatus.PARTIALLY_FILLED, for_replace=is_replace, at=at)
    if kind.value in [exec_type.value for exec_type in ExecType]:
        return a_report(ExecType(kind.value), OrdStatus(kind.value), cum, at=at)
    return kind
