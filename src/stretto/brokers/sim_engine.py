"""The simulated venue's engine: accepts, rests, triggers, fills, closes and expires orders.

Nothing happens per tick: whatever waits for a price has one wake-up at the tick that reaches it.
Knows nothing of connections and latency; what it says goes to ``emit`` in the order it says it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from stretto.brokers import sim_reports
from stretto.brokers.sim_agenda import Agenda
from stretto.brokers.sim_book import CENT, VenueAccount, VenueOrder, VenuePosition, touch
from stretto.brokers.sim_checks import (
    beyond,
    refused_by_chance,
    refused_by_form,
    refused_by_market,
)
from stretto.brokers.sim_config import RejectCode, SimVenueConfig
from stretto.brokers.sim_market import VenueMarket, draws, identity
from stretto.core.account import AccountSnapshot, SymbolTerms
from stretto.core.errors import InvariantViolated
from stretto.core.market import Quote
from stretto.core.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrderType,
    OrdStatus,
    StatusAnswer,
    TimeInForce,
)
from stretto.core.values import ZERO, floor_to_step
from stretto.ports import CancelOrder, QueryOrder, SubmitOrder

Emit = Callable[[ExecutionReport | CancelReject | StatusAnswer, int], None]


class VenueEngine:
    """Books and matching of one venue."""

    def __init__(
        self,
        config: SimVenueConfig,
        seed: str,
        market: VenueMarket,
        accounts: Mapping[str, VenueAccount],
        agenda: Agenda,
        emit: Emit,
    ) -> None:
        self.config = config
        self.accounts = accounts
        self.orders: dict[str, VenueOrder] = {}
        self._seed = seed
        self._market = market
        self._agenda = agenda
        self._emit = emit
        self._refuses_by_chance = bool(config.requote_ppm or config.reject_ppm)

    # --- requests

    def submit(self, command: SubmitOrder, reference: Decimal | None, at: int) -> None:
        """An order arrives. ``reference``: the price that ``slippage_max`` is measured from."""
        known = self.orders.get(command.client_order_id)
        if known is not None:
            day = self._market.trading_day(at)
            self._emit(sim_reports.duplicate_report(known, at, day), at)
            return
        order = self._order(command, reference)
        self.orders[command.client_order_id] = order
        refusal = self._refusal(order, command, at)
        if refusal is not None:
            order.end(OrdStatus.REJECTED)
            order.reject_code = refusal.value
            self._say(order, ExecType.REJECTED, at)
            return
        self.accounts[order.account_id].working += 1
        self._say(order, ExecType.NEW, at)
        self._work(order, at)

    def cancel(self, command: CancelOrder, at: int) -> None:
        """A cancel request arrives."""
        order = self._known(command)
        if order is None or not order.is_live:
            account_id = command.account_id
            self._emit(
                sim_reports.cancel_reject(command.client_order_id, account_id, order, at), at
            )
            return
        self._end(order, OrdStatus.CANCELED, ExecType.CANCELED, at)

    def query(self, command: QueryOrder, at: int) -> None:
        """A status request arrives."""
        self._emit(
            sim_reports.status_answer(
                command.client_order_id,
                command.account_id,
                self._known(command),
                at,
                self._market.trading_day(at),
            ),
            at,
        )

    def snapshot(self, account_id: str, at: int) -> AccountSnapshot:
        """An account marked at ``at``."""
        account = self.accounts[account_id]
        return AccountSnapshot(
            account_id=account_id,
            at=at,
            balance=account.balance,
            equity=self._market.equity(account, at),
            margin_used=account.margin_used,
            tradable=account.tradable,
        )

    def _known(self, command: CancelOrder | QueryOrder) -> VenueOrder | None:
        order = self.orders.get(command.client_order_id)
        return order if order is not None and order.account_id == command.account_id else None

    def _order(self, command: SubmitOrder, reference: Decimal | None) -> VenueOrder:
        bound = None
        if command.slippage_max is not None and reference is not None:
            bound = reference + command.slippage_max * command.side.sign
        # What is no quantity can be refused, but not reported.
        quantity = command.quantity if command.quantity.is_finite() else ZERO
        quantity = max(ZERO, quantity)
        venue_order_id = identity("order", self._seed, command.client_order_id)
        return VenueOrder(
            client_order_id=command.client_order_id,
            venue_order_id=venue_order_id,
            account_id=command.account_id,
            symbol=command.symbol,
            side=command.side,
            order_type=command.order_type,
            time_in_force=command.time_in_force,
            quantity=quantity,
            limit_price=command.limit_price,
            stop_price=command.stop_price,
            stop_loss=command.stop_loss,
            take_profit=command.take_profit,
            slippage_bound=bound,
            closes=command.position_id,
        )

    # --- refusal

    def _refusal(self, order: VenueOrder, command: SubmitOrder, at: int) -> RejectCode | None:
        account = self.accounts.get(order.account_id)
        if account is None:
            return RejectCode.ACCOUNT_DISABLED
        refusal = refused_by_form(order, command.venue_symbol, account, self.config)
        if refusal is not None:
            return refusal
        if not self._market.is_open(at):
            return RejectCode.MARKET_CLOSED
        quote = self._market.fresh(order.symbol, at)
        if quote is None:
            return RejectCode.OFF_QUOTES
        terms = account.config.symbols[order.symbol]
        refusal = refused_by_market(order, quote, terms, self._market.tick(order.symbol))
        if refusal is not None:
            return refusal
        refusal = self._margin_refusal(order, account, quote, at)
        if refusal is not None or not self._refuses_by_chance:
            return refusal
        drawn = draws("refuse", self._seed, order.client_order_id)
        return refused_by_chance(order, self.config, drawn[0], drawn[1])

    def _margin_refusal(
        self, order: VenueOrder, account: VenueAccount, quote: Quote, at: int
    ) -> RejectCode | None:
        opening = account.opening_part(order)
        if not opening:
            return None
        required = self._market.required_margin(account, quote, order.side, opening, at)
        if required is None:
            return RejectCode.OFF_QUOTES
        if account.margin_used + required > self._market.equity(account, at):
            return RejectCode.INSUFFICIENT_MARGIN
        return None

    # --- matching

    def _work(self, order: VenueOrder, at: int) -> None:
        """Trade what can trade now, then end the order or wait for the next tick that matters."""
        if order.is_live:
            self._try(order, at)
        if order.leaves:
            stop_waits = order.stop_price is not None and not order.triggered
            if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) and not stop_waits:
                self._end(order, OrdStatus.CANCELED, ExecType.CANCELED, at)
            else:
                self._wait(order, at)

    def _try(self, order: VenueOrder, at: int) -> None:
        account = self.accounts[order.account_id]
        quote = self._market.fresh(order.symbol, at)
        if quote is None or not self._market.is_open(at):
            return
        if not self._is_triggered(order, quote):
            return
        if order.filled == 0 and order.order_type is not OrderType.MARKET:
            # A pending order was accepted on the account as it was then.
            refusal = self._margin_refusal(order, account, quote, at)
            if refusal is not None:
                self._end(order, OrdStatus.CANCELED, ExecType.CANCELED, at, refusal)
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
            held = account.positions.get(order.closes)
            wanted = min(wanted, held.quantity) if held is not None else ZERO
        taken = self._takeable(order, account.config.symbols[order.symbol], quote, wanted)
        missing = wanted
        for quantity, _ in taken:
            missing -= quantity
        if missing and order.time_in_force is TimeInForce.FOK:
            return
        for quantity, price in taken:
            self._fill(order, account, quantity, price, at)
        if not order.leaves:
            return
        if not missing:
            # Another order closed the rest of the position: there is nothing left to close.
            self._end(order, OrdStatus.CANCELED, ExecType.CANCELED, at, RejectCode.POSITION_GONE)
        elif _worst_price(order) is None and beyond(order, touch(order.side, quote)):
            self._end(order, OrdStatus.CANCELED, ExecType.CANCELED, at, RejectCode.PRICE_CHANGED)

    def _takeable(
        self, order: VenueOrder, terms: SymbolTerms, quote: Quote, wanted: Decimal
    ) -> list[tuple[Decimal, Decimal]]:
        """Quantity and price of each level the order may take of ``wanted``, best first."""
        limit = _worst_price(order)
        ladder = self._market.ladder(order.side, quote)
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
            if quantity:
                taken.append((quantity, price))
                wanted -= quantity
            place += 1
        return taken

    def _fill(
        self, order: VenueOrder, account: VenueAccount, quantity: Decimal, price: Decimal, at: int
    ) -> None:
        terms = account.config.symbols[order.symbol]
        rate = self._market.rate(order.symbol, account.config.currency, at)
        if rate is None:
            raise InvariantViolated(f"{order.symbol} trades without a conversion quote")
        fee = ZERO
        if terms.commission_per_lot:
            fee = (terms.commission_per_lot * quantity / terms.contract_size).quantize(CENT)
        order.fill(quantity, price, fee)
        held = account.fill(order, quantity, price, rate, fee)
        if not order.is_live and order.client_order_id:
            account.working -= 1
        self._emit(
            sim_reports.report(
                order, ExecType.TRADE, at, self._market.trading_day(at), quantity, price, fee
            ),
            at,
        )
        if held is None or (held.stop_loss is None and held.take_profit is None):
            return
        if not order.client_order_id and not order.is_live:
            held.closing = False  # a net position grew while its stop was closing it
            self._protect(held, order.account_id, at)
        elif not order.closes:
            self._protect(held, order.account_id, at)

    def _wait(self, order: VenueOrder, at: int) -> None:
        """One wake-up at the next tick at which the order can trade, and one at its day's end."""
        if order.time_in_force is not TimeInForce.GTC and not order.expires_at:
            order.expires_at = self._market.calendar.day_end(at)
            self._agenda.put(order.expires_at, lambda due: self._expire(order, due))
        limit = _worst_price(order)
        if order.stop_price is not None and not order.triggered:
            wake = self._market.reached(order.symbol, order.side, order.stop_price, at, stop=True)
        elif limit is not None:
            wake = self._market.reached(order.symbol, order.side, limit, at, stop=False)
        else:
            wake = self._market.feed.next_tick(order.symbol, at)
        if wake is not None:
            self._agenda.put(wake, lambda due: self._work(order, due))

    def _expire(self, order: VenueOrder, at: int) -> None:
        if order.is_live:
            self._end(order, OrdStatus.EXPIRED, ExecType.EXPIRED, at)

    def _end(
        self,
        order: VenueOrder,
        status: OrdStatus,
        exec_type: ExecType,
        at: int,
        code: RejectCode | None = None,
    ) -> None:
        order.end(status)
        if order.client_order_id:
            self.accounts[order.account_id].working -= 1
        if code is not None:
            order.reject_code = order.text = code.value
        self._say(order, exec_type, at)

    # --- attached stops

    def _protect(self, held: VenuePosition, account_id: str, at: int) -> None:
        """Wait for the position's stop or target, whichever is reached first."""
        held.armed += 1
        armed = held.armed
        side = held.side.opposite
        quote = self._market.feed.quote(held.symbol, at)
        due: int | None = None
        if quote is not None and self._hit(held, quote):
            due = at
        else:
            waits: list[int | None] = []
            if held.stop_loss is not None:
                waits.append(self._market.reached(held.symbol, side, held.stop_loss, at, stop=True))
            if held.take_profit is not None:
                waits.append(
                    self._market.reached(held.symbol, side, held.take_profit, at, stop=False)
                )
            due = min((wait for wait in waits if wait is not None), default=None)
        if due is not None:
            self._agenda.put(due, lambda now: self._leave(held, armed, account_id, now))

    def _hit(self, held: VenuePosition, quote: Quote) -> str:
        """Which of stop and target the quote has reached; the stop counts first."""
        price = touch(held.side.opposite, quote)
        sign = held.side.sign
        if held.stop_loss is not None and (price - held.stop_loss) * sign <= 0:
            return "stop_loss"
        if held.take_profit is not None and (price - held.take_profit) * sign >= 0:
            return "take_profit"
        return ""

    def _leave(self, held: VenuePosition, armed: int, account_id: str, at: int) -> None:
        """Close a position at its stop or target, as an order of the venue's own."""
        account = self.accounts[account_id]
        if armed != held.armed or held.closing or account.positions.get(held.ticket) is not held:
            return
        quote = self._market.feed.quote(held.symbol, at)
        hit = self._hit(held, quote) if quote is not None else ""
        if not hit:
            self._protect(held, account_id, at)
            return
        held.closing = True
        order = VenueOrder(
            client_order_id="",
            venue_order_id=identity(hit, self._seed, account_id, held.ticket, str(at)),
            account_id=account_id,
            symbol=held.symbol,
            side=held.side.opposite,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.GTC,
            quantity=held.quantity,
            closes=held.ticket,
            ticket=held.ticket,
            text=hit,
        )
        self._work(order, at)

    def _say(self, order: VenueOrder, exec_type: ExecType, at: int) -> None:
        self._emit(sim_reports.report(order, exec_type, at, self._market.trading_day(at)), at)


def _worst_price(order: VenueOrder) -> Decimal | None:
    """The limit of a limit order; None where any price will do."""
    limited = order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    return order.limit_price if limited else None
