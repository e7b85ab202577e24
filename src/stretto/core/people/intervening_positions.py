"""A position that differs, as a person accepts it: adopted into the book, or dismissed as not ours.

Only what two views showed and a person was asked about, while nothing moves it. What the book's
executions hold is never touched unless the person names the execution. Must not know who asked.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from stretto.core import events as ev
from stretto.core.book import Book, Execution, allocation_key
from stretto.core.people.intervening_accounts import unknown_account
from stretto.core.reconciliation_events import (
    ADOPTED,
    POSITION_DIFFERENCE,
    Suspect,
    position_subject,
)
from stretto.core.reconciling.reconciliation_positions import (
    held_in_book,
    is_asked,
    moving_symbols,
    place_of,
)
from stretto.core.terms import intervention as iv
from stretto.core.terms.account import Position, PositionMode
from stretto.core.terms.report import OrderRole
from stretto.core.values import ZERO

Outcome = list[ev.Event] | iv.Denied


class Share(NamedTuple):
    """What of a difference goes to one holder: signed base units of one of the venue's positions,
    at a quote price.
    """

    holder: str
    ticket: str
    quantity: Decimal
    price: Decimal


def adopt_position(book: Book, action: iv.AdoptPosition, actor: str, reason: str) -> Outcome:
    """PositionAdopted for what the person's word covers; the question is settled where that is all
    of the difference.
    """
    found = _asked_about(book, action)
    if isinstance(found, iv.Denied):
        return found
    named = action.execution_id
    shares, left = _shared(book, action.account_id, found, named)
    if named:
        denied = _not_fitting(book, action, shares)
        if denied is not None:
            return denied
    if not shares:
        return iv.Denied(
            rule=iv.Denial.EXECUTION_NOT_NAMED,
            compared={"book": found.book, "venue": found.venue, "execution": named or "none"},
            expected=f"--execution with one of {', '.join(left)}, which holds what differs",
        )
    events: list[ev.Event] = [
        ev.PositionAdopted(
            account_id=action.account_id,
            holder=share.holder,
            symbol=action.symbol,
            position_id=share.ticket,
            quantity=share.quantity,
            price=share.price,
            actor=actor,
            reason=reason,
            execution_id="" if share.holder.startswith(ADOPTED) else share.holder,
        )
        for share in shares
    ]
    if not left:
        events.append(_settled(found, action.account_id, f"adopted by {actor}"))
    return events


def dismiss_position(book: Book, action: iv.DismissPosition, actor: str, reason: str) -> Outcome:
    """PositionDismissed; what it counts for is nothing, until the venue shows another quantity."""
    found = _asked_about(book, action)
    if isinstance(found, iv.Denied):
        return found
    if found.side:
        held = _held(book, action.account_id, found)
        for ticket, _, _, holders in _by_ticket(held, found):
            if holders:
                return iv.Denied(
                    rule=iv.Denial.POSITION_IS_OURS,
                    compared={"book": found.book, "venue": found.venue, "position_id": ticket},
                    expected=f"adopt, with --execution: {', '.join(holders)} holds it in the book",
                )
    return [
        ev.PositionDismissed(
            account_id=action.account_id,
            symbol=action.symbol,
            side=action.side,
            quantity=Decimal(found.venue) - Decimal(found.book),
            actor=actor,
            reason=reason,
        ),
        _settled(found, action.account_id, f"dismissed by {actor}: not the book's"),
    ]


def _settled(found: Suspect, account_id: str, how: str) -> ev.InterventionResolved:
    return ev.InterventionResolved(
        execution_id="",
        account_id=account_id,
        client_order_id=found.subject,
        reason=POSITION_DIFFERENCE,
        resolution=how,
    )


def _asked_about(book: Book, action: iv.AdoptPosition | iv.DismissPosition) -> Suspect | iv.Denied:
    """The difference as two views showed it; refused where there is none, or it is another now."""
    account_id = action.account_id
    denied = unknown_account(book, account_id)
    if denied is not None:
        return denied
    subject = position_subject(account_id, action.symbol, action.side)
    held = book.reconciled.get(account_id)
    suspects = {each.subject: each for each in (() if held is None else held.suspects)}
    found = suspects.get(subject)
    if found is None or not found.confirmed or not is_asked(book, subject):
        asked = [name for name in sorted(suspects) if is_asked(book, name)]
        return iv.Denied(
            rule=iv.Denial.NO_DIFFERENCE,
            compared={"position": subject, "asked_about": ", ".join(asked) or "none"},
            expected="a position that two views showed to differ, as `stretto reconcile` lists it",
        )
    mode = PositionMode.HEDGING if found.side else PositionMode.NETTING
    now = held_in_book(book, account_id, mode).get(found.place, ZERO)
    moving = action.symbol in moving_symbols(book, account_id)
    shown = sum((ticket.quantity for ticket in found.tickets), ZERO)
    if moving or now != Decimal(found.book) or shown != Decimal(found.venue):
        return iv.Denied(
            rule=iv.Denial.DIFFERENCE_MOVED,
            compared={
                "book_then": found.book,
                "book_now": str(now),
                "orders_open": "yes" if moving else "no",
            },
            expected="the difference at rest, as the next `stretto reconcile` shows it",
        )
    return found


def _held(book: Book, account_id: str, found: Suspect) -> dict[str, Position]:
    """The book's positions that are compared with this place, by holder."""
    mode = PositionMode.HEDGING if found.side else PositionMode.NETTING
    return {
        name: position
        for name, position in sorted(book.positions.get(account_id, {}).items())
        if place_of(mode, position.symbol, position.quantity) == found.place
    }


