"""Events of what is found out about the venue's side: proofs that an order is dead.

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
