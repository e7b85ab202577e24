"""What a fill does to positions and to the memory of executions seen. Part of ``evolve``.

Knows nothing of orders or reservations.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.executions.carried import stand
from stretto.core.terms.account import Position
from stretto.core.values import ZERO

_DAYS_OF_REPORTS_KEPT = 5


def remember_report(book: Book, event: ev.FillBooked) -> None:
    """Keep the execution's identity for as long as the venue could repeat it (DESIGN §4.7)."""
    if not event.exec_id:
        return
    seen = book.reports_seen.get(event.trading_day)
    if seen is None:
        seen = book.reports_seen[event.trading_day] = {}
        for old in sorted(book.reports_seen)[:-_DAYS_OF_REPORTS_KEPT]:
            del book.reports_seen[old]
    seen[f"{event.account_id}|{event.exec_id}"] = book.seq


def remember_close(book: Book, event: ev.FillBooked) -> None:
    """Keep a close of the venue's own, so that its bust takes back exactly that, once."""
    if not event.exec_id or event.client_order_id:  # the bust of an order's fill names the order
        return
    if event.reverses:
        _forget_close(book, event)
        return
    day = book.venue_closes.setdefault(event.trading_day, {})
    key = f"{event.account_id}|{event.exec_id}"
    day[key] = (*day.get(key, ()), event)
    for old in sorted(book.venue_closes)[:-_DAYS_OF_REPORTS_KEPT]:
        del book.venue_closes[old]


def _forget_close(book: Book, event: ev.FillBooked) -> None:
    """What a bust took back: the newest close of that id that is about position and execution."""
    key = f"{event.account_id}|{event.reverses}"
    about = (event.execution_id, event.position_id)
    for day in sorted(book.venue_closes, reverse=True):
        closes = book.venue_closes[day].get(key, ())
        left = tuple(each for each in closes if (each.execution_id, each.position_id) != about)
        if len(left) < len(closes):
            book.venue_closes[day][key] = left
            if not left:
                del book.venue_closes[day][key]
            return


def move_position(book: Book, event: ev.FillBooked) -> None:
    """Add the fill to what its execution holds in the account; a flat position is dropped. An
    exit's fill moves the position of the execution that it closes.
    """
    held = book.positions.setdefault(event.account_id, {})
    owner = event.position_of or event.execution_id
    position = held.get(owner)
    signed = event.quantity * event.direction
    if position is None:
        position = _opened(book, event, owner)
    quantity = position.quantity + signed
    stand(book, event.account_id, event.symbol, position.quantity, quantity)
    entry_quantity, entry_notional = position.entry_quantity, position.entry_notional
    if event.cause == "entry":
        entry_quantity += event.quantity
        entry_notional += event.notional
    if quantity == 0:
        held.pop(owner, None)
        return
    ticket = event.position_id or position.position_id
    held[owner] = replace(
        position,
        quantity=quantity,
        entry_quantity=entry_quantity,
        entry_notional=entry_notional,
        average_price=_average(entry_notional, entry_quantity, position.average_price),
        position_id=ticket,
        tickets=_tickets(position, ticket, signed),
    )


def _opened(book: Book, event: ev.FillBooked, owner: str) -> Position:
    """A position that was flat: new, or back because a close was busted. What it entered before is
    known from its allocation, this fill (if it is an entry's) apart.
    """
    allocation = book.allocations.get(allocation_key(owner, event.account_id))
    entered = notional = ZERO
    if allocation is not None:
        entered = allocation.filled + allocation.overfilled
        notional = allocation.notional
        if event.cause == "entry":
            entered, notional = entered - event.quantity, notional - event.notional
    return Position(
        execution_id=owner,
        account_id=event.account_id,
        symbol=event.symbol,
        quantity=ZERO,
        average_price=_average(notional, entered, event.price),
        stop_loss=allocation.stop_loss if allocation else None,
        take_profit=allocation.take_profit if allocation else None,
        entry_quantity=entered,
        entry_notional=notional,
        opened_at=event.transact_at,
    )


def _tickets(position: Position, ticket: str, signed: Decimal) -> dict[str, Decimal]:
    tickets = position.tickets
    left = tickets.get(ticket, ZERO) + signed
    if left:
        return {**tickets, ticket: left}
    return {name: quantity for name, quantity in tickets.items() if name != ticket}


def _average(notional: Decimal, quantity: Decimal, otherwise: Decimal) -> Decimal:
    return notional / quantity if quantity > 0 else otherwise
