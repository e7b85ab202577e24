"""Stops and targets as orders of their own: how they are placed, changed and cancelled.

What is owed is the comparison of ``protecting``; here it becomes events. No window, no gate, no
kill switch or halt holds it up. Knows nothing of what a venue answers.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import InvariantViolated
from stretto.core.executions.amend_ending import ends_amend
from stretto.core.executions.giving_up import cancel
from stretto.core.gate.risk import trading_day_start
from stretto.core.limits import SEND_BEFORE_NS
from stretto.core.orders.order import OrderInput, Replacement, intend, step
from stretto.core.orders.order_changes import OrderChanges, changes_between
from stretto.core.protective.protecting import (
    Make,
    Owed,
    capabilities_of,
    is_in_force,
    protection_due,
    to_confirm,
    to_settle,
)
from stretto.core.terms.report import OrderRole, OrderType, TimeInForce
from stretto.core.values import client_order_id

Events = list[ev.Event]


def on_protect_due(book: Book, key: str, at_ns: int) -> tuple[ev.Event, ...]:
    """Everything that the comparison of wanted and standing orders calls for now."""
    protection = book.protections[key]
    events: Events = []
    legs = protection.legs
    for owed in protection_due(book, key):
        if owed.due_at > at_ns:
            continue
        if owed.make is Make.PLACE:
            legs += 1
            events.append(_placed(book, key, owed, legs, at_ns))
        elif owed.make is Make.REPLACE:
            events.append(_resized(owed, at_ns))
        elif owed.order is not None:
            events += cancel(owed.order, "protection", at_ns)
    events += _settled(book, key, at_ns)
    return tuple(events)


def _placed(book: Book, key: str, owed: Owed, leg: int, at_ns: int) -> ev.OrderIntended:
    protection, want = book.protections[key], owed.wanted
    if want is None:
        raise InvariantViolated(f"{key}: an order for nothing")
    config, account_id = book.configuration, protection.account_id
    execution = book.executions[protection.execution_id]
    rulebook = config.rulebooks[config.accounts[account_id].rulebook]
    offered = capabilities_of(book, account_id).times_in_force
    is_stop = want.role is OrderRole.STOP_LOSS
    # The legs of the entry number themselves: those of its protection have a name of their own.
    name = f"{protection.execution_id}/protection"
    order = intend(
        client_order_id=client_order_id(config.book_id, name, account_id, leg),
        execution_id=protection.execution_id,
        account_id=account_id,
        leg=leg,
        role=want.role,
        symbol=execution.signal.symbol,
        side=execution.side.opposite,
        order_type=OrderType.STOP if is_stop else OrderType.LIMIT,
        quantity=want.quantity,
        created_at=at_ns,
        send_before=at_ns + SEND_BEFORE_NS,
        time_in_force=TimeInForce.GTC if TimeInForce.GTC in offered else TimeInForce.DAY,
        limit_price=None if is_stop else want.price,
        stop_price=want.price if is_stop else None,
        position_id=want.position_id,
    )
    return ev.OrderIntended(
        order=step(order, OrderInput.SUBMIT, at_ns).order,
        planned_at=max(owed.due_at, protection.changed_at),
        trading_day=trading_day_start(at_ns, rulebook.day_reset, rulebook.day_zone),
    )


def _resized(owed: Owed, at_ns: int) -> ev.ReplaceRequested:
    """What the order has filled, and what is held, at the level that is wanted."""
    order, want = owed.order, owed.wanted
    if order is None or want is None:
        raise InvariantViolated("a replace of nothing")
    is_stop = want.role is OrderRole.STOP_LOSS
    limit_price = None if is_stop or want.price == order.limit_price else want.price
    stop_price = want.price if is_stop and want.price != order.stop_price else None
    asked = Replacement(
        quantity=order.cum_qty + want.quantity, limit_price=limit_price, stop_price=stop_price
    )
    return ev.ReplaceRequested(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        reason="protection",
        changes=changes_between(order, step(order, asked, at_ns).order) or OrderChanges(),
        send_before=at_ns + SEND_BEFORE_NS,
    )


def _settled(book: Book, key: str, at_ns: int) -> Events:
    """What was waited for and is there: the stop, what a person was asked about, an amend."""
    protection = book.protections[key]
    execution_id, account_id = protection.execution_id, protection.account_id
    events: Events = []
    names = to_settle(book, key)
    if to_confirm(book, key):
        if key in book.unprotected:
            events.append(
                ev.StopChecked(
                    execution_id=execution_id,
                    account_id=account_id,
                    is_confirmed=True,
                    cause="the venue has the order",
                )
            )
        if f"stop:{key}" in book.interventions:
            names.append(f"stop:{key}")
    is_held = execution_id in book.positions.get(account_id, {})
    for name in names:
        events.append(
            ev.InterventionResolved(
                execution_id=execution_id,
                account_id=account_id,
                client_order_id=name,
                reason=book.interventions[name],
                resolution="the venue has the order" if is_held else "the position is closed",
            )
        )
    if is_in_force(book, key):
        allocation = book.allocations[key]
        events.append(
            ev.ProtectionAmended(
                request_id="",
                execution_id=protection.amend,
                account_id=account_id,
                position_of=execution_id,
                position_id="",
                stop_loss=allocation.stop_loss,
                take_profit=allocation.take_profit,
                transact_at=at_ns,
            )
        )
        events += ends_amend(book, protection.amend, {key}, is_set=True)
    return events
