"""A marketable order that is not filled by its time is looked at, and something is done about it.

Turns the choice (``completion``) into events: ``CompletionAssessed``, then what was chosen. What a
cancel is for happens when it is proven (``completion_steps``). A new price passes the whole gate of
an entry. Knows nothing of how an order came to be.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.executions.completion_steps import is_watched, minimum_of, patience_of
from stretto.core.executions.giving_up import cancel, cancel_again
from stretto.core.limits import CANCEL_WAIT_NS, SEND_BEFORE_NS
from stretto.core.orders.completion import (
    CANCELS,
    REASON,
    Choice,
    Completion,
    Situation,
    Strategy,
    choose,
    fill_probability,
    is_liquid,
    is_urgent,
    scaled,
    shown_size,
)
from stretto.core.orders.order import (
    Order,
    OrderInput,
    Replacement,
    open_quantity,
    step,
)
from stretto.core.orders.order_changes import OrderChanges, changes_between
from stretto.core.orders.order_table import TABLE
from stretto.core.release.dispatch import judge_again, slippage_left, symbols_of_gate
from stretto.core.terms.market import MarketStatistics, Quote, Reads
from stretto.core.values import PPM, Side, ceil_to_step, floor_to_step


class _Seen(NamedTuple):
    """An order as it is looked at, with what is known of the market."""

    book: Book
    order: Order
    allocation: Allocation
    execution: Execution
    done: Completion
    quote: Quote | None
    statistics: MarketStatistics | None
    is_liquid: bool
    price: Decimal | None
    at_ns: int

    @property
    def remainder(self) -> Decimal:
        return open_quantity(self.order)


def on_completion_due(
    book: Book, client_order_id: str, reads: Reads, at_ns: int
) -> tuple[ev.Event, ...]:
    """CompletionAssessed and the request that it leads to; where the order is to go already, what
    its cancel needs.
    """
    order = book.orders[client_order_id]
    if order.complete_at is None or order.complete_at > at_ns or not is_watched(order):
        return ()
    seen = _seen(book, order, reads, at_ns)
    if order.cancel_requested or seen.done.plan is not None or seen.allocation.closing:
        return _still_going(seen)
    choice = choose(book.configuration.policy.completion, _situation(seen, reads))
    assessed = _assessed(seen, choice)
    if choice.strategy is Strategy.MODIFY:
        return (assessed, _modify(seen, choice))
    if choice.strategy in CANCELS:
        reason = f"{REASON}: {choice.strategy.value}, {choice.reason}"
        return (assessed, *cancel(order, reason, at_ns))
    return (assessed,)


def reads_for_completion(book: Book, client_order_id: str) -> tuple[str, ...]:
    """Symbols whose quotes the choice and its gate need."""
    order = book.orders[client_order_id]
    if not is_watched(order):
        return ()
    return symbols_of_gate(
        book, book.allocations[allocation_key(order.execution_id, order.account_id)]
    )


def _seen(book: Book, order: Order, reads: Reads, at_ns: int) -> _Seen:
    allocation = book.allocations[allocation_key(order.execution_id, order.account_id)]
    execution = book.executions[order.execution_id]
    policy = book.configuration.policy
    quote = reads.quotes.get(order.symbol)
    if quote is not None and at_ns - quote.at > policy.tick_age_ns_max:
        quote = None
    statistics = reads.statistics.get(order.symbol)
    liquid = is_liquid(policy.completion, quote, statistics, order.side, open_quantity(order))
    return _Seen(
        book=book,
        order=order,
        allocation=allocation,
        execution=execution,
        done=allocation.completion or Completion(since=order.acknowledged_at or at_ns),
        quote=quote,
        statistics=statistics,
        is_liquid=liquid,
        price=None if quote is None else _worst_price(book, execution, quote),
        at_ns=at_ns,
    )


def _worst_price(book: Book, execution: Execution, quote: Quote) -> Decimal | None:
    """The worst price inside the slippage, on the tick grid; None where the touch is beyond it."""
    left = slippage_left(book, execution, quote)
    if left is None or left < 0:
        return None
    tick = book.configuration.instruments[quote.symbol].tick
    if execution.side is Side.BUY:
        return floor_to_step(quote.ask + left, tick)
    return ceil_to_step(quote.bid - left, tick)


def _situation(seen: _Seen, reads: Reads) -> Situation:
    order, allocation, signal = seen.order, seen.allocation, seen.execution.signal
    return Situation(
        urgency=signal.urgency,
        is_liquid=seen.is_liquid,
        filled=int(allocation.filled * PPM / allocation.intended),
        remainder=seen.remainder,
        minimum=minimum_of(seen.book, order.account_id, order.symbol),
        age_ns=seen.at_ns - seen.done.since,
        may_modify=is_urgent(signal.urgency) and seen.is_liquid and _may_modify(seen, reads),
        may_replace=seen.price is not None and seen.at_ns <= signal.valid_until,
        done=seen.done,
        patience=patience_of(seen.book, order.account_id),
    )


def _may_modify(seen: _Seen, reads: Reads) -> bool:
    order, price = seen.order, seen.price
    if price is None or (order.state, OrderInput.REPLACE_REQUESTED) not in TABLE:
        return False
    if order.limit_price is not None and (price - order.limit_price) * order.side.sign <= 0:
        return False
    if seen.at_ns > seen.execution.signal.valid_until:
        return False
    waiting = replace(seen.allocation, pending=seen.remainder)
    return judge_again(seen.book, waiting, seen.execution, reads, seen.at_ns) is None


def _assessed(seen: _Seen, choice: Choice) -> ev.CompletionAssessed:
    order, done, quote, at_ns = seen.order, seen.done, seen.quote, seen.at_ns
    signal = seen.execution.signal
    policy = seen.book.configuration.policy.completion
    within_ns = scaled(policy.wait_ns, patience_of(seen.book, order.account_id))
    taken = at_ns - (order.acknowledged_at or at_ns)
    attempts = {
        Strategy.WAIT: done.waits,
        Strategy.MODIFY: done.modifies,
        Strategy.REPLACE: done.replaces,
        Strategy.REROUTE: done.reroutes,
        Strategy.ACCEPT: 0,
    }
    return ev.CompletionAssessed(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        strategy=choice.strategy,
        reason=choice.reason,
        attempt=attempts[choice.strategy] + 1,
        urgency=signal.urgency,
        is_liquid=seen.is_liquid,
        filled=seen.allocation.filled,
        remainder=seen.remainder,
        since=done.since,
        age_ns=at_ns - done.since,
        within_ns=within_ns,
        due_at=at_ns + choice.wait_ns,
        probability=fill_probability(
            len(order.fills), order.cum_qty, taken, seen.remainder, within_ns
        ),
        spread=None if quote is None else quote.spread,
        spread_median=None if seen.statistics is None else seen.statistics.spread_median,
        shown=None if quote is None else shown_size(quote, order.side),
    )


def _modify(seen: _Seen, choice: Choice) -> ev.ReplaceRequested:
    """The same quantity at the worst price inside the slippage."""
    order = seen.order
    wanted = Replacement(quantity=min(order.quantity, order.asked_qty), limit_price=seen.price)
    return ev.ReplaceRequested(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        reason=f"{REASON}: {choice.reason}",
        changes=_changed(order, step(order, wanted, seen.at_ns).order),
        send_before=seen.at_ns + SEND_BEFORE_NS,
    )


def _changed(before: Order, after: Order) -> OrderChanges:
    return changes_between(before, after) or OrderChanges()


def _still_going(seen: _Seen) -> tuple[ev.Event, ...]:
    """An order that is to go lives on: its cancel is unanswered (then that is waited for), was
    refused, or is pending at the venue: it is asked for again, and at last a person is.
    """
    book, order, at_ns = seen.book, seen.order, seen.at_ns
    again: list[ev.Event] = []
    due_at: int | None = at_ns + CANCEL_WAIT_NS
    if order.answer_due_at is None:
        again = cancel_again(book, order, seen.allocation.closing or REASON, at_ns)
        if not any(isinstance(event, ev.CancelRequested) for event in again):
            due_at = None
    looked = ev.OrderAdvanced(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        cause="cancel_open",
        changes=OrderChanges(complete_at=due_at),
    )
    return (looked, *again)
