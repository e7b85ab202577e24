"""What the executions of one order come to, added up from reports alone and in any order.

A bust voids an execution and all that corrects it; of several corrections the newest counts. Must
not know how the book adds them up.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from stretto.core.terms.report import ExecType, ExecutionReport

_ZERO = Decimal(0)


class Sums(NamedTuple):
    """Quantity in base units, Σ price times quantity, fees in account money."""

    quantity: Decimal
    notional: Decimal
    fees: Decimal


class _Trade:
    __slots__ = ("at", "day", "exec_id", "fee", "price", "quantity", "ref")

    def __init__(self, report: ExecutionReport, ref: str) -> None:
        self.exec_id = report.exec_id
        self.day = report.trading_day
        self.quantity = report.last_qty
        self.price = report.last_px
        self.fee = report.fee
        self.at = report.transact_at
        self.ref = ref


class Executions:
    """The executions of one order. ``told`` is the largest total that the venue ever named,
    ``newest`` the one it named last by its own clock.
    """

    __slots__ = ("_newest_at", "_sums", "_trades", "_void", "newest", "reverses", "told")

    def __init__(self) -> None:
        self._trades: list[_Trade] = []
        self._void: dict[tuple[str, int], None] = {}
        self._sums = Sums(_ZERO, _ZERO, _ZERO)
        self.told = self.newest = _ZERO
        self._newest_at = -1
        self.reverses = False

    @property
    def sums(self) -> Sums:
        """Over all that count."""
        return self._sums

    def take(self, report: ExecutionReport) -> None:
        """One report about the order; a known execution changes nothing."""
        self.told = max(self.told, report.cum_qty)
        if report.transact_at > self._newest_at:
            self._newest_at, self.newest = report.transact_at, report.cum_qty
        elif report.transact_at == self._newest_at:
            self.newest = min(self.newest, report.cum_qty)
        kind = report.exec_type
        if kind is ExecType.TRADE and report.last_qty:
            if self._is_known(report):
                return
            self._trades.append(_Trade(report, ""))
            if not self.reverses:
                quantity, notional, fees = self._sums
                self._sums = Sums(
                    quantity + report.last_qty,
                    notional + report.last_qty * report.last_px,
                    fees + report.fee,
                )
                return
        elif kind is ExecType.TRADE_CANCEL:
            self._void[report.exec_ref_id or report.exec_id, report.transact_at] = None
        elif kind is ExecType.TRADE_CORRECT:
            if self._is_known(report):
                return
            self._trades.append(_Trade(report, report.exec_ref_id))
        else:
            return
        self.reverses = True
        self._sums = self._added_up()

    def _is_known(self, report: ExecutionReport) -> bool:
        return any(
            trade.exec_id == report.exec_id and trade.day == report.trading_day
            for trade in self._trades
        )

    def _added_up(self) -> Sums:
        chains: dict[str, list[_Trade]] = {}
        for place, trade in enumerate(self._trades):
            root = self._root(trade)
            name = root if trade.ref else f"{root}#{place}"
            chains.setdefault(self._chain_of(root, name), []).append(trade)
        void = [self._voided(exec_id, at) for exec_id, at in self._void]
        refused = [exec_id for exec_id, _ in self._void]
        quantity = notional = fees = _ZERO
        for trades in chains.values():
            if any(trade in void or trade.ref in refused for trade in trades):
                continue
            last = max(trades, key=lambda t: (bool(t.ref), t.at))
            quantity += last.quantity
            notional += last.quantity * last.price
            fees += last.fee
        return Sums(quantity, notional, fees)

    def _voided(self, exec_id: str, at: int) -> _Trade | None:
        """The trade that a bust at venue time ``at`` means: a day may give an earlier day's id."""
        named = [trade for trade in self._trades if trade.exec_id == exec_id]
        before = [trade for trade in named if trade.at <= at]
        return max(before or named, key=lambda trade: trade.at, default=None)

    def _root(self, trade: _Trade) -> str:
        name, by_id = trade.exec_id, {each.exec_id: each for each in self._trades}
        ref = trade.ref
        for _ in self._trades:
            if not ref:
                break
            name = ref
            ref = by_id[ref].ref if ref in by_id else ""
        return name

    def _chain_of(self, root: str, name: str) -> str:
        """Executions of one id on several days are apart; a correction belongs to the last."""
        places = [p for p, t in enumerate(self._trades) if t.exec_id == root and not t.ref]
        if "#" in name or not places:
            return name
        return f"{root}#{places[-1]}"
