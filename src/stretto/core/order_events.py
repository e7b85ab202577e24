"""Events of single orders: intended, advanced, filled, asked about.

Facts in the past tense; what they change is in ``evolve_orders``.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.failures.failure_actions import Step
from stretto.core.orders.completion import Strategy
from stretto.core.orders.order import Order
from stretto.core.orders.order_changes import OrderChanges
from stretto.core.terms.failure import FailureClass, Outcome
from stretto.core.terms.signal import Urgency
from stretto.core.values import ZERO


class OrderIntended(msgspec.Struct, frozen=True, kw_only=True, tag="order_intended", gc=False):
    """The book decided to send this order; durable before the venue sees it. ``slippage_max`` in
    price from the touch; ``trading_day`` is the start (ns UTC) of the firm's day it counts for.
    """

    order: Order
    planned_at: int
    slippage_max: Decimal | None = None
    trading_day: int = 0


class ReleaseDeferred(msgspec.Struct, frozen=True, kw_only=True, tag="release_deferred"):
    """An entry that was due has to wait: another of its symbol left at ``last_release_at``, less
    than ``gap_ns`` ago. ``planned_at`` is the plan's instant, ``deferred_to`` the new one, ns UTC;
    the window still counts from the plan.
    """

    execution_id: str
    account_id: str
    symbol: str
    planned_at: int
    deferred_to: int
    last_release_at: int
    gap_ns: int


class OrderAdvanced(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="order_advanced", gc=False
):
    """The order's state or numbers changed; ``cause`` is the machine's input, or those that were
    taken together, in order. ``protects``: it is a stop or target, outside the allocation.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    cause: str
    changes: OrderChanges
    protects: bool = False


class FillBooked(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="fill_booked", gc=False
):
    """A fill entered the books, or (with negative ``quantity``) was taken back by a bust or a
    correction. ``notional`` is the change of Σ price * quantity, ``overfill`` the part of
    ``quantity`` beyond the intended; ``margin`` moves from reserved to unconfirmed, ``risk`` from
    reserved to open (back, where negative: the order works again), account currency. ``cause`` is
    ``entry``, ``exit``, the role of the protection that filled or what the venue closed for;
    ``position_of`` names the execution whose position an exit's fill reduces (empty: its own);
    ``reverses`` the close of the venue's own that this takes back;
    ``realized`` is profit in quote currency, for closes.
    """

    execution_id: str
    account_id: str
    symbol: str
    direction: int
    quantity: Decimal
    notional: Decimal
    price: Decimal
    transact_at: int
    client_order_id: str = ""
    exec_id: str = ""
    trading_day: str = ""
    cause: str = "entry"
    fee: Decimal = ZERO
    overfill: Decimal = ZERO
    margin: Decimal = ZERO
    risk: Decimal = ZERO
    realized: Decimal = ZERO
    position_id: str = ""
    inferred: bool = False
    position_of: str = ""
    reverses: str = ""


class OrderFailed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="order_failed"
):
    """An order ended without all it was for: what that means (``row`` of the venue's failure table,
    empty where none fits), and what is done about it, for the ``attempt``-th time.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    failure_class: FailureClass
    outcome: Outcome
    step: Step
    attempt: int
    code: str = ""
    text: str = ""
    row: str = ""


class CompletionAssessed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="completion_assessed"
):
    """A marketable order that is not filled was looked at: what was seen, what is done about it for
    the ``attempt``-th time, and why. ``filled`` of the allocation and ``remainder`` of the order in
    base units, ``age_ns`` since the first acknowledgement at ``since``; ``spread`` in price and
    ``shown`` size of the touch where they are known. ``probability`` (1e-6) is that of the rest
    filling in the next ``within_ns``, as ``completion.fill_probability`` has it; None where nothing
    was filled. ``due_at`` is when the order is looked at again.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    strategy: Strategy
    reason: str
    attempt: int
    urgency: Urgency
    is_liquid: bool
    filled: Decimal
    remainder: Decimal
    since: int
    age_ns: int
    within_ns: int
    due_at: int
    probability: int | None = None
    spread: Decimal | None = None
    spread_median: Decimal | None = None
    shown: Decimal | None = None


class CancelRequested(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_requested"):
    """The venue is asked to cancel what is left of an order, and why."""

    client_order_id: str
    execution_id: str
    account_id: str
    reason: str
    changes: OrderChanges


class ReplaceRequested(msgspec.Struct, frozen=True, kw_only=True, tag="replace_requested"):
    """The venue is asked for another quantity or price of an order, and why."""

    client_order_id: str
    execution_id: str
    account_id: str
    reason: str
    changes: OrderChanges
    send_before: int


class OrderQueried(msgspec.Struct, frozen=True, kw_only=True, tag="order_queried"):
    """The venue is asked what it knows of an order; ``attempt`` counts the queries
    of an order in doubt (0 for a live one that is only asked about), ``next_at`` is when
    the next one is due, ns UTC, or None where it was the last.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    attempt: int
    next_at: int | None
