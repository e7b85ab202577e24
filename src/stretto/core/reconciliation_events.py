"""Events of what is found out about the venue's side: proofs, differences, accounts compared.

Facts in the past tense; what they change is in ``evolve_reconciliation``.
"""

from __future__ import annotations

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


class Suspect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position that differs: signed base units on either side as text; ``side`` is empty where
    the venue nets. ``confirmed``: two views showed it, and a person was asked.
    """

    subject: str
    symbol: str
    book: str
    venue: str
    side: str = ""
    confirmed: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """Symbol and side."""
        return self.symbol, self.side


POSITION_DIFFERENCE = "position_difference"
"""Why a person is asked about a position, and why the account takes no entry meanwhile."""
NOT_YET_CONFIRMED = "position_difference_suspected"
"""An account that was never compared shows one: the next view decides."""


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
