"""One row of ``execution_results`` as it follows from events: an allocation's fate, foldable.

The fold needs nothing but the tables, so that it can go on from what they hold. It mirrors
``core.evolve``; what it computes of its own are status words, volume-weighted price, latency and
slippage. Knows nothing of SQL.
"""

from __future__ import annotations

from decimal import Decimal
from operator import itemgetter
from typing import Any

from msgspec import UNSET

from stretto.core import events as ev
from stretto.core.orders.order_changes import apply_changes
from stretto.core.orders.order_record import Order, open_quantity
from stretto.core.orders.order_table import LIVE_STATES, OrderState
from stretto.core.terms.report import OrderRole
from stretto.core.values import ZERO, Side, plain
from stretto.views.actions import Acted, action_of
from stretto.views.schema import (
    RESULT_MOVING,
    RESULT_RELEASE,
    RESULT_SETTLING,
    execution_results,
    names,
)
from stretto.views.texts import decimal_of, maybe_plain, milliseconds, number, table_json, timestamp

COLUMNS = names(execution_results)
RELEASE = COLUMNS[RESULT_RELEASE:RESULT_MOVING]
MOVING = COLUMNS[RESULT_MOVING:RESULT_SETTLING]
SETTLING = COLUMNS[RESULT_SETTLING:]

_known = itemgetter(*map(COLUMNS.index, ("side", "planned_quantity", "arrival_price", "pip")))
_SIGNS = {side.value: side.sign for side in Side}
_PRICE_STEP = Decimal("0.0000000001")
_PIP_STEP = Decimal("0.0001")
_UNSENT = frozenset({OrderState.INITIALIZED, OrderState.SUBMITTING})
OWN_ROLES = frozenset({OrderRole.ENTRY, OrderRole.EXIT})


def release_values(
    release_at: int, window_end: int, delay_ns: int, reason: str | None
) -> tuple[str | None, ...]:
    """Values of ``RELEASE``, in order; ``reason`` says why it is not the plan's own."""
    counted_from = timestamp(release_at - delay_ns)
    return (timestamp(release_at), timestamp(window_end), counted_from, reason)


