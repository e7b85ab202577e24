"""When a marketable order is looked at, and what follows once it is certainly over (DESIGN §4.8).

Only a terminal report lets a remainder go anywhere: an open cancel is no proof. Knows nothing of
quotes; the choice itself is made at the timer (``completing``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, NextStep
from stretto.core.limits import PARTIAL_FILL_SETTLES_NS
from stretto.core.orders.completion import REASON, Strategy, first_wait_ns, patience_factor
from stretto.core.orders.order import Order, OrderState, is_done, open_quantity
from stretto.core.orders.order_table import UNANSWERED
from stretto.core.orders.settling import Settlement
from stretto.core.terms.report import OrderRole, OrderType, TimeInForce
from stretto.core.values import PPM, ZERO

IMMEDIATE_REMAINDER = "immediate_remainder"
"""Reason of a leg that follows an IOC or FOK order; its attempts are counted under it."""
_PROVEN = (OrderState.CANCELED, OrderState.EXPIRED)
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class Follow(NamedTuple):
    """What an order's proven end leads to: another leg, or none and why the rest is given up."""

    leg: ev.LegScheduled | None
    reason: str


def watched(book: Book, before: Order, after: Order, *, has_filled: bool, at_ns: int) -> Order:
    """``after`` with the time at which it is looked at: a while after the acknowledgement, soon
    after a partial fill or where it lives again; never where it is over or rests by its time in
    force.
    """
    if after.order_type is not OrderType.MARKET or after.role is not OrderRole.ENTRY:
        return after
    if is_done(after):
        return after if after.complete_at is None else replace(after, complete_at=None)
    if after.state in UNANSWERED:
        return after
    due_at = after.complete_at
    if before.acknowledged_at is None and after.acknowledged_at is not None:
        due_at = at_ns + _first_wait_ns(book, after)
    allocation = book.allocations[f"{after.execution_id}/{after.account_id}"]
    is_planned = allocation.completion is not None and allocation.completion.plan is not None
    cancelling = is_planned or after.cancel_requested
    fills_newly = has_filled and not cancelling and _changes_much(book, allocation, before, after)
    if is_done(before) or fills_newly:
        soon = at_ns + PARTIAL_FILL_SETTLES_NS
        due_at = soon if due_at is None else min(due_at, soon)
    return after if due_at == after.complete_at else replace(after, complete_at=due_at)


def _changes_much(book: Book, allocation: Allocation, before: Order, after: Order) -> bool:
    """True for an order's first fill, and for the one that makes the rest acceptable to give up."""
    if before.cum_qty == 0:
        return True
    was, filled = allocation.filled, allocation.filled + after.cum_qty - before.cum_qty
    enough = allocation.intended * book.configuration.policy.completion.accept_filled
    minimum = _minimum(book, after)
    is_nearly = was * PPM <= enough < filled * PPM
    return is_nearly or open_quantity(after) < minimum <= open_quantity(before)


def is_watched(order: Order) -> bool:
    """True where the order's time to be looked at is armed."""
    live = order.complete_at is not None and not is_done(order)
    return live and order.state not in UNANSWERED


def patience_of(book: Book, account_id: str) -> int:
    """By which waits of an account are multiplied, 1e-6."""
    account = book.configuration.accounts.get(account_id)
    return PPM if account is None else patience_factor(account.profile.patience)


def follow(
    book: Book, allocation: Allocation, before: Order, order: Order, settled: Settlement, at_ns: int
) -> Follow | None:
    """What follows from an order that ended as its open cancel wanted, or as its time in force has
    it; None where something else ended it. ``settled`` says what is left.
    """
    if order.reject_code or order.state not in _PROVEN or order.role is not OrderRole.ENTRY:
        return None
    plan = None if allocation.completion is None else allocation.completion.plan
    if plan is not None:
        return _planned(book, allocation, order, settled, plan, at_ns)
    if before.cancel_requested or order.time_in_force not in _IMMEDIATE:
        return None
    if order.order_type not in (OrderType.MARKET, OrderType.LIMIT):
        return None
    return _after_immediate(book, allocation, order, settled, at_ns)


def _planned(
    book: Book,
    allocation: Allocation,
    order: Order,
    settled: Settlement,
    plan: Strategy,
    at_ns: int,
) -> Follow:
    name = f"{REASON}_{plan.value}"
    if plan is Strategy.ACCEPT:
        return Follow(None, name)
    if settled.freed + settled.pending < _minimum(book, order):
        return Follow(None, f"{name}: below_minimum")
    step = NextStep.REROUTE if plan is Strategy.REROUTE else NextStep.SEND
    return Follow(_leg(allocation, order, settled, name, at_ns, step), name)


def _after_immediate(
    book: Book, allocation: Allocation, order: Order, settled: Settlement, at_ns: int
) -> Follow:
    policy = book.configuration.policy.completion
    name = IMMEDIATE_REMAINDER
    if settled.filled * PPM > allocation.intended * policy.accept_filled:
        return Follow(None, f"{name}: nearly_filled")
    if settled.freed + settled.pending < _minimum(book, order):
        return Follow(None, f"{name}: below_minimum")
    if allocation.tries.get(name, 0) >= policy.remainder_legs_max:
        return Follow(None, f"{name}: attempts_spent")
    due_at = at_ns + PARTIAL_FILL_SETTLES_NS
    return Follow(_leg(allocation, order, settled, name, due_at, NextStep.SEND), name)


def _leg(
    allocation: Allocation,
    order: Order,
    settled: Settlement,
    reason: str,
    due_at: int,
    step: NextStep,
) -> ev.LegScheduled:
    return ev.LegScheduled(
        execution_id=order.execution_id,
        account_id=order.account_id,
        client_order_id=order.client_order_id,
        released=settled.freed,
        due_at=due_at,
        reason=reason,
        attempt=allocation.tries.get(reason, 0) + 1,
        step=step,
    )


def _minimum(book: Book, order: Order) -> Decimal:
    return minimum_of(book, order.account_id, order.symbol)


def minimum_of(book: Book, account_id: str, symbol: str) -> Decimal:
    """The account's smallest order of the symbol, base units; 0 where it is not configured."""
    account = book.configuration.accounts.get(account_id)
    terms = None if account is None else account.symbols.get(symbol)
    return ZERO if terms is None else terms.minimum


def _first_wait_ns(book: Book, order: Order) -> int:
    urgency = book.executions[order.execution_id].signal.urgency
    policy = book.configuration.policy.completion
    return first_wait_ns(policy, urgency, patience_of(book, order.account_id))
