"""What the auditor keeps: plain numbers about orders, shares, accounts and executions.

Filled from journal events and venue messages by the ``auditor_*`` modules. Must not know the
records of the book.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NoReturn

from stretto.core.orders.order import Order
from stretto.core.terms.account import Account
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.signal import Signal
from stretto.simulation.executions import Executions
from stretto.simulation.invariants import (
    FINAL,
    LEAVES_OPTIONAL,
    TERMINAL,
    UNANSWERED,
    InvariantBroken,
)

ZERO = Decimal(0)


class OrderNote:
    """One order as the journal tells it, and what its venue was heard to say of it."""

    __slots__ = (
        "account_id",
        "answer_due_at",
        "asked",
        "booked",
        "cancel_requested",
        "client_order_id",
        "complete_at",
        "cum",
        "execution_id",
        "executions",
        "fees",
        "has_stop",
        "inferred",
        "is_entry",
        "leaves",
        "life",
        "limit_price",
        "missed_at",
        "notional",
        "order_type",
        "overfilled",
        "quantity",
        "queries",
        "query_at",
        "replaced_to",
        "replaces",
        "role",
        "send_before",
        "sent_at",
        "sign",
        "state",
        "symbol",
    )  # fmt: skip

    def __init__(self, order: Order, life: int) -> None:
        self.client_order_id = order.client_order_id
        self.execution_id = order.execution_id
        self.account_id = order.account_id
        self.symbol = order.symbol
        self.sign = order.side.sign
        self.role = order.role.value
        self.is_entry = self.role == "entry"
        self.order_type = order.order_type.value
        self.quantity = self.asked = order.quantity
        self.leaves = order.leaves_qty
        self.limit_price = order.limit_price
        self.has_stop = order.stop_loss is not None
        self.cum = self.overfilled = self.notional = self.fees = self.booked = ZERO
        self.inferred = ZERO
        self.state = order.state.value
        self.send_before = order.send_before
        self.answer_due_at = order.answer_due_at
        self.query_at = order.query_at
        self.complete_at = order.complete_at
        self.queries = 0
        self.cancel_requested = False
        self.replaced_to: Decimal | None = None
        self.replaces: list[tuple[Decimal, int]] = []
        self.life = life
        self.sent_at: int | None = None
        self.missed_at: int | None = None
        self.executions = Executions()

    @property
    def is_over(self) -> bool:
        """Terminal, or done for the day with nothing left."""
        if self.state in TERMINAL:
            return True
        return self.state in ("done_for_day", "calculated") and not self.leaves

    @property
    def is_unanswered(self) -> bool:
        """No word of the venue yet."""
        return self.state in UNANSWERED

    def may_fill(self) -> Decimal:
        """What a venue may still fill of what was asked for; the larger side of a replace."""
        if self.state in FINAL or self.state in ("filled", "initialized"):
            return ZERO
        asked = self.asked
        if self.replaced_to is not None and self.replaced_to > asked:
            return max(ZERO, self.replaced_to - self.cum)
        if self.state in LEAVES_OPTIONAL and not self.leaves:
            return ZERO
        return max(ZERO, asked - self.cum)


class ShareNote:
    """One account's share of an execution; quantities base units, money account currency."""

    __slots__ = (
        "abandoned", "account_id", "armed_seq", "choices", "closing", "due_at", "ended", "excess",
        "execution_id", "filled", "first", "gap_ns", "has_stop", "held", "hops", "intended",
        "is_exit", "key", "margin", "margin_first", "orders", "overfilled", "pending",
        "release_at", "risk", "risk_first", "stop", "symbol", "window_end",
    )  # fmt: skip

    def __init__(self, execution_id: str, account_id: str, symbol: str, quantity: Decimal) -> None:
        self.key = f"{execution_id}/{account_id}"
        self.execution_id = execution_id
        self.account_id = account_id
        self.symbol = symbol
        self.armed_seq = 0
        self.first = self.intended = self.pending = quantity
        self.filled = self.overfilled = self.abandoned = self.excess = ZERO
        self.margin = self.risk = self.margin_first = self.risk_first = ZERO
        self.orders: list[OrderNote] = []
        self.choices: dict[str, int] = {}
        self.is_exit = self.has_stop = False
        # price it is planned to enter at, and its stop, as far as both are known
        self.stop: tuple[Decimal, Decimal] | None = None
        self.hops = 0
        self.gap_ns = 0
        self.release_at = self.window_end = 0
        self.due_at: int | None = None
        self.held = self.ended = self.closing = ""