class Result:
    """The changing part of one allocation. Quantities base units; ``seq`` is the last entry that
    touched it. ``fixed`` are the columns before ``MOVING``, written with the plan; those of
    ``RELEASE`` again where ``is_redrawn`` since the last write. ``is_only_moved``: since then
    nothing but ``MOVING`` can have changed, these apart.
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
        "intended",
        "intended_at",
        "is_new",
        "is_only_moved",
        "is_redrawn",
        "last_fill_at",
        "notional",
        "order",
        "orders",
        "overfilled",
        "partial_fills",
        "pending",
        "pip",
        "recovery_actions",
        "sent_at",
        "sent_ns",
        "seq",
        "sign",
        "until_ns",
    )

    def __init__(self, fixed: tuple[Any, ...], *, is_new: bool) -> None:
        self.fixed = fixed
        self.is_new = is_new
        side, planned, arrival_price, pip = _known(fixed)
        self.sign = _SIGNS[side]
        self.intended = Decimal(planned)
        self.arrival_price = decimal_of(arrival_price)
        self.pip = decimal_of(pip)
        self.filled = self.abandoned = self.overfilled = ZERO
        self.notional = self.fees = ZERO
        self.pending = self.intended
        self.fills = self.partial_fills = self.orders = 0
        self.order = self.failure_reason = None
        self.recovery_actions = "[]"
        self.intended_at = self.sent_at = self.acknowledged_at = None
        self.first_fill_at = self.last_fill_at = self.completed_at = None
        self.sent_ns = self.until_ns = None
        self.is_only_moved = True
        self.is_redrawn = False
        self.seq = 0

    # annotations of the slots that start as None; times are the texts of the table
    order: Order | None
    failure_reason: str | None
    intended_at: str | None
    sent_at: str | None
    acknowledged_at: str | None
    first_fill_at: str | None
    last_fill_at: str | None
    completed_at: str | None
    sent_ns: int | None
    until_ns: int | None

    # --- events ---------------------------------------------------------------------------------

    def order_intended(self, event: ev.OrderIntended, at_ns: int) -> None:
        """An order was decided: its quantity leaves ``pending`` and is working (or in doubt)."""
        order = event.order
        if order.role not in OWN_ROLES:
            return
        self.pending -= order.quantity
        self.orders += 1
        self.order = order
        self.intended_at = timestamp(at_ns)
        self.is_only_moved = False

    def order_advanced(self, event: ev.OrderAdvanced, at_ns: int) -> None:
        """An order moved. One that is live (again) reopens an allocation that had ended."""
        if event.protects:
            return
        changes = event.changes
        state = changes.state
        if state is not UNSET and state in LIVE_STATES and self.completed_at is not None:
            self.completed_at = self.failure_reason = None
            self.until_ns = self.until_ns if self.first_fill_at is not None else None
            self.is_only_moved = False
        order = self.order
        if order is None or event.client_order_id != order.client_order_id:
            return
        if state is OrderState.IN_DOUBT and order.state is not state:
            self._acts(at_ns, "held_in_doubt", {"cause": event.cause})
        self.order = order = apply_changes(order, changes)
        if self.sent_ns is None and order.sent_at is not None:
            self.sent_ns = order.sent_at
            self.sent_at = timestamp(order.sent_at)
            self.is_only_moved = self.is_only_moved and self.until_ns is None
        if self.acknowledged_at is None and order.acknowledged_at is not None:
            self.acknowledged_at = timestamp(order.acknowledged_at)

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
            self.last_fill_at = timestamp(at_ns)
            if self.first_fill_at is None:
                self.first_fill_at, self.until_ns = self.last_fill_at, at_ns
        elif quantity < 0:
            self.fills -= 1
        self.is_only_moved = False

    def allocation_ended(self, event: ev.AllocationEnded, at_ns: int) -> None:
        """Nothing is pending, working or in doubt any more."""
        self.pending = ZERO
        self.abandoned += event.abandoned
        self.completed_at = timestamp(at_ns)
        if self.first_fill_at is None:
            self.until_ns = at_ns
        self.is_only_moved = False
        self.failure_reason = event.reason if self.abandoned > 0 else None
        if event.abandoned:
            detail = {"quantity": number(event.abandoned), "reason": event.reason}
            self._acts(at_ns, "abandoned", detail)

    def adjusted(
        self,
        event: ev.AllocationAdjusted | ev.RemainderAbandoned | ev.AllocationReduced,
        at_ns: int,
    ) -> None:
        """A venue took back, freed or revived quantity; or a person gave up what waited."""
        self.abandoned += event.abandoned
        self.is_only_moved = False
        if isinstance(event, ev.AllocationAdjusted):
            self.pending += event.pending
            return
        self.pending -= event.abandoned
        if event.abandoned:
            detail = {"quantity": number(event.abandoned), "reason": event.reason}
            self._acts(at_ns, "abandoned", detail)

    def leg_scheduled(self, event: ev.LegScheduled, at_ns: int) -> None:
        """What a dead order left waits for another leg."""
        self.pending += event.released - event.abandoned
        self.abandoned += event.abandoned
        self._acts(at_ns, *action_of(event))
        self.is_only_moved = False

    def rerouted(self, event: ev.RemainderRerouted, at_ns: int) -> None:
        """Part of what was pending is another account's from here."""
        self.intended -= event.quantity
        self.pending -= event.quantity
        self._acts(at_ns, *action_of(event))
        self.is_only_moved = False

    def received(self, event: ev.RemainderRerouted, at_ns: int) -> None:
        """What the allocation begins with came from another account."""
        self.intended = self.pending = event.quantity
        self._acts(at_ns, "received", {"from": event.account_id, "quantity": number(self.pending)})

    def acted(self, event: Acted, at_ns: int) -> None:
        """Something was learned or done about the allocation that moves no quantity."""
        self._acts(at_ns, *action_of(event))
        if isinstance(event, ev.CancelRequested | ev.ReplaceRequested):
            order = self.order
            if order is not None and event.client_order_id == order.client_order_id:
                self.order = apply_changes(order, event.changes)
        elif isinstance(event, ev.ReleaseScheduled):
            due, until = event.release_at, event.window_end
            release = release_values(due, until, event.delay_ns, event.reason)
            self.fixed = (*self.fixed[:RESULT_RELEASE], *release)
            self.is_redrawn = True

    def order_queried(self, event: ev.OrderQueried, at_ns: int) -> None:
        """The venue was asked what became of the order."""
        self._acts(at_ns, "queried", {"order_id": event.client_order_id, "attempt": event.attempt})

    def intervention(
        self, event: ev.InterventionRequired | ev.InterventionResolved, at_ns: int
    ) -> None:
        """The book will not go on by itself, or what a person was asked about is settled."""
        self._acts(at_ns, ev.kind_of(event), {"reason": event.reason})

    def _acts(self, at_ns: int, action: str, detail: dict[str, Any]) -> None:
        item = table_json({"at": timestamp(at_ns), "action": action, **detail})
        rest = self.recovery_actions[:-1]
        self.recovery_actions = f"{rest}{',' if len(rest) > 1 else ''}{item}]"

    # --- what the row says ----------------------------------------------------------------------

    @property
    def execution_status(self) -> str:
        """Where the allocation stands (docs/tables.md lists the words)."""
        if self.filled >= self.intended and self.intended:
            return "filled"
        if self.completed_at is not None:
            if not self.intended:
                return "rerouted"
            return "partially_filled" if self.filled > 0 else "abandoned"
        order = self.order
        if order is None or order.state not in LIVE_STATES:
            return "pending"
        if order.state is OrderState.IN_DOUBT:
            return "in_doubt"
        if order.state in _UNSENT:
            return "sent" if self.sent_at is not None else "submitting"
        return "working"

    @property
    def fill_status(self) -> str:
        """How much of what was intended is filled."""
        if self.filled >= self.intended and self.intended:
            return "complete"
        return "partial" if self.filled > 0 else "none"

    @property
    def fill_price(self) -> Decimal | None:
        """Volume-weighted price of all fills, overfill included, to ten decimals."""
        quantity = self.filled + self.overfilled
        return (self.notional / quantity).quantize(_PRICE_STEP) if quantity > 0 else None

    @property
    def latency_ms(self) -> str | None:
        """First fill, or the end without one, after the first send; 0 where the fill was handled
        before the outcome of the send.
        """
        if self.until_ns is None or self.sent_ns is None:
            return None
        return milliseconds(max(0, self.until_ns - self.sent_ns))

    def _slippage_pips(self, price: Decimal | None) -> str | None:
        if price is None or self.arrival_price is None or self.pip is None:
            return None
        worse = (price - self.arrival_price) * self.sign / self.pip
        return plain(worse.quantize(_PIP_STEP))

    # --- to and from the table ------------------------------------------------------------------

    def moved(self) -> tuple[Any, ...]:
        """Values of ``MOVING``, in order: what an order's step changes that is no fill or end."""
        order = self.order
        is_in_doubt = order is not None and order.state is OrderState.IN_DOUBT
        held = "0" if order is None else plain(open_quantity(order))
        return (
            self.execution_status,
            "0" if is_in_doubt else held,
            held if is_in_doubt else "0",
            None if order is None else str(order.state),
            self.recovery_actions,
            self.sent_at,
            self.acknowledged_at,
            self.seq,
        )

    def settled(self) -> tuple[Any, ...]:
        """Values of ``SETTLING``, in order: everything else that changes."""
        price = self.fill_price
        return (
            self.fill_status,
            plain(self.intended),
            plain(self.filled),
            plain(self.pending),
            plain(self.abandoned),
            plain(self.overfilled),
            plain(self.notional),
            maybe_plain(price),
            plain(self.fees),
            self.latency_ms,
            self._slippage_pips(price),
            self.fills,
            self.partial_fills,
            self.orders,
            None if self.order is None else self.order.client_order_id,
            self.failure_reason,
            self.intended_at,
            self.first_fill_at,
            self.last_fill_at,
            self.completed_at,
        )
