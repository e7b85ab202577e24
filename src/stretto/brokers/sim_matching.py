"""The simulated venue's matching: orders trade, rest, trigger, fill, end and expire.

Nothing happens per tick: whatever waits for a price has one wake-up at the tick that reaches it.
Knows nothing of requests, connections and latency; what it says goes to ``emit`` in the order it
says it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from msgspec.structs import replace

from stretto.brokers import sim_reports
from stretto.brokers.sim_agenda import Agenda
from stretto.brokers.sim_book import CENT, VenueAccount, VenueOrder, touch
from stretto.brokers.sim_checks import beyond
from stretto.brokers.sim_config import RejectCode
from stretto.brokers.sim_market import VenueMarket
from stretto.brokers.sim_protection import Protection
from stretto.core.errors import InvariantViolated
from stretto.core.terms.account import SymbolTerms
from stretto.core.terms.market import Quote
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrderType,
    OrdStatus,
    ProtectionAnswer,
    StatusAnswer,
    TimeInForce,
)
from stretto.core.values import NS_PER_S, ZERO, floor_to_step

Said = ExecutionReport | CancelReject | StatusAnswer | ProtectionAnswer
Emit = Callable[[Said, int], None]


class Acts(Protocol):
    """What the venue does to orders of its own accord."""

    def shown(self, order: VenueOrder, quantity: Decimal, level: int, at: int) -> Decimal:
        """How much of a level's ``quantity`` (0 is the touch) this order gets."""
        ...

    def after_fill(
        self, order: VenueOrder, account: VenueAccount, trade: ExecutionReport, at: int
    ) -> None:
        """A trade was booked and reported."""
        ...


