"""What the simulated venue does to orders, accounts and symbols of its own accord.

Real actions, all of them: the venue's books contain every one. Knows nothing of the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from stretto.brokers.sim_agenda import Agenda
from stretto.brokers.sim_book import VenueAccount, VenueOrder, touch
from stretto.brokers.sim_config import RejectCode
from stretto.brokers.sim_faults import FaultKind, Faults, share
from stretto.brokers.sim_matching import Matching
from stretto.core.terms.report import (
    ExecType,
    ExecutionReport,
    OrderRole,
    OrderType,
    OrdStatus,
    TimeInForce,
)
from stretto.core.values import NS_PER_MS, ONE, ZERO, floor_to_step, plain

_REJECTS = (RejectCode.OFF_QUOTES, RejectCode.TOO_MANY_ORDERS, RejectCode.OTHER)


class VenueFaults:
    """Hooks of the engine and the matching, called as requests arrive and orders trade."""

    def __init__(
        self,
        faults: Faults,
        matching: Matching,
        accounts: Mapping[str, VenueAccount],
        agenda: Agenda,
    ) -> None:
        self._faults = faults
        self._matching = matching
        self._market = matching.market
        self._accounts = accounts
        self._agenda = agenda
        self._limited_until = 0
        self._suspended_until: dict[str, int] = {}
        # By order: until when, and up to what quantity filled, it is shown any size.
        self._thin: dict[str, tuple[int, Decimal]] = {}

    # --- accounts and symbols

    def arriving(self, order: VenueOrder, at: int) -> None:
        """An order arrives. What befalls its account or symbol does so before it is looked at, or
        while it is on its way to its end.
        """
        order_id = order.client_order_id
        account = self._accounts.get(order.account_id)
        if account is None or order.symbol not in account.config.symbols:
            return
        if (drawn := self._faults.strikes(FaultKind.SUSPENSION, order_id, at)) is not None:
            until = self._faults.until(at, 30, 900, drawn[1])
            self._soon(drawn[0], at, lambda due: self._suspend(account, until, due))
        if (drawn := self._faults.strikes(FaultKind.MARGIN_CHANGE, order_id, at)) is not None:
            until = self._faults.until(at, 10, 120, drawn[1])
            self._market.margin_rates[order.symbol] = (until, ONE)
        if (drawn := self._faults.strikes(FaultKind.SESSION_END, order_id, at)) is not None:
            until = self._faults.until(at, 30, 600, drawn[1])
            self._soon(drawn[0], at, lambda due: self._end_session(order.symbol, until, due))
        if order.stop_loss is not None:
            drawn = self._faults.strikes(FaultKind.STOPS_WIDENED, order_id, at)
            quote = self._market.feed.quote(order.symbol, at)
            if drawn is not None and quote is not None:
                distance = abs(touch(order.side.opposite, quote) - order.stop_loss)
                percent = 105 + (drawn[1] * 96 >> 64)
                tick = self._market.tick(order.symbol)
                wider = floor_to_step(distance * percent / 100, tick) + tick
                until = self._faults.until(at, 10, 120, drawn[0])
                self._market.stops_widened[order.symbol] = (until, wider)

    def _soon(self, draw: int, at: int, call: Callable[[int], None]) -> None:
        """At once, or within three seconds."""
        if draw & 1:
            call(at)
        else:
            self._agenda.put(self._faults.until(at, 0.05, 3, draw), call)

    def _suspend(self, account: VenueAccount, until: int, at: int) -> None:
        name = account.config.account_id
        if at >= until:
            return
        account.tradable = False
        self._suspended_until[name] = max(until, self._suspended_until.get(name, 0))
        self._agenda.put(until, lambda due: self._restore(account, due))

    def _restore(self, account: VenueAccount, at: int) -> None:
        if at >= self._suspended_until[account.config.account_id]:
            account.tradable = True

    def _end_session(self, symbol: str, until: int, at: int) -> None:
        """No trading in a symbol for a while; its day orders expire, as at any session's end."""
        if at >= until:
            return
        self._market.closed_until[symbol] = max(until, self._market.closed_until.get(symbol, 0))
        for name in sorted(self._accounts):
            for order in self._accounts[name].orders:
                is_of_day = order.time_in_force is TimeInForce.DAY and order.symbol == symbol
                if is_of_day and order.is_live:
                    self._matching.end(order, OrdStatus.EXPIRED, ExecType.EXPIRED, at)

    # --- orders on arrival

    def refusal(self, order: VenueOrder, at: int) -> RejectCode | None:
        """A refusal that nothing in the order explains."""
        order_id = order.client_order_id
        if at >= self._limited_until:
            drawn = self._faults.strikes(FaultKind.RATE_LIMIT, order_id, at)
            if drawn is not None:
                self._limited_until = self._faults.until(at, 1, 15, drawn[0])
        if at < self._limited_until:
            wait_ms = -((at - self._limited_until) // NS_PER_MS)
            order.text = f"retry_after_ms={wait_ms}"
            return RejectCode.RATE_LIMITED
        if order.order_type is OrderType.MARKET:
            quote = self._market.feed.quote(order.symbol, at)
            is_requoted = self._faults.strikes(FaultKind.REQUOTE, order_id, at) is not None
            if is_requoted and quote is not None:
                order.text = f"price={plain(touch(order.side, quote))}"
                return RejectCode.PRICE_CHANGED
        drawn = self._faults.strikes(FaultKind.CHANCE_REJECT, order_id, at)
        return None if drawn is None else _REJECTS[drawn[0] % len(_REJECTS)]

    def accepted(self, order: VenueOrder, at: int) -> None:
        """An order was acknowledged and has not traded yet."""
        order_id = order.client_order_id
        drawn = self._faults.strikes(FaultKind.PARTIAL_FILL, order_id, at)
        if drawn is not None:
            step = self._accounts[order.account_id].config.symbols[order.symbol].step
            quota = share(int(order.quantity // step), 10, 90, drawn[0]) * step
            self._thin[order_id] = (self._faults.until(at, 1, 900, drawn[1]), quota)
        drawn = self._faults.strikes(FaultKind.UNSOLICITED_CANCEL, order_id, at)
        if drawn is not None:
            if drawn[0] & 1:
                self._cancel(order, at)
            else:
                due = self._faults.until(at, 0.1, 10, drawn[1])
                self._agenda.put(due, lambda now: self._cancel(order, now))

    def _cancel(self, order: VenueOrder, at: int) -> None:
        if order.is_live:
            order.text = "canceled by the venue"
            self._matching.end(order, OrdStatus.CANCELED, ExecType.CANCELED, at)

    # --- trading

    def shown(self, order: VenueOrder, quantity: Decimal, level: int, at: int) -> Decimal:
        """All of it, or what a thin market leaves of the touch."""
        until, quota = self._thin.get(order.client_order_id, (0, ZERO))
        if at >= until:
            return quantity
        return ZERO if level else max(ZERO, min(quantity, quota - order.filled))

    def after_fill(
        self, order: VenueOrder, account: VenueAccount, trade: ExecutionReport, at: int
    ) -> None:
        """What follows a trade: more than was asked for, less than was said, the position gone."""
        order_id = order.client_order_id
        if order.role is not OrderRole.ENTRY or order.closes or not order_id:
            return
        step = account.config.symbols[order.symbol].step
        if order.status is OrdStatus.FILLED and order.filled == order.quantity:
            drawn = self._faults.strikes(FaultKind.OVERFILL, order_id, at)
            if drawn is not None:
                beyond = share(int(order.quantity // step), 5, 50, drawn[0]) * step
                self._matching.fill(order, account, beyond, trade.last_px, at, beyond_leaves=True)
        subject = f"{order_id} {trade.exec_id}"
        if (drawn := self._faults.strikes(FaultKind.TRADE_BUST, subject, at)) is not None:
            due = self._faults.until(at, 1, 60, drawn[0])
            self._agenda.put(due, lambda now: self._bust(order, trade, now))
        elif (drawn := self._faults.strikes(FaultKind.TRADE_CORRECTION, subject, at)) is not None:
            ticks = 1 + drawn[1] % 5
            change = self._market.tick(order.symbol) * (ticks if drawn[2] & 1 else -ticks)
            due = self._faults.until(at, 1, 60, drawn[0])
            self._agenda.put(due, lambda now: self._correct(order, trade, change, now))
        if not order.leaves:
            drawn = self._faults.strikes(FaultKind.VENUE_CLOSE, subject, at)
            if drawn is not None:
                text = "stop_out" if drawn[1] & 1 else "manual"
                due = self._faults.until(at, 5, 300, drawn[0])
                self._agenda.put(due, lambda now: self._close(account, order.ticket, text, now))

    def _bust(self, order: VenueOrder, trade: ExecutionReport, at: int) -> None:
        self._matching.bust(order, trade, at)

    def _correct(self, order: VenueOrder, trade: ExecutionReport, change: Decimal, at: int) -> None:
        self._matching.correct(order, trade, trade.last_px + change, at)

    def _close(self, account: VenueAccount, ticket: str, text: str, at: int) -> None:
        held = account.positions.get(ticket)
        if held is not None and not held.closing:
            self._matching.protection.close(held, account.config.account_id, text, at)

    # --- cancels

    def cancelling(self, order: VenueOrder, at: int) -> None:
        """A cancel arrives at a live order, which may trade before it is looked at."""
        drawn = self._faults.strikes(FaultKind.FILL_CANCEL_RACE, order.client_order_id, at)
        if drawn is not None:
            self._trade(order, order.leaves, drawn, at)

    def canceled(self, order: VenueOrder, left: Decimal, at: int) -> None:
        """An order was canceled with something left, some of which may have traded before."""
        drawn = self._faults.strikes(FaultKind.LATE_FILL, order.client_order_id, at)
        if drawn is not None:
            due = self._faults.until(at, 0.2, 5, drawn[2])
            self._agenda.put(due, lambda now: self._trade(order, left, drawn, now))

    def _trade(self, order: VenueOrder, left: Decimal, drawn: tuple[int, ...], at: int) -> None:
        """Trade all or half of what is, or was, left, where the market would have it."""
        account = self._accounts[order.account_id]
        quote = self._market.fresh(order.symbol, at)
        waits = order.stop_price is not None and not order.triggered
        if quote is None or waits or not self._market.is_open(order.symbol, at):
            return
        step = account.config.symbols[order.symbol].step
        quantity = left if drawn[0] & 1 else max(step, floor_to_step(left / 2, step))
        if order.closes:
            quantity = account.closing_part(order, quantity)
        is_limited = order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        price = touch(order.side, quote)
        if is_limited and order.limit_price is not None:
            price = order.limit_price
        if quantity:
            self._matching.fill(order, account, quantity, price, at, beyond_leaves=True)