def _shared(
    book: Book, account_id: str, found: Suspect, named: str
) -> tuple[list[Share], list[str]]:
    """Who takes what of the difference, and whose part of it needs another word of the person."""
    held = _held(book, account_id, found)
    if not found.side:
        return _netted(held, found, named)
    shares: list[Share] = []
    left: list[str] = []
    for ticket, change, price, holders in _by_ticket(held, found):
        if not holders:
            shares.append(Share(named or f"{ADOPTED}{ticket}", ticket, change, price))
        elif named in holders or (len(holders) == 1 and holders[0].startswith(ADOPTED)):
            holder = named if named in holders else holders[0]
            shares.append(Share(holder, ticket, change, price))
        else:
            left += holders
    return shares, left


def _by_ticket(
    held: dict[str, Position], found: Suspect
) -> list[tuple[str, Decimal, Decimal, tuple[str, ...]]]:
    """A hedging account's tickets that differ: what is to be added (signed base units), the venue's
    price, and who holds the ticket in the book.
    """
    shown = {ticket.position_id: ticket for ticket in found.tickets}
    moves = []
    for ticket in sorted({*shown, *(name for p in held.values() for name in p.tickets)}):
        holders = tuple(name for name, position in held.items() if ticket in position.tickets)
        known = sum((held[name].tickets[ticket] for name in holders), ZERO)
        there = shown.get(ticket)
        change = (ZERO if there is None else there.quantity) - known
        if change:
            moves.append((ticket, change, ZERO if there is None else there.average_price, holders))
    return moves


def _netted(held: dict[str, Position], found: Suspect, named: str) -> tuple[list[Share], list[str]]:
    """Of a netting account's one position, the execution takes what does not turn it round. What
    was adopted takes the rest, unless it then stood against what executions hold.
    """
    rest = Decimal(found.venue) - Decimal(found.book)
    shown = {ticket.position_id: ticket.average_price for ticket in found.tickets}
    shares: list[Share] = []
    executions = {n: p.quantity for n, p in held.items() if not n.startswith(ADOPTED)}
    if named:
        before = executions.get(named, ZERO)
        part = max(rest, -before) if before > 0 else min(rest, -before) if before < 0 else rest
        shares.append(_netted_share(held, named, part, shown))
        executions[named] = before + part
        rest -= part
    name = f"{ADOPTED}{found.symbol}"
    adopted = held[name].quantity if name in held else ZERO
    if rest and (adopted + rest) * sum(executions.values(), ZERO) >= 0:
        shares.append(_netted_share(held, name, rest, shown))
        rest = ZERO
    left = [n for n, quantity in executions.items() if quantity] if rest else []
    return [share for share in shares if share.quantity], left


def _netted_share(
    held: dict[str, Position], holder: str, quantity: Decimal, shown: dict[str, Decimal]
) -> Share:
    own = held[holder].tickets if holder in held else {}
    ticket = next((name for name in shown if name in own), next(iter(own), next(iter(shown), "")))
    return Share(holder, ticket, quantity, shown.get(ticket, ZERO))


def _not_fitting(book: Book, action: iv.AdoptPosition, shares: list[Share]) -> iv.Denied | None:
    """Why the execution cannot hold it, or None."""
    named = action.execution_id
    execution = book.executions.get(named)
    if execution is None:
        return iv.Denied(
            rule=iv.Denial.UNKNOWN_EXECUTION,
            compared={"execution": named},
            expected="an execution that `stretto status` lists",
        )
    if allocation_key(named, action.account_id) not in book.allocations:
        return iv.Denied(
            rule=iv.Denial.NOT_TAKING_PART,
            compared={"account": action.account_id, "execution": named},
            expected=f"one of {', '.join(execution.accounts[:20])}",
        )
    position = book.positions.get(action.account_id, {}).get(named)
    before = ZERO if position is None else position.quantity
    after = before + sum((each.quantity for each in shares if each.holder == named), ZERO)
    if not _is_of(execution, action) or after * execution.side.sign < 0:
        return iv.Denied(
            rule=iv.Denial.OTHER_POSITION,
            compared={
                "execution": f"{execution.role.value} {execution.side.value} "
                f"{execution.signal.symbol}",
                "position": f"{action.side} {action.symbol}".strip(),
                "held_then": str(after),
            },
            expected="an execution of entries of that symbol and side, or no --execution",
        )
    if execution.closed_by and abs(after) > abs(before):
        return iv.Denied(
            rule=iv.Denial.EXECUTION_OVER,
            compared={"execution": named, "closed_by": execution.closed_by},
            expected="an execution that was not closed, or no --execution",
        )
    return None


def _is_of(execution: Execution, action: iv.AdoptPosition) -> bool:
    return (
        execution.role is OrderRole.ENTRY
        and execution.signal.symbol == action.symbol
        and action.side in ("", execution.side.value)
    )
