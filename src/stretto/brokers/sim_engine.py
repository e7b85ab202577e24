"""The simulated venue's engine: takes requests, refuses or accepts them, and answers.

Knows nothing of connections and latency; what it says goes to ``emit`` in the order it says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from stretto.brokers import sim_reports
from stretto.brokers.sim_agenda import Agenda
from stretto.brokers.sim_book import VenueAccount, VenueOrder, net_ticket
from stretto.brokers.sim_checks import (
    refused_by_chance,
    refused_by_form,
    refused_by_market,
    refused_replace,
)
from stretto.brokers.sim_config import RejectCode, SimVenueConfig
from stretto.brokers.sim_faults import Faults
from stretto.brokers.sim_faults_venue import VenueFaults
from stretto.brokers.sim_market import VenueMarket, draws, identity
from stretto.brokers.sim_matching import Emit, Matching
from stretto.brokers.sim_views import mass_status
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.report import (
    CancelRejectReason,
    ExecType,
    OrderRole,
    OrdStatus,
)
from stretto.core.terms.venue import MassStatus
from stretto.core.values import ZERO, plain
from stretto.ports import AmendProtection, CancelOrder, QueryOrder, ReplaceOrder, SubmitOrder


class VenueEngine:
    """Books and requests of one venue."""

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
        self.market = market
        self.orders: dict[str, VenueOrder] = {}
        self.matching = Matching(
            seed, market, accounts, agenda, emit, exec_ids_daily=config.exec_ids_daily
        )
        self._faults: VenueFaults | None = None
        self._seed = seed
        self._agenda = agenda
        self._emit = emit
        self._refuses_by_chance = bool(config.requote_ppm or config.reject_ppm)

    def misbehave(self, faults: Faults) -> None:
        """Let what the faults say happen to orders, accounts and symbols."""
        self._faults = VenueFaults(faults, self.matching, self.accounts, self._agenda)
        self.matching.acts = self._faults

    # --- requests

    def submit(self, command: SubmitOrder, reference: Decimal | None, at: int) -> None:
        """An order arrives. ``reference``: the price that ``slippage_max`` is measured from."""
        known = self.orders.get(command.client_order_id)
        if known is not None:
            day = self.market.trading_day(at)
            self._emit(sim_reports.duplicate_report(known, at, day), at)
            return
        order = self._order(command, reference)
        self.orders[command.client_order_id] = order
        if self._faults is not None:
            self._faults.arriving(order, at)
        # Only now: what ends the orders of a session must not end one that is not yet accepted.
        account = self.accounts.get(order.account_id)
        if account is not None:
            account.orders.append(order)
        refusal = self._refusal(order, command, at)
        if refusal is not None:
            order.end(OrdStatus.REJECTED)
            order.reject_code = refusal.value
            self.matching.say(order, ExecType.REJECTED, at)
            return
        self.accounts[order.account_id].working += 1
        self.matching.say(order, ExecType.NEW, at)
        if self._faults is not None:
            self._faults.accepted(order, at)
        self.matching.work(order, at)

    def cancel(self, command: CancelOrder, at: int) -> None:
        """A cancel request arrives."""
        order = self._known(command)
        if order is None or not order.is_live:
            self._reject_request(command, order, at)
            return
        if order.pending is OrdStatus.PENDING_CANCEL:
            self._reject_request(command, order, at, CancelRejectReason.ALREADY_PENDING)
            return
        if self._faults is not None:
            self._faults.cancelling(order, at)
        decided_at = self._decided_at(order, at)
        if decided_at == at or not order.is_live:
            self._cancel(command, order, at)
            return
        order.pending = OrdStatus.PENDING_CANCEL
        self.matching.say(order, ExecType.PENDING_CANCEL, at)
        self._agenda.put(decided_at, lambda due: self._cancel(command, order, due))

    def _cancel(self, command: CancelOrder, order: VenueOrder, at: int) -> None:
        if not order.is_live:
            self._reject_request(command, order, at)
            return
        left = order.leaves
        self.matching.end(order, OrdStatus.CANCELED, ExecType.CANCELED, at)
        if self._faults is not None:
            self._faults.canceled(order, left, at)

    def replace(self, command: ReplaceOrder, at: int) -> None:
        """A replace request arrives: one at a time, and none while a cancel is pending (FIX 4.4
        Appendix D, D.2).
        """
        order = self._known(command)
        if order is None or not order.is_live:
            self._reject_request(command, order, at)
            return
        if order.pending is not None:
            self._reject_request(command, order, at, CancelRejectReason.ALREADY_PENDING)
            return
        decided_at = self._decided_at(order, at)
        if decided_at == at:
            self._replace(command, order, at)
            return
        order.pending = OrdStatus.PENDING_REPLACE
        self.matching.say(order, ExecType.PENDING_REPLACE, at)
        self._agenda.put(decided_at, lambda due: self._replace(command, order, due))

    def _replace(self, command: ReplaceOrder, order: VenueOrder, at: int) -> None:
        """Decide a replace. A quantity of no more than what is filled leaves a filled order."""
        if order.pending is OrdStatus.PENDING_REPLACE:
            order.pending = None
        if not order.is_live:
            self._reject_request(command, order, at)
            return
        refusal = self._replaced(command, order, at)
        if refusal is not None:
            self._reject_request(command, order, at, refusal)
            return
        if not order.leaves:
            self.accounts[order.account_id].working -= 1
        self.matching.say(order, ExecType.REPLACED, at)
        self.matching.work(order, at)

    def amend(self, command: AmendProtection, at: int) -> None:
        """A request to set the stop and target of a position arrives."""
        protection = self.matching.protection
        self._emit(protection.amend(command, self.config.capabilities, at), at)

    def query(self, command: QueryOrder, at: int) -> None:
        """A status request arrives."""
        self._emit(
            sim_reports.status_answer(
                command.client_order_id,
                command.account_id,
                self._known(command),
                at,
                self.market.trading_day(at),
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
            equity=self.market.equity(account, at),
            margin_used=account.margin_used,
            tradable=account.tradable,
        )

    def mass_status(
        self, account_id: str, at: int, since: int, after: tuple[str, str] | None
    ) -> MassStatus:
        """Everything about an account at ``at``."""
        return mass_status(
            self.config.venue,
            self.accounts[account_id],
            self.snapshot(account_id, at),
            self.market.trading_day(at),
            since,
            after,
        )

    def _known(self, command: CancelOrder | QueryOrder | ReplaceOrder) -> VenueOrder | None:
        order = self.orders.get(command.client_order_id)
        if isinstance(command, CancelOrder) and command.venue_order_id:
            account = self.accounts.get(command.account_id)
            named = [] if account is None else account.orders
            order = next((o for o in named if o.venue_order_id == command.venue_order_id), None)
        return order if order is not None and order.account_id == command.account_id else None

    def _decided_at(self, order: VenueOrder, at: int) -> int:
        """When the venue decides a cancel or replace that arrives at ``at``."""
        least, most = self.config.deciding_ns
        if not most:
            return at
        drawn = draws("decide", self._seed, order.client_order_id, str(at))[0]
        return at + least + ((most - least + 1) * drawn >> 64)

    def _reject_request(
        self,
        command: CancelOrder | ReplaceOrder,
        order: VenueOrder | None,
        at: int,
        code: CancelRejectReason | RejectCode = CancelRejectReason.TOO_LATE,
    ) -> None:
        self._emit(
            sim_reports.request_reject(
                command.client_order_id,
                command.account_id,
                order,
                at,
                (CancelRejectReason.UNKNOWN_ORDER if order is None else code).value,
                for_replace=isinstance(command, ReplaceOrder),
            ),
            at,
        )

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
            role=command.role,
            limit_price=command.limit_price,
            stop_price=command.stop_price,
            stop_loss=command.stop_loss,
            take_profit=command.take_profit,
            slippage_bound=bound,
            closes=self._closes(command),
        )

    def _closes(self, command: SubmitOrder) -> str:
        """The position the order may only reduce: the one it names, or, where an account holds one
        net position a symbol, that one for whatever is no entry.
        """
        account = self.accounts.get(command.account_id)
        if command.position_id or command.role is OrderRole.ENTRY or account is None:
            return command.position_id
        return net_ticket(command.symbol) if account.nets else ""

    # --- refusal

    def _refusal(self, order: VenueOrder, command: SubmitOrder, at: int) -> RejectCode | None:
        account = self.accounts.get(order.account_id)
        if account is None:
            return RejectCode.ACCOUNT_DISABLED
        refusal = refused_by_form(order, command.venue_symbol, account, self.config)
        if refusal is None and self._faults is not None:
            refusal = self._faults.refusal(order, at)
        if refusal is not None:
            return refusal
        if not self.market.is_open(order.symbol, at):
            return RejectCode.MARKET_CLOSED
        quote = self.market.fresh(order.symbol, at)
        if quote is None:
            return RejectCode.OFF_QUOTES
        terms = account.config.symbols[order.symbol]
        least = self.market.stop_distance(order.symbol, terms.stop_distance_min, at)
        refusal = refused_by_market(order, quote, least, self.market.tick(order.symbol))
        if refusal is RejectCode.INVALID_STOPS:
            order.text = f"stop_distance_min={plain(least)}"
        if refusal is not None:
            return refusal
        refusal = self.matching.margin_refusal(order, account, quote, at)
        if refusal is not None or not self._refuses_by_chance:
            return refusal
        drawn = draws("refuse", self._seed, order.client_order_id)
        return refused_by_chance(order, self.config, drawn[0], drawn[1])

    def _replaced(self, command: ReplaceOrder, order: VenueOrder, at: int) -> RejectCode | None:
        """Give the order its new terms, or say what is wrong with them and leave it as it was."""
        if not command.quantity.is_finite() or command.quantity <= 0:
            return RejectCode.INVALID_VOLUME
        if order.triggered and command.stop_price is not None:
            return RejectCode.INVALID_ORDER
        before = order.terms
        order.set_terms(command.quantity, command.limit_price, command.stop_price)
        refusal = self._replace_refusal(order, at)
        if refusal is not None:
            order.restore(before)
        return refusal

    def _replace_refusal(self, order: VenueOrder, at: int) -> RejectCode | None:
        account = self.accounts[order.account_id]
        tick = self.market.tick(order.symbol)
        refusal = refused_replace(order, account, self.config, tick)
        if refusal is not None:
            return refusal
        if not self.market.is_open(order.symbol, at):
            return RejectCode.MARKET_CLOSED
        quote = self.market.fresh(order.symbol, at)
        if quote is None:
            return RejectCode.OFF_QUOTES
        return self.matching.margin_refusal(order, account, quote, at)
