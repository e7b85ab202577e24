"""One row of ``execution_results`` as it follows from events: an allocation's fate, foldable.

The fold needs nothing but the row itself, so that it can go on from what the table holds.
It mirrors ``core.evolve``; what it computes of its own are status words, volume-weighted price,
latency and slippage. Knows nothing of SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from stretto.core import events as ev
from stretto.core.order import LIVE_STATES, OrderState
from stretto.core.plan import Plan, PlannedAllocation
from stretto.core.report import OrderRole
from stretto.core.values import ZERO, Side, parse_iso
from stretto.views.schema import RESULT_FIXED, execution_results, names
from stretto.views.texts import (
    decimal_of,
    maybe_plain,
    maybe_timestamp,
    milliseconds,
    number,
    plain,
    table_json,
    timestamp,
)

COLUMNS = names(execution_results)
CHANGING = COLUMNS[RESULT_FIXED:]

_PRICE_STEP = Decimal("0.0000000001")
_PIP_STEP = Decimal("0.0001")
_LIVE = frozenset(state.value for state in LIVE_STATES)
_UNSENT = frozenset({OrderState.INITIALIZED.value, OrderState.SUBMITTING.value})
_OWN_ROLES = frozenset({OrderRole.ENTRY, OrderRole.EXIT})


class Result:
    """The changing part of one allocation. Quantities base units, times ns UTC, in ``seq`` the last
    entry that touched it. ``fixed`` are the leading columns, written once with the plan.
    """

    __slots__ = (
        "abandoned",
        "acknowledged_at",
        "arrival_price",
        "completed_at",
        "failure_reason",
        "fees",
        "filled",
        "fills",
        "first_fill_at",
        "fixed",
        "in_doubt",
        "intended",
        "intended_at",
        "is_new",
        "last_fill_at",
        "notional",
        "order_id",
        "order_state",
        "orders",
        "overfilled",
        "partial_fills",
        "pending",
        "pip",
        "recovery_actions",
        "sent_at",
        "seq",
        "sign",
        "working",
    )

    def __init__(self, fixed: tuple[Any, ...], *, is_new: bool) -> None:
        self.fixed = fixed
        self.is_new = is_new
        row = dict(zip(COLUMNS, fixed, strict=False))
        self.sign = Side(row["side"]).sign
        self.intended = Decimal(row["intended_quantity"])
        self.arrival_price = decimal_of(row["arrival_price"])
        self.pip = decimal_of(row["pip"])
        self.filled = self.working = self.in_doubt = self.abandoned = ZERO
        self.overfilled = self.notional = self.fees = ZERO
        self.pending = self.intended
        self.fills = self.partial_fills = self.orders = 0
        self.order_id = self.order_state = self.failure_reason = None
        self.recovery_actions = "[]"
        self.intended_at = self.sent_at = self.acknowledged_at = None
        self.first_fill_at = self.last_fill_at = self.completed_at = None
        self.seq = 0

    # annotations of the slots that start as None
    order_id: str | None
    order_state: str | None
    failure_reason: str | None
    intended_at: int | None
    sent_at: int | None
    acknowledged_at: int | None
    first_fill_at: int | None
    last_fill_at: int | None
    completed_at: int | None

    # --- events ---------------------------------------------------------------------------------

    def order_intended(self, event: ev.OrderIntended, at_ns: int) -> None:
        """An order was decided: its quantity leaves ``pending`` and is working (or in doubt)."""
        order = event.order
        if order.role not in _OWN_ROLES:
            return
        self.pending -= order.quantity
        self.orders += 1
        self.order_id = order.client_order_id
        self.intended_at = at_ns
        self._holds(order.state.value, order.leaves_qty)

    def order_advanced(self, event: ev.OrderAdvanced, at_ns: int) -> None:
        """The order moved. A live order reopens an allocation that had ended."""
        changes = event.changes
        state = changes.state
        if state is not UNSET:
            if state in LIVE_STATES and self.completed_at is not None:
                self.completed_at = None
                self.failure_reason = None
            if state is OrderState.IN_DOUBT and self.order_state != state.value:
                self._acts(at_ns, "held_in_doubt", {"cause": event.cause})
        if event.client_order_id != self.order_id:
            return
        if self.sent_at is None and isinstance(changes.sent_at, int):
            self.sent_at = changes.sent_at
        if self.acknowledged_at is None and isinstance(changes.acknowledged_at, int):
            self.acknowledged_at = changes.acknowledged_at
        leaves = self.working + self.in_doubt
        if changes.leaves_qty is not UNSET:
            leaves = changes.leaves_qty
        elif state is UNSET:
            return
        self._holds(self.order_state if state is UNSET else state.value, leaves)

    def fill_booked(self, event: ev.FillBooked, at_ns: int) -> None:
        """A fill of the allocation's own orders, or its bust (negative quantity)."""
        quantity = event.quantity
        self.filled += quantity - event.overfill
        self.overfilled += event.overfill
        self.notional += event.notional
        self.fees += event.fee
        if quantity > 0:
            self.fills += 1
            self.partial_fills += int(self.filled < self.intended)
            if self.first_fill_at is None:
                self.first_fill_at = at_ns
            self.last_fill_at = at_ns
        elif quantity < 0:
            self.fills -= 1

    def allocation_ended(self, event: ev.AllocationEnded, at_ns: int) -> None:
        """Nothing is pending, working or in doubt any more."""
        if event.abandoned > 0:
            self.pending = ZERO
        self.abandoned += event.abandoned
        self.completed_at = at_ns
        self.failure_reason = event.reason if self.abandoned > 0 else None
        if event.abandoned:
            detail = {"quantity": number(event.abandoned), "reason": event.reason}
            self._acts(at_ns, "abandoned", detail)

    def order_queried(self, event: ev.OrderQueried, at_ns: int) -> None:
        """The venue was asked what became of the order."""
        self._acts(at_ns, "queried", {"order_id": event.client_order_id, "attempt": event.attempt})

    def intervention_required(self, event: ev.InterventionRequired, at_ns: int) -> None:
        """The book will not go on by itself."""
        self._acts(at_ns, "intervention_required", {"reason": event.reason})

    def _holds(self, state: str | None, leaves: Decimal) -> None:
        self.order_state = state
        if state == "in_doubt":
            self.working, self.in_doubt = ZERO, leaves
        else:
            self.working, self.in_doubt = leaves, ZERO

    def _acts(self, at_ns: int, action: str, detail: dict[str, Any]) -> None:
        item = table_json({"at": timestamp(at_ns), "action": action, **detail})
        rest = self.recovery_actions[:-1]
        self.recovery_actions = f"{rest}{',' if len(rest) > 1 else ''}{item}]"

    # --- what the row says ----------------------------------------------------------------------

    @property
    def execution_status(self) -> str:
        """Where the allocation stands (docs/tables.md lists the words)."""
        state = self.order_state
        if self.filled >= self.intended:
            return "filled"
        if self.completed_at is not None:
            return "partially_filled" if self.filled > 0 else "abandoned"
        if state is None or state not in _LIVE:
            return "pending"
        if state == "in_doubt":
            return "in_doubt"
        if state in _UNSENT:
            return "sent" if self.sent_at is not None else "submitting"
        return "working"

    @property
    def fill_status(self) -> str:
        """How much of what was intended is filled."""
        if self.filled >= self.intended:
            return "complete"
        return "partial" if self.filled > 0 else "none"

    @property
    def fill_price(self) -> Decimal | None:
        """Volume-weighted price of all fills, overfill included, to ten decimals."""
        quantity = self.filled + self.overfilled
        return (self.notional / quantity).quantize(_PRICE_STEP) if quantity > 0 else None

    @property
    def latency_ns(self) -> int | None:
        """First fill, or the end without one, after the first send."""
        until = self.first_fill_at if self.first_fill_at is not None else self.completed_at
        return None if until is None or self.sent_at is None else until - self.sent_at

    def _slippage_pips(self, price: Decimal | None) -> str | None:
        if price is None or self.arrival_price is None or self.pip is None:
            return None
        worse = (price - self.arrival_price) * self.sign / self.pip
        return plain(worse.quantize(_PIP_STEP))

    # --- to and from the table ------------------------------------------------------------------

    def changing(self) -> tuple[Any, ...]:
        """Values of ``CHANGING``, in order."""
        price = self.fill_price
        latency = self.latency_ns
        return (
            self.execution_status,
            self.fill_status,
            plain(self.filled),
            plain(self.working),
            plain(self.in_doubt),
            plain(self.pending),
            plain(self.abandoned),
            plain(self.overfilled),
            plain(self.notional),
            maybe_plain(price),
            plain(self.fees),
            None if latency is None else milliseconds(latency),
            self._slippage_pips(price),
            self.fills,
            self.partial_fills,
            self.orders,
            self.order_id,
            self.order_state,
            self.failure_reason,
            self.recovery_actions,
            maybe_timestamp(self.intended_at),
            maybe_timestamp(self.sent_at),
            maybe_timestamp(self.acknowledged_at),
            maybe_timestamp(self.first_fill_at),
            maybe_timestamp(self.last_fill_at),
            maybe_timestamp(self.completed_at),
            self.seq,
        )


