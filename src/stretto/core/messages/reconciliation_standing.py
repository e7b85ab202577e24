"""How an account stands against one view of it: each difference, what settled it, who goes on.

Reads the book after the view was handled and changes nothing. Knows nothing of when a venue is
asked, nor of who wants to know.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.limits import CANCELS_MAX
from stretto.core.orders.order import Order, OrderState
from stretto.core.reconciliation_events import (
    ADOPTED,
    POSITION_DIFFERENCE,
    STRANGER,
    DifferenceKind,
    Suspect,
    position_subject,
)
from stretto.core.reconciling.reconciliation_due import live_orders
from stretto.core.reconciling.reconciliation_positions import (
    POSITION_CHOICES,
    cause_of,
    held_in_book,
    place_of,
    shown_at_venue,
)
from stretto.core.reconciling.strangers import is_left_alone, key_of, words_of
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.choices import CHOICES
from stretto.core.terms.venue import MassStatus
from stretto.core.values import ZERO


class Outcome(StrEnum):
    """What became of a difference: settled by this comparison, followed by the book itself, or left
    to a person.
    """

    SETTLED = "settled"
    FOLLOWED = "followed"
    PERSON = "person"


class Difference(Struct, frozen=True, kw_only=True):
    """Where book and venue differed, each side in words; ``what`` says what was done, or is to be.
    ``subject`` as in DifferenceFound.
    """

    kind: DifferenceKind
    subject: str
    book: str
    venue: str
    cause: str
    outcome: Outcome
    what: str


class PositionLine(Struct, frozen=True, kw_only=True):
    """Signed base units of one symbol on either side; ``side`` is empty where the venue nets. Of
    the book's, a person ``adopted`` a part; of the venue's, another was ``dismissed`` as not ours.
    """

    symbol: str
    side: str
    book: Decimal
    venue: Decimal
    adopted: Decimal
    dismissed: Decimal

    @property
    def agrees(self) -> bool:
        """True where both sides are the same, but for what was dismissed."""
        return self.book in (self.venue, self.venue - self.dismissed)


class Question(Struct, frozen=True, kw_only=True):
    """What a person is asked about the account, its orders and allocations."""

    subject: str
    reason: str


class Standing(Struct, frozen=True, kw_only=True):
    """An account against a view taken ``view_at`` (the venue's time) and handled by ``compared_at``
    (book time, ns UTC). ``executions_shown`` since ``shown_since``, of which ``executions_booked``
    were not known; ``balance_known`` is the book's last before, account currency. ``blocked`` says
    why the account takes no entry.
    """

    account_id: str
    venue: str
    currency: str
    compared_at: int
    view_at: int
    shown_since: int
    orders_book: int
    orders_venue: int
    in_doubt: int
    executions_shown: int
    executions_booked: int
    positions: tuple[PositionLine, ...]
    balance: Decimal
    balance_known: Decimal | None
    differences: tuple[Difference, ...]
    questions: tuple[Question, ...]
    blocked: str

    @property
    def remaining(self) -> int:
        """Differences that are not settled."""
        return sum(1 for each in self.differences if each.outcome is not Outcome.SETTLED)


def standing_of(
    book: Book,
    status: MassStatus,
    events: Iterable[ev.Event],
    known: AccountSnapshot | None,
    at_ns: int,
) -> Standing:
    """The account after ``status`` was handled at ``at_ns``, which made ``events``; ``known`` is
    the snapshot the book had before.
    """
    account_id = status.account_id
    made = tuple(events)
    live = live_orders(book, account_id)
    positions = _positions(book, status)
    differences = (
        *(difference for event in made for difference in _settled(event)),
        *_of_orders(book, live),
        *_of_strangers(book, status),
        *_of_positions(book, account_id, positions),
    )
    return Standing(
        account_id=account_id,
        venue=status.venue,
        currency=book.configuration.accounts[account_id].currency,
        compared_at=at_ns,
        view_at=status.at,
        shown_since=status.since,
        orders_book=len(live),
        orders_venue=len(status.orders),
        in_doubt=sum(1 for order in live if order.state is OrderState.IN_DOUBT),
        executions_shown=len(status.executions),
        executions_booked=sum(1 for event in made if isinstance(event, ev.FillBooked)),
        positions=positions,
        balance=status.account.balance,
        balance_known=None if known is None else known.balance,
        differences=differences,
        questions=_questions(book, account_id, {each.subject for each in differences}),
        blocked=book.ledgers[account_id].unreconciled,
    )


def _positions(book: Book, status: MassStatus) -> tuple[PositionLine, ...]:
    account_id, mode = status.account_id, status.position_mode
    ours, theirs = held_in_book(book, account_id, mode), shown_at_venue(status)
    adopted: dict[tuple[str, str], Decimal] = {}
    for name, held in book.positions.get(account_id, {}).items():
        if name.startswith(ADOPTED):
            place = place_of(mode, held.symbol, held.quantity)
            adopted[place] = adopted.get(place, ZERO) + held.quantity
    dismissed = {e.place: e.quantity for e in book.dismissed.values() if e.account_id == account_id}
    return tuple(
        PositionLine(
            symbol=symbol,
            side=side,
            book=ours.get((symbol, side), ZERO),
            venue=theirs.get((symbol, side), ZERO),
            adopted=adopted.get((symbol, side), ZERO),
            dismissed=dismissed.get((symbol, side), ZERO),
        )
        for symbol, side in sorted({*ours, *theirs})
    )


# --- what this comparison settled

_TAKEN = {
    DifferenceKind.EXECUTION_MISSED: "booked, once",
    DifferenceKind.ORDER_STATE: "the venue's word was taken over",
}


def _settled(event: ev.Event) -> tuple[Difference, ...]:
    if isinstance(event, ev.DifferenceFound) and event.kind in _TAKEN:
        found = (event.kind, event.subject, event.book, event.venue, event.cause)
        what = _TAKEN[event.kind]
    elif isinstance(event, ev.OrderProvenDead):
        words = ("in doubt", "in none of its complete views", "it never arrived, or ended")
        found = (DifferenceKind.ORDER_MISSING, event.client_order_id, *words)
        what = f"proven dead by {event.proof.value}"
    elif isinstance(event, ev.InterventionResolved) and event.reason in _ASKED:
        found = (_ASKED[event.reason], event.client_order_id, "", "", "")
        what = event.resolution
    else:
        return ()
    kind, subject, in_book, at_venue, cause = found
    return (
        Difference(
            kind=kind,
            subject=subject,
            book=in_book,
            venue=at_venue,
            cause=cause,
            outcome=Outcome.SETTLED,
            what=what,
        ),
    )


_ASKED = {
    POSITION_DIFFERENCE: DifferenceKind.POSITION,
    STRANGER: DifferenceKind.ORDER_UNKNOWN,
}


# --- what stands between them still


def _of_orders(book: Book, live: Iterable[Order]) -> Iterable[Difference]:
    """Orders that may be live and that the venue does not show."""
    for order in live:
        name = order.client_order_id
        doubtful = order.state is OrderState.IN_DOUBT
        if not doubtful and name not in book.missing:
            continue
        asked = name in book.interventions
        followed = "the venue is asked about it" if not doubtful else "it is asked about, held"
        yield Difference(
            kind=DifferenceKind.ORDER_MISSING,
            subject=name,
            book=f"{order.state.value}, {order.cum_qty} filled",
            venue="not shown",
            cause="the answer to the order did not arrive" if doubtful else "not known",
            outcome=Outcome.PERSON if asked else Outcome.FOLLOWED,
            what="see at the venue what became of it, and `stretto resolve` it" if asked
            else followed,
        )  # fmt: skip


def _of_strangers(book: Book, status: MassStatus) -> Iterable[Difference]:
    held = book.reconciled.get(status.account_id)
    now = () if held is None else held.strangers
    for view in status.orders:
        key = key_of(status.account_id, view)
        if key not in now or is_left_alone(book, key):
            continue
        known = book.strangers.get(key)
        cancels = 0 if known is None else known.cancels
        followed = f"its cancel was asked for, {cancels}. time: the next view shows what became"
        yield Difference(
            kind=DifferenceKind.ORDER_UNKNOWN,
            subject=key,
            book="no such order",
            venue=words_of(view),
            cause="placed by somebody else, or by an earlier book",
            outcome=Outcome.FOLLOWED if 0 < cancels < CANCELS_MAX else Outcome.PERSON,
            what=followed if 0 < cancels < CANCELS_MAX else CHOICES[STRANGER],
        )


def _of_positions(
    book: Book, account_id: str, lines: Iterable[PositionLine]
) -> Iterable[Difference]:
    held = book.reconciled.get(account_id)
    suspects = {each.place: each for each in (() if held is None else held.suspects)}
    for line in lines:
        if line.agrees:
            continue
        outcome, what = _next(suspects.get((line.symbol, line.side)))
        yield Difference(
            kind=DifferenceKind.POSITION,
            subject=position_subject(account_id, line.symbol, line.side),
            book=str(line.book),
            venue=str(line.venue),
            cause=cause_of(line.book, line.venue),
            outcome=outcome,
            what=what,
        )


def _next(suspect: Suspect | None) -> tuple[Outcome, str]:
    if suspect is None:
        return Outcome.FOLLOWED, "an order moves it: compared once that is at rest"
    if not suspect.confirmed:
        return Outcome.FOLLOWED, "seen in one view, which proves nothing: the next one decides"
    return Outcome.PERSON, POSITION_CHOICES


def _questions(book: Book, account_id: str, told: set[str]) -> tuple[Question, ...]:
    """What a person is asked beside the differences named in ``told``."""
    return tuple(
        Question(subject=key, reason=reason)
        for key, reason in sorted(book.interventions.items())
        if key not in told and _is_about(book, key, account_id)
    )


def _is_about(book: Book, key: str, account_id: str) -> bool:
    """True where a person is asked about an order of the account, or under its name."""
    order = book.orders.get(key)
    if order is not None:
        return order.account_id == account_id
    return f"/{account_id}/" in f"/{key}/"
