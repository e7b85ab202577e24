"""Amend of a limit: the entries of an earlier signal that are not filled get another price.

What waits leaves at it; an order at the venue is replaced, at once or as soon as its state allows,
and once: what the venue refuses stays as it was. A price is never worse than the planned one, for
which margin and risk are set aside. Knows nothing of stops, targets or positions.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.accounts.alarms import REPLACE_UNANSWERED
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.executions.amend_ending import ends_amend
from stretto.core.limits import SEND_BEFORE_NS
from stretto.core.orders.order import Message, Order, OrderInput, Replacement, Step, is_done, step
from stretto.core.orders.order_changes import OrderChanges, changes_between
from stretto.core.orders.order_table import TABLE
from stretto.core.protective.protecting import capabilities_of
from stretto.core.sizes.sizing import round_limit_price
from stretto.core.terms.killing import covering, described, switches_over
from stretto.core.terms.plan import Plan
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.report import CancelReject, OrderType
from stretto.core.terms.signal import ListedAccounts, Signal
from stretto.core.values import ZERO

Events = list[ev.Event]


# --- the plan ---------------------------------------------------------------------------------


def judge_limit(book: Book, signal: Signal, target: Execution) -> Refusal | None:
    """What is wrong with the limit for the whole signal: it has none, or this one is worse than
    planned. ``signal`` has the side that closes.
    """
    price = _on_grid(book, signal)
    if price is None:
        return None
    opened = target.signal
    planned = opened.limit_price
    if planned is None or opened.order_type not in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        return Refusal(
            rule=Rule.ACTION_NOT_SUPPORTED,
            compared={"order_type": opened.order_type.value},
            would_pass="an amend of limit or stop-limit entries",
        )
    tick = book.configuration.instruments[opened.symbol].tick
    most = round_limit_price(planned, target.side, tick)
    if price > 0 and (price - most) * target.side.sign <= 0:
        return None
    return Refusal(
        rule=Rule.LIMIT_BEYOND_PLAN,
        compared={"limit_price": str(price), "planned": str(most)},
        would_pass=f"{most} or better: margin and risk are set aside for that price",
    )


def limit_refusals(book: Book, signal: Signal, target: Execution) -> tuple[Refusal, ...]:
    """The accounts in which no entry gets the price, each with why."""
    price = _on_grid(book, signal)
    if price is None:
        return ()
    found = (_refusal(book, signal, target, name, price) for name in _addressed(signal, target))
    return tuple(refusal for refusal in found if refusal is not None)


def _on_grid(book: Book, signal: Signal) -> Decimal | None:
    if signal.limit_price is None:
        return None
    tick = book.configuration.instruments[signal.symbol].tick
    return round_limit_price(signal.limit_price, signal.side.opposite, tick)


def _addressed(signal: Signal, target: Execution) -> tuple[str, ...]:
    if isinstance(signal.accounts, ListedAccounts):
        return tuple(name for name in target.accounts if name in signal.accounts.account_ids)
    return target.accounts


def _refusal(
    book: Book, signal: Signal, target: Execution, account_id: str, price: Decimal
) -> Refusal | None:
    allocation = book.allocations[allocation_key(target.execution_id, account_id)]
    if allocation.ended or allocation.closing:
        return Refusal(
            rule=Rule.POSITION_GONE,
            account_id=account_id,
            compared={"entry": allocation.ended or allocation.closing},
            would_pass="an entry in this account that waits or works",
        )
    if not capabilities_of(book, account_id).replaces_orders and _live(book, allocation):
        return Refusal(
            rule=Rule.ACTION_NOT_SUPPORTED,
            account_id=account_id,
            compared={"replaces_orders": "false"},
            would_pass="a venue that changes orders; else cancel the rest and send a new signal",
        )
    switch = _killed(book, target, account_id)
    if switch:
        return Refusal(
            rule=Rule.KILL_SWITCH,
            account_id=account_id,
            compared={"switch": switch},
            would_pass=f"a person releases {switch}",
        )
    return _beside_levels(signal, target, allocation, price)


def _beside_levels(
    signal: Signal, target: Execution, allocation: Allocation, price: Decimal
) -> Refusal | None:
    """The limit stands between the stop and the target that the amend states, or that stand."""
    stop = allocation.stop_loss if signal.stop_loss is None else signal.stop_loss
    goal = allocation.take_profit if signal.take_profit is None else signal.take_profit
    sign = target.side.sign
    compared = {"limit_price": str(price), "stop_loss": str(stop), "take_profit": str(goal)}
    for rule, is_wrong in (
        (Rule.STOP_ON_WRONG_SIDE, stop is not None and (price - stop) * sign <= ZERO),
        (Rule.TARGET_ON_WRONG_SIDE, goal is not None and (goal - price) * sign <= ZERO),
    ):
        if is_wrong:
            return Refusal(
                rule=rule,
                account_id=allocation.account_id,
                compared=compared,
                would_pass="a limit_price between stop_loss and take_profit",
            )
    return None


def _killed(book: Book, target: Execution, account_id: str) -> str:
    symbol = target.signal.symbol
    account = book.configuration.accounts.get(account_id)
    switch = covering(switches_over(book.kills, symbol), account, symbol)
    if switch is not None:
        return described(switch)
    return "" if account is not None else "account that left the configuration"


def _live(book: Book, allocation: Allocation) -> list[Order]:
    orders = (book.orders[name] for name in allocation.order_ids)
    return [order for order in orders if not is_done(order)]


def repriced(book: Book, plan: Plan, target: Execution, at_ns: int) -> tuple[Events, bool]:
    """The new limit, and a replace of every order that can be replaced now; whether any order at a
    venue has to get it.
    """
    price = _on_grid(book, plan.signal)
    if price is None:
        return [], False
    refused = {each.account_id for each in limit_refusals(book, plan.signal, target)}
    events: Events = []
    is_asked = False
    for account_id in _addressed(plan.signal, target):
        if account_id in refused:
            continue
        allocation = book.allocations[allocation_key(target.execution_id, account_id)]
        events.append(
            ev.LimitChanged(
                execution_id=target.execution_id,
                account_id=account_id,
                amended_by=plan.execution_id,
                limit_price=price,
            )
        )
        for order in _live(book, allocation):
            is_asked = is_asked or order.limit_price != price or order.replacing is not None
            if order.limit_price != price and _can_replace(order):
                events.append(_replaced(order, price, at_ns))
    return events, is_asked


def _can_replace(order: Order) -> bool:
    return (
        (order.state, OrderInput.REPLACE_REQUESTED) in TABLE
        and order.replacing is None
        and not order.cancel_requested
    )


def _replaced(order: Order, price: Decimal, at_ns: int) -> ev.ReplaceRequested:
    wanted = Replacement(quantity=min(order.quantity, order.asked_qty), limit_price=price)
    asked = step(order, wanted, at_ns).order
    return ev.ReplaceRequested(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        reason="amend",
        changes=changes_between(order, asked) or OrderChanges(),
        send_before=at_ns + SEND_BEFORE_NS,
    )


# --- what becomes of an order that is to get it -----------------------------------------------


def price_followed(
    book: Book, allocation: Allocation, before: Order, done: Step, message: Message, at_ns: int
) -> Events:
    """What a message about an entry means for the price that it is to get: it has it, it can be
    asked for now, or it will not get it any more.
    """
    order, price = done.order, allocation.limit_price
    amend = allocation.repricing
    if amend not in book.executions or price is None:
        return _known_after_all(book, order)  # refused before
    if is_done(order) or (order.limit_price == price and order.replacing is None):
        others = [o for o in _live(book, allocation) if o.client_order_id != order.client_order_id]
        if any(each.limit_price != price for each in others):
            return []
        return _settled(book, allocation, order.state.value, is_set=True)
    asked = before.replacing is not None and before.replacing.limit_price == price
    if isinstance(message, CancelReject) and message.for_replace and asked:
        return _settled(book, allocation, f"refused: {message.reject_code}", is_set=False)
    if done.kind is OrderInput.OUTCOME_UNKNOWN and order.replacing is not None:
        known = {
            "limit_wanted": str(price),
            "limit_before": str(order.limit_price),
            "can_be_done": "look at the venue, or cancel what remains",
        }
        person = ev.InterventionRequired(
            execution_id=order.execution_id,
            account_id=order.account_id,
            client_order_id=order.client_order_id,
            reason=REPLACE_UNANSWERED,
            known=known,
        )
        return [person, *_settled(book, allocation, REPLACE_UNANSWERED, is_set=False)]
    if order.cancel_requested or allocation.closing:
        return _settled(book, allocation, "it is being cancelled", is_set=False)
    if not _can_replace(order):
        return []
    target = book.executions[order.execution_id]
    switch = _killed(book, target, order.account_id)
    if switch:
        return _settled(book, allocation, f"kill switch: {switch}", is_set=False)
    return [_replaced(order, price, at_ns)]


def _known_after_all(book: Book, order: Order) -> Events:
    """A replace that nobody answered in time is answered, or the order is over."""
    if (
        order.replacing is not None
        or book.interventions.get(order.client_order_id) != REPLACE_UNANSWERED
    ):
        return []
    return [
        ev.InterventionResolved(
            execution_id=order.execution_id,
            account_id=order.account_id,
            client_order_id=order.client_order_id,
            reason=REPLACE_UNANSWERED,
            resolution=f"{order.state.value}, limit {order.limit_price}",
        )
    ]


def _settled(book: Book, allocation: Allocation, cause: str, *, is_set: bool) -> Events:
    key = allocation_key(allocation.execution_id, allocation.account_id)
    settled = ev.LimitSettled(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        amended_by=allocation.repricing,
        is_set=is_set,
        cause=cause,
    )
    return [settled, *ends_amend(book, allocation.repricing, {key}, is_set=is_set)]
