"""What the answers about stops and targets change in the book. Part of ``evolve``.

Knows nothing of quantities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, allocation_key
from stretto.core.evolving.evolve_allocations import put_allocation
from stretto.core.evolving.evolve_protective import (
    amend_in_force,
    levels_wanted,
    position_moved,
    protection_failed,
    put_unprotected,
)
from stretto.core.executions.amend_ending import REFUSED
from stretto.core.failures.failure_actions import Step
from stretto.core.limits import STOP_CONFIRMED_NS_MAX
from stretto.core.orders.order import is_done
from stretto.core.protective.protecting import must_have_stop
from stretto.core.terms.amendment import Amendment, amendment_key


def levels_changed(book: Book, event: ev.LevelsChanged) -> None:
    """What has not entered yet will carry the new levels."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    put_allocation(
        book,
        key,
        replace(
            allocation,
            stop_loss=event.stop_loss,
            take_profit=event.take_profit,
            amended_by=event.amended_by,
        ),
    )
    levels_wanted(book, key, event.amended_by)


def limit_changed(book: Book, event: ev.LimitChanged) -> None:
    """What has not entered yet leaves at the new limit; an order at the venue is to get it."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    limit = event.limit_price
    orders = [book.orders[name] for name in allocation.order_ids]
    is_open = any(not is_done(order) and order.limit_price != limit for order in orders)
    is_open = is_open or any(order.replacing is not None for order in orders)
    repricing = event.amended_by if is_open else ""
    put_allocation(book, key, replace(allocation, limit_price=limit, repricing=repricing))


def limit_settled(book: Book, event: ev.LimitSettled) -> None:
    """Nothing is waited for any more; what was refused is remembered until the amend is over."""
    key = allocation_key(event.execution_id, event.account_id)
    repricing = "" if event.is_set else f"{REFUSED}{event.amended_by}"
    put_allocation(book, key, replace(book.allocations[key], repricing=repricing))


def amend_requested(book: Book, event: ev.AmendRequested) -> None:
    """A request is on its way; the same again when nobody answers."""
    key = amendment_key(event.position_of, event.account_id, event.position_id)
    before = book.amendments.get(key)
    is_same = before is not None and before.execution_id == event.execution_id
    amendment = Amendment(
        execution_id=event.execution_id,
        account_id=event.account_id,
        position_of=event.position_of,
        position_id=event.position_id,
        symbol=event.symbol,
        stop_loss=event.stop_loss,
        take_profit=event.take_profit,
        request_id=event.request_id,
        attempt=event.attempt,
        due_at=event.answer_due_at,
        tries=before.tries if before is not None and is_same else {},
    )
    put_amendment(book, key, amendment)


def protection_amended(book: Book, event: ev.ProtectionAmended) -> None:
    """The venue's levels are the book's, for every execution that has a part in the position. One
    that is not what was asked for last is asked for again.
    """
    if not event.request_id:
        amend_in_force(book, allocation_key(event.position_of, event.account_id))
        return
    key = amendment_key(event.position_of, event.account_id, event.position_id)
    held = book.positions.get(event.account_id, {})
    for name, position in held.items():
        if name == event.position_of or (
            event.position_id and event.position_id in position.tickets
        ):
            held[name] = replace(position, stop_loss=event.stop_loss, take_profit=event.take_profit)
            if event.stop_loss is not None:
                put_unprotected(book, allocation_key(name, event.account_id), None)
    amendment = book.amendments.get(key)
    if amendment is not None and amendment.request_id == event.request_id:
        put_amendment(book, key, None)
    elif amendment is None and _differs(book, event):
        put_amendment(
            book, key, _wanted(book, event.position_of, event.account_id, event.position_id)
        )


def _differs(book: Book, event: ev.ProtectionAmended) -> bool:
    allocation = book.allocations[allocation_key(event.position_of, event.account_id)]
    wanted = (allocation.stop_loss, allocation.take_profit)
    return bool(allocation.amended_by) and wanted != (event.stop_loss, event.take_profit)


def amend_failed(book: Book, event: ev.AmendFailed) -> None:
    """It is asked again later, or a person is asked."""
    key = amendment_key(event.position_of, event.account_id, event.position_id)
    amendment = book.amendments[key]
    if event.step is Step.DONE:
        put_amendment(book, key, None)
        return
    name = event.failure_class.value
    tries = {**amendment.tries, name: amendment.tries.get(name, 0) + 1}
    put_amendment(book, key, replace(amendment, request_id="", due_at=event.due_at, tries=tries))


def fill_booked(book: Book, event: ev.FillBooked) -> None:
    """An entry that fills after its levels were changed may carry the old ones: they are set again.
    A position that is gone needs none.
    """
    owner = event.position_of or event.execution_id
    if position_moved(book, owner, event.account_id):
        return
    allocation = book.allocations.get(allocation_key(owner, event.account_id))
    _watch_stop(book, event, owner, allocation)
    if allocation is None or not allocation.amended_by:
        return
    key = amendment_key(owner, event.account_id, event.position_id)
    position = book.positions.get(event.account_id, {}).get(owner)
    is_held = position is not None and event.position_id in position.tickets
    if not is_held:
        amendment = book.amendments.get(key)
        if amendment is not None and amendment.due_at is None:
            put_amendment(book, key, None)
    elif event.cause == "entry" and event.quantity > 0:
        put_amendment(book, key, _wanted(book, owner, event.account_id, event.position_id))


def _watch_stop(
    book: Book, event: ev.FillBooked, owner: str, allocation: Allocation | None
) -> None:
    """A position that grew by what the venue did not take together with a stop waits for one."""
    key = allocation_key(owner, event.account_id)
    position = book.positions.get(event.account_id, {}).get(owner)
    if position is None:
        put_unprotected(book, key, None)
        return
    if allocation is None or key in book.unprotected or not must_have_stop(book, allocation):
        return
    grows = event.quantity * event.direction * position.quantity > 0
    if event.cause == "entry":
        orders = (book.orders[name] for name in allocation.order_ids)
        is_carried = all(order.stop_loss is not None for order in orders if order.cum_qty)
    else:
        is_carried = False  # a close was busted: what became of the stop is not known
    if grows and not is_carried:
        put_unprotected(book, key, book.at + STOP_CONFIRMED_NS_MAX)


def stop_checked(book: Book, event: ev.StopChecked) -> None:
    """The venue confirmed the stop, or a person is asked: nothing is waited for any more."""
    put_unprotected(book, allocation_key(event.execution_id, event.account_id), None)


def _wanted(book: Book, owner: str, account_id: str, position_id: str) -> Amendment:
    allocation = book.allocations[allocation_key(owner, account_id)]
    before = book.amendments.get(amendment_key(owner, account_id, position_id))
    return Amendment(
        execution_id=allocation.amended_by,
        account_id=account_id,
        position_of=owner,
        position_id=position_id,
        symbol=book.executions[owner].signal.symbol,
        stop_loss=allocation.stop_loss,
        take_profit=allocation.take_profit,
        attempt=0 if before is None else before.attempt,
        due_at=book.at,
    )


def put_amendment(book: Book, key: str, amendment: Amendment | None) -> None:
    """Store an amendment, or forget it, and arm its timer."""
    if amendment is None:
        book.amendments.pop(key, None)
    else:
        book.amendments[key] = amendment
    due_at = None if amendment is None else amendment.due_at
    book.timers.set(f"{ev.TimerKind.AMEND}:{key}", due_at)


HANDLERS: dict[type, Callable[[Book, Any], None]] = {
    ev.LevelsChanged: levels_changed,
    ev.AmendRequested: amend_requested,
    ev.ProtectionAmended: protection_amended,
    ev.AmendFailed: amend_failed,
    ev.StopChecked: stop_checked,
    ev.LimitChanged: limit_changed,
    ev.LimitSettled: limit_settled,
    ev.ProtectionFailed: protection_failed,
}