class ExecutionNote:
    """The handling of one signal."""

    __slots__ = ("awaits", "closes", "intended", "paused", "shares", "sign", "signal", "status")

    def __init__(self, signal: Signal, closes: str, awaits: bool) -> None:
        self.signal = signal
        self.sign = signal.side.sign
        self.closes = closes
        self.awaits = awaits
        self.paused = False
        self.status = ""
        self.shares: dict[str, ShareNote] = {}
        self.intended = ZERO


class AccountNote:
    """What bars an account, and what is set aside in it."""

    __slots__ = (
        "anchor", "equity", "excluded", "filled_at", "halted", "highest", "margin", "order_day",
        "orders_today", "risk", "tradable", "unconfirmed", "unreconciled", "viewed_at",
    )  # fmt: skip

    def __init__(self) -> None:
        self.halted = self.excluded = ""
        self.unreconciled = "never"
        self.tradable = True
        self.margin = self.risk = self.unconfirmed = ZERO
        self.filled_at = 0
        self.order_day = self.orders_today = 0
        self.equity: Decimal | None = None
        self.highest = ZERO
        self.viewed_at = 0
        self.anchor: tuple[int, Decimal, Decimal] | None = None


class PositionNote:
    """What one execution holds in one account, signed base units."""

    __slots__ = ("quantity", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.quantity = ZERO


class Model:
    """Everything that the auditor keeps of one seed."""

    def __init__(self, config: BookConfig) -> None:
        self.config = config
        self.seq = 0
        self.at = 0
        self.life = 1
        self.orders: dict[str, OrderNote] = {}
        self.shares: dict[str, ShareNote] = {}
        self.executions: dict[str, ExecutionNote] = {}
        self.accounts: dict[str, AccountNote] = {}
        self.positions: dict[tuple[str, str], PositionNote] = {}
        self.dismissed: dict[tuple[str, str, str], Decimal] = {}
        self.asked_ever: dict[str, None] = {}
        self.closed: dict[tuple[str, str, str], None] = {}
        self.asked: dict[str, tuple[str, str, str]] = {}
        self.kills: dict[tuple[str, str], None] = {}
        self.circuits: dict[str, tuple[str, str]] = {}
        self.throttled: dict[str, int] = {}
        self.calendars: dict[str, SessionTable] = {}
        self.waiting: dict[str, dict[str, None]] = {}
        self.fired: dict[str, int] = {}
        self.released: dict[str, tuple[int, int]] = {}
        self.seen: dict[tuple[str, str, str], str] = {}
        self.closes: dict[tuple[str, str, str], Decimal] = {}
        self.excess_tries: dict[str, str] = {}
        # why an account has to be halted by the end of the entry
        self.flagged: dict[str, tuple[int, str]] = {}
        # touched since the last time that book and journal stood at the same entry
        self.touched_shares: dict[str, None] = {}
        self.touched_orders: dict[str, None] = {}
        self.touched_accounts: dict[str, None] = {}
        self.touched_positions: dict[tuple[str, str], None] = {}

    def account(self, account_id: str) -> AccountNote:
        """The note of an account, made where there is none yet."""
        found = self.accounts.get(account_id)
        if found is None:
            found = self.accounts[account_id] = AccountNote()
        return found

    def has_own_stops(self, account_id: str) -> bool:
        """True where the account's venue attaches no stops: they are orders."""
        account = self.config.accounts.get(account_id)
        declared = None if account is None else self.config.capabilities.get(account.venue)
        return declared is not None and not declared.attached_stops

    def configured(self, account_id: str) -> Account | None:
        """The account's configuration in force."""
        return self.config.accounts.get(account_id)

    def share_of(self, execution_id: str, account_id: str) -> ShareNote:
        """The share that an event names, noted as touched."""
        key = f"{execution_id}/{account_id}"
        share = self.shares.get(key)
        if share is None:
            self.broken(2, f"an event is about {key}, which no plan made")
        self.touched_shares[key] = None
        return share

    def order(self, client_order_id: str) -> OrderNote:
        """The order that an event names, noted as touched."""
        order = self.orders.get(client_order_id)
        if order is None:
            self.broken(14, f"an event is about order {client_order_id}, which was never intended")
        self.touched_orders[client_order_id] = None
        return order

    def broken(self, number: int, text: str) -> NoReturn:
        """Raise what does not hold."""
        raise InvariantBroken(number, text, self.seq)
