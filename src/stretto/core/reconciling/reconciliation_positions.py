"""Positions of an account, the book's against a view's: what differs at rest, and who is asked.

Nothing is opened, closed or adopted for a difference. Knows nothing of orders but that they move
positions.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, Reconciled
from stretto.core.orders.order_table import RESTING
from stretto.core.reconciliation_events import (
    POSITION_DIFFERENCE,
    DifferenceKind,
    Suspect,
    VenueTicket,
    position_subject,
)
from stretto.core.reconciling.reconciliation_due import live_orders
from stretto.core.terms.account import PositionMode
from stretto.core.terms.protection import PROTECTIVE
from stretto.core.terms.venue import MassStatus
from stretto.core.values import ZERO, Side

POSITION_CHOICES = (
    "make the position at the venue what the book says, or accept it with `stretto position adopt` "
    "or `dismiss`; no entry in the account until then"
)


def compare_positions(
    book: Book, held: Reconciled | None, status: MassStatus
) -> tuple[tuple[Suspect, ...], list[ev.Event]]:
    """Positions that differ while nothing moves them. One view proves nothing: what the next one
    shows again is found, and a person is asked; nothing is opened or closed for it.
    """
    account_id = status.account_id
    before = {each.subject: each for each in (() if held is None else held.suspects)}
    ours, theirs = held_in_book(book, account_id, status.position_mode), shown_at_venue(status)
    aside = {each.place: each for each in book.dismissed.values() if each.account_id == account_id}
    moving = set(moving_symbols(book, account_id))
    if book.ledgers[account_id].last_fill_at >= status.at:
        moving |= {symbol for symbol, _ in (*ours, *theirs)}
    suspects: list[Suspect] = []
    events: list[ev.Event] = []
    for key in sorted({*ours, *theirs, *aside, *(each.place for each in before.values())}):
        symbol, side = key
        subject = position_subject(account_id, symbol, side)
        known = before.get(subject)
        in_book, at_venue = ours.get(key, ZERO), theirs.get(key, ZERO)
        if symbol in moving:
            if known is not None and known.confirmed:
                suspects.append(known)
            continue
        dismissed = aside[key].quantity if key in aside else ZERO
        if dismissed and in_book == at_venue:
            events.append(_gone(aside[key]))
        if in_book in (at_venue, at_venue - dismissed):
            if known is not None and is_asked(book, subject):
                events.append(settle(account_id, subject, POSITION_DIFFERENCE))
            continue
        now = Suspect(
            subject=subject,
            symbol=symbol,
            side=side,
            book=str(in_book),
            venue=str(at_venue),
            tickets=_tickets(status, key),
        )
        if known is None or (known.book, known.venue) != (now.book, now.venue):
            suspects.append(now)
            continue
        suspects.append(replace(now, confirmed=True))
        if not known.confirmed:
            events += _differs(account_id, now, in_book, at_venue)
    return tuple(suspects), events


def _differs(
    account_id: str, found: Suspect, in_book: Decimal, at_venue: Decimal
) -> tuple[ev.Event, ...]:
    cause = cause_of(in_book, at_venue)
    return (
        ev.DifferenceFound(
            account_id=account_id,
            kind=DifferenceKind.POSITION,
            subject=found.subject,
            book=found.book,
            venue=found.venue,
            cause=cause,
        ),
        ask_about(
            account_id,
            found.subject,
            POSITION_DIFFERENCE,
            {
                "symbol": found.symbol,
                "book": found.book,
                "venue": found.venue,
                "cause": cause,
                "can_be_done": POSITION_CHOICES,
            },
        ),
    )


def cause_of(in_book: Decimal, at_venue: Decimal) -> str:
    """Why a position differs, as far as that can be told; base units on either side."""
    if not in_book:
        return "opened at the venue by somebody else, or before this book"
    if not at_venue:
        return "closed at the venue without a report, or left out of its views"
    return "not known"


def moving_symbols(book: Book, account_id: str) -> dict[str, None]:
    """Symbols of which an order of the account may move the position now: a stop or target that
    rests does not.
    """
    live = live_orders(book, account_id)
    return {o.symbol: None for o in live if o.role not in PROTECTIVE or o.state not in RESTING}


def held_in_book(book: Book, account_id: str, mode: PositionMode) -> dict[tuple[str, str], Decimal]:
    """What the book holds in the account, signed base units by symbol and side."""
    found: dict[tuple[str, str], Decimal] = {}
    for position in book.positions.get(account_id, {}).values():
        _add(found, mode, position.symbol, position.quantity)
    return {key: quantity for key, quantity in found.items() if quantity}


def shown_at_venue(status: MassStatus) -> dict[tuple[str, str], Decimal]:
    """What the view shows, signed base units by symbol and side."""
    found: dict[tuple[str, str], Decimal] = {}
    for view in status.positions:
        _add(found, status.position_mode, view.symbol, view.quantity * view.side.sign)
    return {key: quantity for key, quantity in found.items() if quantity}


def _add(
    found: dict[tuple[str, str], Decimal], mode: PositionMode, symbol: str, quantity: Decimal
) -> None:
    key = place_of(mode, symbol, quantity)
    found[key] = found.get(key, ZERO) + quantity


def place_of(mode: PositionMode, symbol: str, quantity: Decimal) -> tuple[str, str]:
    """Where signed base units are compared: a hedging account's two sides are apart, a netting
    account has one.
    """
    if mode is not PositionMode.HEDGING:
        return symbol, ""
    return symbol, (Side.BUY if quantity > 0 else Side.SELL).value


def _tickets(status: MassStatus, place: tuple[str, str]) -> tuple[VenueTicket, ...]:
    found = []
    for view in status.positions:
        quantity = view.quantity * view.side.sign
        if quantity and place_of(status.position_mode, view.symbol, quantity) == place:
            found.append(
                VenueTicket(
                    position_id=view.position_id,
                    quantity=quantity,
                    average_price=view.average_price,
                )
            )
    return tuple(sorted(found, key=lambda ticket: ticket.position_id))


def _gone(dismissed: ev.PositionDismissed) -> ev.PositionDismissed:
    return replace(dismissed, quantity=ZERO, actor=ev.SYSTEM, reason="the venue shows it no more")


def ask_about(
    account_id: str, key: str, reason: str, known: dict[str, str]
) -> ev.InterventionRequired:
    """InterventionRequired about something of an account that is not an order of the book."""
    return ev.InterventionRequired(
        execution_id="", account_id=account_id, client_order_id=key, reason=reason, known=known
    )


def settle(account_id: str, key: str, reason: str) -> ev.InterventionResolved:
    """InterventionResolved, because the next view shows no difference any more."""
    return ev.InterventionResolved(
        execution_id="",
        account_id=account_id,
        client_order_id=key,
        reason=reason,
        resolution="book and venue agree again",
    )


def is_asked(book: Book, subject: str) -> bool:
    """True while a person is asked about the position."""
    return book.interventions.get(subject) == POSITION_DIFFERENCE
