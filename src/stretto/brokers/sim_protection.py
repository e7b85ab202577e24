"""Stops and targets attached to positions of the simulated venue, and closes of its own accord.

The venue closes by an order of its own, which has no client order id. Knows nothing of how that
order trades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stretto.brokers.sim_agenda import Agenda
from stretto.brokers.sim_book import VenueAccount, VenueOrder, VenuePosition, net_ticket, touch
from stretto.brokers.sim_checks import refused_protection
from stretto.brokers.sim_config import RejectCode
from stretto.brokers.sim_market import VenueMarket, identity
from stretto.core.effects import AmendProtection
from stretto.core.terms.market import Quote
from stretto.core.terms.report import OrderRole, OrderType, ProtectionAnswer, TimeInForce
from stretto.core.terms.venue import VenueCapabilities

_ROLES = {"stop_loss": OrderRole.STOP_LOSS, "take_profit": OrderRole.TAKE_PROFIT}


class Protection:
    """Watches the attached stops of one venue; ``work`` trades the orders it makes."""

    def __init__(
        self,
        seed: str,
        market: VenueMarket,
        accounts: Mapping[str, VenueAccount],
        agenda: Agenda,
        work: Callable[[VenueOrder, int], None],
    ) -> None:
        self.orders: list[VenueOrder] = []
        self._seed = seed
        self._market = market
        self._accounts = accounts
        self._agenda = agenda
        self._work = work

    def arm(self, held: VenuePosition, account_id: str, at: int) -> None:
        """Wait for the position's stop or target, whichever is reached first, from now on."""
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
        account = self._accounts[account_id]
        if armed != held.armed or held.closing or account.positions.get(held.ticket) is not held:
            return
        quote = self._market.feed.quote(held.symbol, at)
        hit = self._hit(held, quote) if quote is not None else ""
        if not hit:
            self.arm(held, account_id, at)
            return
        self.close(held, account_id, hit, at)

    def close(self, held: VenuePosition, account_id: str, text: str, at: int) -> None:
        """Close a position at market for the reason ``text``."""
        held.closing = True
        order = VenueOrder(
            client_order_id="",
            venue_order_id=identity(text, self._seed, account_id, held.ticket, str(at)),
            account_id=account_id,
            symbol=held.symbol,
            side=held.side.opposite,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.GTC,
            quantity=held.quantity,
            role=_ROLES.get(text, OrderRole.EXIT),
            closes=held.ticket,
            ticket=held.ticket,
            text=text,
        )
        self.orders.append(order)
        self._work(order, at)

    # --- amending

    def amend(
        self, command: AmendProtection, capabilities: VenueCapabilities, at: int
    ) -> ProtectionAnswer:
        """Set a position's stop and target, or say why not."""
        account = self._accounts.get(command.account_id)
        ticket = command.position_id
        if account is not None and account.nets and not ticket:
            ticket = net_ticket(command.symbol)
        held = None if account is None else account.positions.get(ticket)
        refusal = self._refusal(command, account, held, capabilities, at)
        if refusal is None and held is not None:
            held.stop_loss, held.take_profit = command.stop_loss, command.take_profit
            self.arm(held, command.account_id, at)
        return ProtectionAnswer(
            client_order_id=command.client_order_id,
            account_id=command.account_id,
            position_id=ticket,
            accepted=refusal is None,
            transact_at=at,
            stop_loss=None if held is None else held.stop_loss,
            take_profit=None if held is None else held.take_profit,
            reject_code="" if refusal is None else refusal.value,
        )

    def _refusal(
        self,
        command: AmendProtection,
        account: VenueAccount | None,
        held: VenuePosition | None,
        capabilities: VenueCapabilities,
        at: int,
    ) -> RejectCode | None:
        if account is None or not account.tradable:
            return RejectCode.ACCOUNT_DISABLED
        if not (capabilities.attached_stops and capabilities.amends_protection):
            return RejectCode.NOT_SUPPORTED
        if held is None or held.closing:
            return RejectCode.POSITION_GONE
        if held.symbol != command.symbol:
            return RejectCode.INVALID_ORDER
        if not self._market.is_open(held.symbol, at):
            return RejectCode.MARKET_CLOSED
        quote = self._market.fresh(held.symbol, at)
        if quote is None:
            return RejectCode.OFF_QUOTES
        terms = account.config.symbols[held.symbol]
        tick = self._market.tick(held.symbol)
        least = self._market.stop_distance(held.symbol, terms.stop_distance_min, at)
        return refused_protection(held, command.stop_loss, command.take_profit, quote, least, tick)
