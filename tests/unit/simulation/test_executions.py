"""The auditor's sums over the executions of one order."""

from __future__ import annotations

from decimal import Decimal

from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.simulation.executions import Executions


def _report(kind: ExecType, exec_id: str, day: int, at: int, quantity: int) -> ExecutionReport:
    return ExecutionReport(
        client_order_id="order",
        account_id="acc-1",
        exec_id=exec_id,
        exec_type=kind,
        ord_status=OrdStatus.PARTIALLY_FILLED,
        cum_qty=Decimal(0),
        leaves_qty=Decimal(0),
        avg_px=Decimal(0),
        order_qty=Decimal(17),
        trading_day=f"2024-03-{day}",
        transact_at=at,
        last_qty=Decimal(quantity),
        last_px=Decimal(1),
        exec_ref_id="E1" if kind is ExecType.TRADE_CANCEL else "",
    )


_FIRST = _report(ExecType.TRADE, "E1", 13, 1, 10)
_BUST = _report(ExecType.TRADE_CANCEL, "E9", 13, 2, 10)
_SECOND = _report(ExecType.TRADE, "E1", 14, 3, 7)
_BUST_OF_SECOND = _report(ExecType.TRADE_CANCEL, "E9", 14, 4, 7)


def test_a_bust_means_the_newest_execution_of_its_id_and_no_later_one() -> None:
    for order in (
        (_FIRST, _BUST, _SECOND),
        (_FIRST, _SECOND, _BUST),
        (_BUST, _SECOND, _FIRST),
    ):
        executions = Executions()
        for report in order:
            executions.take(report)
        assert executions.sums.quantity == 7
        executions.take(_BUST_OF_SECOND)
        assert executions.sums.quantity == executions.sums.notional == 0
