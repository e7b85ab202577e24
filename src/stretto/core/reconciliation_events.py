"""Events of what is found out about the venue's side: proofs, differences, accounts compared.

Facts in the past tense; what they change is in ``evolve_reconciliation``.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class Proof(StrEnum):
    """What shows that an order is dead where no message of its own does (DESIGN §4.9, c and d)."""

    ABSENCE = "absence"
    """Two complete views of a venue that declares absence to be proof."""
    PERSON = "person"
    """A person, with evidence."""


class OrderProvenDead(msgspec.Struct, frozen=True, kw_only=True, tag="order_proven_dead"):
    """An order cannot fill any more, and what shows it. ``evidence`` names what was seen: times of
    the views, or a person's words and where they come from.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    proof: Proof
    evidence: dict[str, str]


class OrderMissed(msgspec.Struct, frozen=True, kw_only=True, tag="order_missed"):
    """A complete view taken at ``view_at`` (the venue's time, ns UTC) does not show an order that
    may be live. That alone proves nothing.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    view_at: int


class DifferenceKind(StrEnum):
    """What differed between book and venue."""

    EXECUTION_MISSED = "execution_missed"
    ORDER_STATE = "order_state"
    ORDER_MISSING = "order_missing"
    ORDER_UNKNOWN = "order_unknown"
    POSITION = "position"


class DifferenceFound(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="difference_found"
):
    """Book and venue differed, each side in words, and why where that is known. ``subject`` is an
    order, a position's ticket, or ``ACCOUNT/position/SYMBOL[/side]``.
    """

    account_id: str
    kind: DifferenceKind
    subject: str
    book: str
    venue: str
    cause: str
    execution_id: str = ""


class VenueTicket(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One position of the venue's by its id: signed base units, average price in quote units."""

    position_id: str
    quantity: Decimal
    average_price: Decimal


class Suspect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position that differs: signed base units on either side as text; ``side`` is empty where
    the venue nets. ``tickets`` are what ``venue`` consists of. ``confirmed``: two views showed it,
    and a person was asked.
    """

    subject: str
    symbol: str
    book: str
    venue: str
    side: str = ""
    confirmed: bool = False
    tickets: tuple[VenueTicket, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """Symbol and side."""
        return self.symbol, self.side


def position_subject(account_id: str, symbol: str, side: str) -> str:
    """Under which name a person is asked about a position; ``side`` empty where the venue nets."""
    return "/".join(part for part in (account_id, "position", symbol, side) if part)


ADOPTED = "adopted/"
"""How the holder of a position begins that a person adopted and gave to no execution."""
POSITION_DIFFERENCE = "position_difference"
"""Why a person is asked about a position, and why the account takes no entry meanwhile."""
NOT_YET_CONFIRMED = "position_difference_suspected"
"""An account that was never compared shows one: the next view decides."""


STRANGER = "unknown_venue_order"
"""Why a person is asked about an order at the venue that is not the book's."""


class Stranger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order that the book never sent; ``client_order_id`` is empty where the venue shows none.
    ``dismissed_by`` is who left it alone, ``canceled_by`` who had it cancelled; ``cancels`` counts
    how often that was asked for.
    """

    account_id: str
    venue_order_id: str
    client_order_id: str = ""
    dismissed_by: str = ""
    canceled_by: str = ""
    cancels: int = 0


class AccountReconciled(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="account_reconciled"
):
    """An account was compared with a view taken ``at`` (the venue's time, ns UTC). Noted where it
    changes what is known, and now and then. ``strangers`` are live orders that are not the book's;
    ``unreconciled`` says why the account takes no entry, empty where it may.
    """

    account_id: str
    at: int
    complete: bool
    differences: int
    suspects: tuple[Suspect, ...] = ()
    strangers: tuple[str, ...] = ()
    unreconciled: str = ""


class ReconciliationRequired(
    msgspec.Struct, frozen=True, kw_only=True, tag="reconciliation_required"
):
    """No account takes an entry before it was compared with its venue, and why."""

    reason: str


class PositionAdopted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="position_adopted"
):
    """A person took over what the venue shows: ``quantity`` more (signed base units, quote price)
    of the venue's ``position_id`` is held by ``holder``, an execution where the person named it.
    """

    account_id: str
    holder: str
    symbol: str
    position_id: str
    quantity: Decimal
    price: Decimal
    actor: str
    reason: str
    execution_id: str = ""


class VenueOrderDismissed(msgspec.Struct, frozen=True, kw_only=True, tag="venue_order_dismissed"):
    """A person said that an order is not the book's, and left it alone: it is no difference while
    the venue shows it. ``subject`` is the name under which the person was asked.
    """

    account_id: str
    subject: str
    venue_order_id: str
    actor: str
    reason: str


class VenueOrderCancelRequested(
    msgspec.Struct, frozen=True, kw_only=True, tag="venue_order_cancel_requested"
):
    """The cancel of an order that the book never sent, as a person wanted it, for the ``attempt``th
    time. ``client_order_id`` is what the venue shows, empty where that is nothing.
    """

    account_id: str
    subject: str
    venue_order_id: str
    client_order_id: str
    attempt: int
    actor: str
    reason: str


class PositionDismissed(msgspec.Struct, frozen=True, kw_only=True, tag="position_dismissed"):
    """A person said that ``quantity`` (signed base units) of what the venue shows is not the
    book's: it counts for nothing, and is no difference. 0: none of it is there any more.
    """

    account_id: str
    symbol: str
    side: str
    quantity: Decimal
    actor: str
    reason: str

    @property
    def place(self) -> tuple[str, str]:
        """Symbol and side."""
        return self.symbol, self.side