class Matching:
    """What becomes of the accepted orders of one venue."""

    def __init__(
        self,
        seed: str,
        market: VenueMarket,
        accounts: Mapping[str, VenueAccount],
        agenda: Agenda,
        emit: Emit,
        *,
        exec_ids_daily: bool,
    ) -> None:
        self.acts: Acts | None = None
        self.accounts = accounts
        self.market = market
        self.protection = Protection(seed, market, accounts, agenda, self.work)
        self._agenda = agenda
        self._emit = emit
        self._exec_ids_daily = exec_ids_daily

    def margin_refusal(
        self, order: VenueOrder, account: VenueAccount, quote: Quote, at: int
    ) -> RejectCode | None:
        """Insufficient margin for what the order would open, or no quote to tell by."""
        opening = account.opening_part(order)
        if not opening:
            return None
        required = self.market.required_margin(account, quote, order.side, opening, at)
        if required is None:
            return RejectCode.OFF_QUOTES
        if account.margin_used + required > self.market.equity(account, at):
            return RejectCode.INSUFFICIENT_MARGIN
        return None

    def work(self, order: VenueOrder, at: int) -> None:
        """Trade what can trade now, then end the order or wait for the next tick that matters."""
        if order.is_live:
            self._try(order, at)
        if order.leaves:
            stop_waits = order.stop_price is not None and not order.triggered
            if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) and not stop_waits:
                self.end(order, OrdStatus.CANCELED, ExecType.CANCELED, at)
            else:
                self._wait(order, at)

    def _try(self, order: VenueOrder, at: int) -> None:
        account = self.accounts[order.account_id]
        quote = self.market.fresh(order.symbol, at)
        if quote is None or not self.market.is_open(order.symbol, at):
            return
        if not self._is_triggered(order, quote):
            return
        if order.filled == 0 and order.order_type is not OrderType.MARKET:
            # A pending order was accepted on the account as it was then.
            refusal = self.margin_refusal(order, account, quote, at)
            if refusal is not None:
                self.end(order, OrdStatus.CANCELED, ExecType.CANCELED, at, refusal)
                return
        self._trade(order, account, quote, at)

    def _is_triggered(self, order: VenueOrder, quote: Quote) -> bool:
        """False for a stop that was not reached yet."""
        if order.stop_price is not None and not order.triggered:
            order.triggered = (touch(order.side, quote) - order.stop_price) * order.side.sign >= 0
            return order.triggered
        return True

    def _trade(self, order: VenueOrder, account: VenueAccount, quote: Quote, at: int) -> None:
        """Take levels, best first, until the order is done or its limit is reached."""
        wanted = order.leaves
        if order.closes:
            wanted = account.closing_part(order, wanted)
        taken = self._takeable(order, account.config.symbols[order.symbol], quote, wanted, at)
        missing = wanted
        for quantity, _ in taken:
            missing -= quantity
        if missing and order.time_in_force is TimeInForce.FOK:
            return
        for quantity, price in taken:
            self.fill(order, account, quantity, price, at)
        if not order.leaves:
            return
        if not missing:
            # Another order closed the rest of the position: there is nothing left to close.
            self.end(order, OrdStatus.CANCELED, ExecType.CANCELED, at, RejectCode.POSITION_GONE)
        elif _worst_price(order) is None and beyond(order, touch(order.side, quote)):
            self.end(order, OrdStatus.CANCELED, ExecType.CANCELED, at, RejectCode.PRICE_CHANGED)

    def _takeable(
        self, order: VenueOrder, terms: SymbolTerms, quote: Quote, wanted: Decimal, at: int
    ) -> list[tuple[Decimal, Decimal]]:
        """Quantity and price of each level the order may take of ``wanted``, best first."""
        limit = _worst_price(order)
        ladder = self.market.ladder(order.side, quote)
        taken: list[tuple[Decimal, Decimal]] = []
        place = 0
        while wanted and (level := ladder.level(place)) is not None:
            price, lots = level
            if limit is not None and (limit - price) * order.side.sign < 0:
                break
            if beyond(order, price):
                break
            shown = lots * terms.contract_size
            quantity = wanted if shown >= wanted else floor_to_step(shown, terms.step)
            if self.acts is not None:
                quantity = self.acts.shown(order, quantity, place, at)
            if quantity:
                taken.append((quantity, price))
                wanted -= quantity
            place += 1
        return taken

    def fill(
        self,
        order: VenueOrder,
        account: VenueAccount,
        quantity: Decimal,
        price: Decimal,
        at: int,
        *,
        beyond_leaves: bool = False,
    ) -> ExecutionReport:
        """Trade a quantity at a price, in every book, and report it. ``beyond_leaves``: also what
        the order does not ask for any more.
        """
        terms = account.config.symbols[order.symbol]
        rate = self.market.rate(order.symbol, account.config.currency, at)
        if rate is None:
            raise InvariantViolated(f"{order.symbol} trades without a conversion quote")
        fee = ZERO
        if terms.commission_per_lot:
            fee = (terms.commission_per_lot * quantity / terms.contract_size).quantize(CENT)
        was_live = order.is_live
        order.fill(quantity, price, fee, beyond_leaves=beyond_leaves)
        margin_rate = self.market.margin_rate(account, order.symbol, at)
        held = account.fill(order, quantity, price, rate, fee, margin_rate)
        if was_live and not order.is_live and order.client_order_id:
            account.working -= 1
        trade = self._traded(order, account, ExecType.TRADE, at, quantity, price, fee)
        closed = not order.client_order_id and not order.is_live
        if held is not None:
            if closed:
                held.closing = False  # a net position grew while its stop was closing it
            is_watched = held.stop_loss is not None or held.take_profit is not None
            if is_watched and (closed or (order.client_order_id and not order.closes)):
                self.protection.arm(held, order.account_id, at)
        if self.acts is not None:
            self.acts.after_fill(order, account, trade, at)
        return trade

    def bust(self, order: VenueOrder, trade: ExecutionReport, at: int) -> bool:
        """Undo a trade in every book, as if it had never been; a filled order works again (FIX 4.4
        Appendix D, J.1). False where the position has moved on, and nothing is undone.
        """
        account = self.accounts[order.account_id]
        if not account.holds_all_of(order, trade.last_qty):
            return False
        was_live = order.is_live
        order.undo(trade.last_qty, trade.last_px, trade.fee)
        account.undo(order, trade.last_qty, trade.last_px, trade.fee)
        if order.is_live and not was_live:
            account.working += 1
        self._traded(order, account, ExecType.TRADE_CANCEL, at, trade.last_qty, ZERO, ZERO, trade)
        if order.is_live:
            self._agenda.put(at + NS_PER_S, lambda due: self.work(order, due))
        return True

    def correct(
        self, order: VenueOrder, trade: ExecutionReport, price: Decimal, at: int
    ) -> ExecutionReport | None:
        """Change the price of a trade in every book; None where the position has moved on."""
        account = self.accounts[order.account_id]
        if not account.holds_all_of(order, trade.last_qty):
            return None
        order.notional += (price - trade.last_px) * trade.last_qty
        account.reprice(order, trade.last_qty, price - trade.last_px)
        return self._traded(
            order, account, ExecType.TRADE_CORRECT, at, trade.last_qty, price, trade.fee, trade
        )

    def _traded(
        self,
        order: VenueOrder,
        account: VenueAccount,
        exec_type: ExecType,
        at: int,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        of: ExecutionReport | None = None,
    ) -> ExecutionReport:
        """Report a trade, or what became of one, and keep the report."""
        order.changed_at = at
        day = self.market.trading_day(at)
        ref = "" if of is None else of.exec_id
        made = sim_reports.report(order, exec_type, at, day, quantity, price, fee, ref)
        made = self._numbered(made)
        account.executions.append(made)
        self._emit(made, at)
        return made

    def _wait(self, order: VenueOrder, at: int) -> None:
        """One wake-up at the next tick at which the order can trade, and one at its day's end."""
        if order.time_in_force is not TimeInForce.GTC and not order.expires_at:
            order.expires_at = self.market.calendar.day_end(at)
            self._agenda.put(order.expires_at, lambda due: self._expire(order, due))
        limit = _worst_price(order)
        if order.stop_price is not None and not order.triggered:
            wake = self.market.reached(order.symbol, order.side, order.stop_price, at, stop=True)
        elif limit is not None:
            wake = self.market.reached(order.symbol, order.side, limit, at, stop=False)
        else:
            wake = self.market.feed.next_tick(order.symbol, at)
        order.armed += 1
        armed = order.armed
        if wake is not None:
            self._agenda.put(wake, lambda due: self._wake(order, armed, due))

    def _wake(self, order: VenueOrder, armed: int, at: int) -> None:
        if armed == order.armed:
            self.work(order, at)

    def _expire(self, order: VenueOrder, at: int) -> None:
        if order.is_live:
            self.end(order, OrdStatus.EXPIRED, ExecType.EXPIRED, at)

    def end(
        self,
        order: VenueOrder,
        status: OrdStatus,
        exec_type: ExecType,
        at: int,
        code: RejectCode | None = None,
    ) -> None:
        """Nothing of the order trades any more; report it."""
        order.end(status)
        order.pending = None
        if order.client_order_id:
            self.accounts[order.account_id].working -= 1
        if code is not None:
            order.reject_code = order.text = code.value
        self.say(order, exec_type, at)

    def say(self, order: VenueOrder, exec_type: ExecType, at: int) -> None:
        """Report the order as it is now."""
        order.changed_at = at
        made = sim_reports.report(order, exec_type, at, self.market.trading_day(at))
        self._emit(self._numbered(made), at)

    def _numbered(self, report: ExecutionReport) -> ExecutionReport:
        account = self.accounts.get(report.account_id)
        if not self._exec_ids_daily or account is None:
            return report
        return replace(report, exec_id=account.next_exec_id(report.trading_day))


def _worst_price(order: VenueOrder) -> Decimal | None:
    """The limit of a limit order; None where any price will do."""
    limited = order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    return order.limit_price if limited else None