def planned(
    book_id: str, plan: Plan, share: PlannedAllocation, pip: Decimal | None, seq: int
) -> Result:
    """The row of an allocation as the plan made it."""
    signal, quote = plan.signal, plan.quote
    touch = None if quote is None else quote.ask if signal.side is Side.BUY else quote.bid
    fixed = (
        book_id,
        plan.execution_id,
        share.account_id,
        f"{plan.execution_id}/{share.account_id}",
        signal.symbol,
        signal.side.value,
        plain(share.position_size),
        maybe_plain(touch),
        maybe_plain(pip),
        maybe_plain(share.limit_price),
        maybe_plain(share.stop_price),
        maybe_plain(share.stop_loss),
        maybe_plain(share.take_profit),
        timestamp(share.release_at),
        timestamp(share.window_end),
    )
    result = Result(fixed, is_new=True)
    result.seq = seq
    return result


def restored(row: Sequence[Any]) -> Result:
    """The row as the table holds it (``COLUMNS``), ready to go on."""
    result = Result(tuple(row[:RESULT_FIXED]), is_new=False)
    held = dict(zip(CHANGING, row[RESULT_FIXED:], strict=True))
    for slot, column in _DECIMALS:
        setattr(result, slot, Decimal(held[column]))
    for name in ("fills", "partial_fills", "orders", "order_id", "order_state"):
        setattr(result, name, held[name])
    result.failure_reason = held["failure_reason"]
    result.recovery_actions = held["recovery_actions"]
    for name in _TIMES:
        setattr(result, name, None if held[name] is None else parse_iso(held[name]))
    result.seq = held["updated_seq"]
    return result


_DECIMALS = (
    ("filled", "filled_quantity"),
    ("working", "working_quantity"),
    ("in_doubt", "in_doubt_quantity"),
    ("pending", "pending_quantity"),
    ("abandoned", "abandoned_quantity"),
    ("overfilled", "overfilled_quantity"),
    ("notional", "notional"),
    ("fees", "fees"),
)
_TIMES = (
    "intended_at",
    "sent_at",
    "acknowledged_at",
    "first_fill_at",
    "last_fill_at",
    "completed_at",
)
