"""What happens to an execution after it was closed: entries that fill nevertheless are closed too.

A cancel crosses a fill, an order in doubt turns out to live, a bust gives a position back. Each
opens what the close was meant to close. Knows nothing of how an exit trades, or of cancels.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, Execution, allocation_key
from stretto.core.errors import InvariantViolated
from stretto.core.executions.adopted import closed_of
from stretto.core.executions.held_positions import at_venue, exits_of
from stretto.core.exits.exits import Events, addressed, allocated, plan_of
from stretto.core.orders.order import Order, is_done, open_quantity
from stretto.core.terms.signal import Action, Signal
from stretto.core.values import ZERO

_LATE = "#late-"


def followed(
    book: Book,
    before: Order,
    order: Order,
    fill: ev.FillBooked | None,
    at_ns: int,
) -> Events:
    """What one message about an order of a closed execution, or of an exit, calls for."""
    execution = book.executions[order.execution_id]
    target = closed_of(book, execution) if execution.closes else execution
    if _close_over(book, target, order.account_id) is None:
        return []
    events: Events = []
    if fill is not None:
        gained = fill.quantity * fill.direction * target.side.sign
        uncovered = min(gained, _uncovered(book, target, before, order, gained))
        if uncovered > 0:
            events.append(_late_exit(book, target, order.account_id, uncovered, at_ns))
    return events


def regained(
    book: Book, execution_id: str, account_id: str, quantity: Decimal, at_ns: int
) -> Events:
    """What a position calls for that a busted close of the venue's gave back after a close."""
    target = book.executions.get(execution_id)
    if target is None or _close_over(book, target, account_id) is None:
        return []  # nobody closed it: one that a person adopted is of no execution
    position = book.positions.get(account_id, {}).get(execution_id)
    held = quantity + (ZERO if position is None else position.quantity * target.side.sign)
    for each in exits_of(book, target, account_id):
        held -= each.pending + at_venue(book, each)
    uncovered = min(quantity, held)
    return [_late_exit(book, target, account_id, uncovered, at_ns)] if uncovered > 0 else []


def _close_over(book: Book, target: Execution, account_id: str) -> Signal | None:
    """The last exit that closes all that the execution holds in the account."""
    for exit_id in reversed(target.exits if target.closed_by else ()):
        signal = book.executions[exit_id].signal
        if signal.action is Action.CLOSE and account_id in addressed(signal, target):
            return signal
    return None


def _uncovered(
    book: Book, target: Execution, before: Order, order: Order, gained: Decimal
) -> Decimal:
    """What is held after the message that no exit has pending or at the venue, base units."""
    position = book.positions.get(order.account_id, {}).get(target.execution_id)
    held = gained if position is None else position.quantity * target.side.sign + gained
    covered = open_quantity(order) - open_quantity(before)
    if order.execution_id == target.execution_id:
        covered = ZERO
    own = book.allocations[allocation_key(order.execution_id, order.account_id)]
    for each in exits_of(book, target, order.account_id):
        covered += each.pending + at_venue(book, each)
        if each is own and is_done(order):
            return ZERO  # what its own bust frees is pending again
    return held - covered


def _late_exit(
    book: Book, target: Execution, account_id: str, quantity: Decimal, at_ns: int
) -> ev.SignalPlanned:
    """A further close, due at once. It has a name of its own, after the close that it completes."""
    close = _close_over(book, target, account_id)
    if close is None:
        raise InvariantViolated(f"{target.execution_id} was not closed in {account_id}")
    name = close.signal_id.partition(_LATE)[0]
    number = len(target.exits)
    while f"{name}{_LATE}{number}" in book.signals:
        number += 1
    signal = replace(close, signal_id=f"{name}{_LATE}{number}")
    share = allocated(account_id, quantity, 1, at_ns)
    return ev.SignalPlanned(plan=plan_of(book, signal, target, None, at_ns, (share,)))
