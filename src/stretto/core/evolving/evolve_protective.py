"""What events change in the records of stops and targets that are orders of their own.

Part of ``evolve``. The timer of a record says when the comparison of ``protecting`` finds something
to do; it follows from the book. Knows nothing of stops attached to positions.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.evolving.evolve_accounts import count
from stretto.core.limits import STOP_CONFIRMED_NS_MAX
from stretto.core.orders.order import Order, is_done
from stretto.core.orders.order_table import UNANSWERED
from stretto.core.protective.protecting import (
    UNCONFIRMED,
    due_at,
    has_own_stops,
    is_covered,
    must_have_stop,
    price_of,
)
from stretto.core.terms.failure import FailureClass, Request
from stretto.core.terms.protection import Protection, asked_as, leg_of
from stretto.core.terms.report import OrderRole


def position_moved(book: Book, execution_id: str, account_id: str) -> bool:
    """A fill moved what an execution holds; False where its venue attaches stops. Whatever was not
    to be had before is tried again.
    """
    key = allocation_key(execution_id, account_id)
    protection = book.protections.get(key)
    if protection is None:
        if not has_own_stops(book, account_id) or key not in book.allocations:
            return False
        protection = Protection(execution_id=execution_id, account_id=account_id, changed_at=0)
    # A leg that a person is asked about is remembered until the question is settled.
    asked = [leg for leg in protection.waits if asked_as(key, leg) in book.interventions]
    waits: dict[str, int | None] = dict.fromkeys(asked, book.at)
    _put(book, key, replace(protection, changed_at=book.at, waits=waits, tries={}))
    return True


def levels_wanted(book: Book, key: str, amended_by: str) -> None:
    """A position is to have other levels, and the amend waits for them."""
    protection = book.protections.get(key)
    if protection is not None:
        is_held = protection.execution_id in book.positions.get(protection.account_id, {})
        amend = amended_by if is_held else ""
        _put(book, key, replace(protection, changed_at=book.at, waits={}, tries={}, amend=amend))


def amend_in_force(book: Book, key: str) -> None:
    """Every order stands as the amend said."""
    _put(book, key, replace(book.protections[key], amend=""))


def protective_intended(book: Book, order: Order) -> None:
    """One more order stands for its leg."""
    key = allocation_key(order.execution_id, order.account_id)
    protection = book.protections[key]
    names = (*protection.order_ids, order.client_order_id)
    _put(book, key, replace(protection, order_ids=names, legs=order.leg, changed_at=book.at))


def protective_changed(book: Book, before: Order, after: Order) -> None:
    """An order was answered, ended, lives again, or was asked to change or to go."""
    key, name = allocation_key(after.execution_id, after.account_id), after.client_order_id
    protection = book.protections[key]
    names, waits, tries = protection.order_ids, protection.waits, protection.tries
    if is_done(after) or before.replacing is not after.replacing:
        waits = {each: until for each, until in waits.items() if each != name}
    if is_done(after):
        names = tuple(each for each in names if each != name)
    elif name not in names:
        names = (name, *names)  # a newer one of its leg goes before it
    if before.acknowledged_at is None and after.acknowledged_at is not None:
        leg = f"{leg_of(after.role, after.position_id)}/"
        ended = f"{leg}{FailureClass.VENUE_ERROR.value}"  # one that is ended again and again counts
        tries = {each: n for each, n in tries.items() if each == ended or not each.startswith(leg)}
    changed = replace(protection, order_ids=names, waits=waits, tries=tries, changed_at=book.at)
    book.protections[key] = changed
    if before.cum_qty == after.cum_qty:  # else the fill follows, and tells what is held
        _put(book, key, changed)
    if not is_done(after) and after.state not in UNANSWERED:
        _in_force(book, after)


def _in_force(book: Book, order: Order) -> None:
    """The position has the level that the venue has the order for."""
    held = book.positions.get(order.account_id, {})
    position = held.get(order.execution_id)
    if position is None:
        return
    price = price_of(order)
    if order.role is OrderRole.STOP_LOSS and position.stop_loss != price:
        held[order.execution_id] = replace(position, stop_loss=price)
    elif order.role is OrderRole.TAKE_PROFIT and position.take_profit != price:
        held[order.execution_id] = replace(position, take_profit=price)


def protection_failed(book: Book, event: ev.ProtectionFailed) -> None:
    """It is tried again later, or once something changes."""
    key = allocation_key(event.execution_id, event.account_id)
    protection = book.protections[key]
    name = tried = event.client_order_id
    if event.request is Request.SUBMIT:
        count(book, event.account_id, event.failure_class)
        name = leg_of(event.role, event.position_id)
        tried = f"{name}/{event.failure_class.value}"
    waits = protection.waits | {name: event.due_at}
    tries = protection.tries | {tried: event.attempt}
    amend = "" if event.due_at is None else protection.amend
    _put(book, key, replace(protection, waits=waits, tries=tries, amend=amend))


def tradable_again(book: Book, account_id: str) -> None:
    """What was refused because the account was suspended is tried again."""
    for execution_id in book.positions.get(account_id, {}):
        key = allocation_key(execution_id, account_id)
        protection = book.protections.get(key)
        if protection is None or None not in protection.waits.values():
            continue
        suspended = FailureClass.ACCOUNT_SUSPENDED.value
        waits = {
            leg: until
            for leg, until in protection.waits.items()
            if until is not None or f"{leg}/{suspended}" not in protection.tries
        }
        _put(book, key, replace(protection, waits=waits))


def _put(book: Book, key: str, protection: Protection) -> None:
    book.protections[key] = protection
    _watch(book, key, protection)
    arm(book, key)


def _watch(book: Book, key: str, protection: Protection) -> None:
    """A position that must have a stop and has none that the venue acknowledged waits for one."""
    if protection.execution_id not in book.positions.get(protection.account_id, {}):
        put_unprotected(book, key, None)
    elif (
        key not in book.unprotected
        and book.interventions.get(f"stop:{key}") not in UNCONFIRMED
        and must_have_stop(book, book.allocations[key])
        and not is_covered(book, protection)
    ):
        put_unprotected(book, key, book.at + STOP_CONFIRMED_NS_MAX)


def put_unprotected(book: Book, key: str, due_at: int | None) -> None:
    """Wait for a stop to be confirmed until ``due_at``, or no more, and arm the timer."""
    if due_at is None:
        book.unprotected.pop(key, None)
    else:
        book.unprotected[key] = due_at
    book.timers.set(f"{ev.TimerKind.PROTECTION}:{key}", due_at)
    arm(book, key)


def arm(book: Book, key: str) -> None:
    """The timer of the comparison, from the book as it is."""
    if key in book.protections:
        book.timers.set(f"{ev.TimerKind.PROTECT}:{key}", due_at(book, key))
