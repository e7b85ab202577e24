"""What events of single orders change in the book. Part of ``evolve``.

Knows nothing of plans.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, LastRelease, allocation_key
from stretto.core.errors import check
from stretto.core.evolving.evolve_accounts import count
from stretto.core.evolving.evolve_allocations import put_allocation, reopen
from stretto.core.evolving.evolve_protective import protective_changed, protective_intended
from stretto.core.executions.completion_steps import is_watched
from stretto.core.failures.statistics import latency_after, reliability_after
from stretto.core.orders.completion import after_intent
from stretto.core.orders.order import Order, OrderState, is_done
from stretto.core.orders.order_changes import apply_changes
from stretto.core.orders.order_table import is_newly_doubtful
from stretto.core.terms.failure import FailureClass
from stretto.core.terms.protection import PROTECTIVE
from stretto.core.terms.report import OrderType


def order_intended(book: Book, event: ev.OrderIntended) -> None:
    """A new order takes its quantity from what was pending."""
    order = event.order
    name = order.client_order_id
    check(name not in book.orders, "client order id {} was used before", name)
    _count_order(book, event)
    if order.role in PROTECTIVE:
        put_order(book, order)
        protective_intended(book, order)
        return
    key = allocation_key(order.execution_id, order.account_id)
    allocation = book.allocations[key]
    check(order.quantity <= allocation.pending, "{}: order exceeds what is pending", key)
    if allocation.gap_ns:
        book.released[order.symbol] = LastRelease(at=book.at, gap_ns=allocation.gap_ns)
    put_order(book, order)
    put_allocation(
        book,
        key,
        replace(
            allocation,
            pending=allocation.pending - order.quantity,
            order_ids=(*allocation.order_ids, order.client_order_id),
            due_at=None,
            leg_quantity=None,
            completion=allocation.completion and after_intent(allocation.completion),
        ),
    )


def _count_order(book: Book, event: ev.OrderIntended) -> None:
    order = event.order
    ledger = book.ledgers[order.account_id]
    day = event.trading_day
    today = ledger.orders_today + 1 if ledger.order_day == day else 1
    book.ledgers[order.account_id] = replace(
        ledger, orders_today=today, order_day=day, open_orders=ledger.open_orders + 1
    )


def order_advanced(book: Book, event: ev.OrderAdvanced) -> None:
    """The order's new numbers, and what they say of the account's orders and the venue."""
    before = book.orders[event.client_order_id]
    after = apply_changes(before, event.changes)
    put_order(book, after)
    if event.protects:
        protective_changed(book, before, after)
    if book.missing and after.state is not OrderState.IN_DOUBT:
        book.missing.pop(event.client_order_id, None)
    key = allocation_key(event.execution_id, event.account_id)
    book.touched[key] = None
    was_live, is_live = not is_done(before), not is_done(after)
    ledger = book.ledgers[event.account_id]
    acknowledged = before.acknowledged_at is None and after.acknowledged_at is not None
    verdict = _submit_verdict(before.state, after.state)
    if acknowledged:
        count(book, event.account_id, None)
    elif is_newly_doubtful(before.state, after.state):
        count(book, event.account_id, FailureClass.UNKNOWN_OUTCOME)
    if was_live == is_live and not acknowledged and verdict is None:
        return
    p95 = ledger.acknowledge_p95_ns
    if acknowledged and after.sent_at is not None and after.acknowledged_at is not None:
        p95 = latency_after(p95, max(0, after.acknowledged_at - after.sent_at))
    reliability, submits = ledger.reliability, ledger.submits
    if verdict is not None:
        reliability, submits = reliability_after(reliability, verdict), submits + 1
    book.ledgers[event.account_id] = replace(
        ledger,
        open_orders=ledger.open_orders + int(is_live) - int(was_live),
        acknowledge_p95_ns=p95,
        reliability=reliability,
        submits=submits,
    )
    if is_live and not was_live and not event.protects:
        reopen(book, key)


def _submit_verdict(before: OrderState, after: OrderState) -> bool | None:
    """True for a submit that was taken, False for one rejected or in doubt, None for neither."""
    if after is OrderState.REJECTED or after is OrderState.IN_DOUBT:
        return False if before is not after else None
    if before is OrderState.SUBMITTING and after is not OrderState.SUBMITTING:
        return after is not OrderState.DEAD
    return None


def cancel_requested(book: Book, event: ev.CancelRequested) -> None:
    """The order waits for the answer to a cancel."""
    before = book.orders[event.client_order_id]
    after = apply_changes(before, event.changes)
    put_order(book, after)
    if after.role in PROTECTIVE:
        protective_changed(book, before, after)


def replace_requested(book: Book, event: ev.ReplaceRequested) -> None:
    """The order waits for the answer to a replace; the larger quantity counts until then."""
    order = book.orders[event.client_order_id]
    after = apply_changes(order, event.changes)
    put_order(book, after)
    if after.role in PROTECTIVE:
        protective_changed(book, order, after)
    book.touched[allocation_key(order.execution_id, order.account_id)] = None


def order_queried(book: Book, event: ev.OrderQueried) -> None:
    """When the next question about an order in doubt is due."""
    order = book.orders[event.client_order_id]
    put_order(book, replace(order, queries=event.attempt, query_at=event.next_at))


def put_order(book: Book, order: Order) -> None:
    """Store an order's record and arm the timers it asks for."""
    book.orders[order.client_order_id] = order
    acknowledge = f"{ev.TimerKind.ACKNOWLEDGE}:{order.client_order_id}"
    query = f"{ev.TimerKind.QUERY}:{order.client_order_id}"
    book.timers.set(acknowledge, order.answer_due_at)
    book.timers.set(query, order.query_at if order.state is OrderState.IN_DOUBT else None)
    if order.order_type is OrderType.MARKET:
        complete = f"{ev.TimerKind.COMPLETION}:{order.client_order_id}"
        book.timers.set(complete, order.complete_at if is_watched(order) else None)
