"""The record of stops and targets that are orders of their own, for venues that attach none.

One for each execution and account. Knows nothing of what they should be, or of how they are sent.
"""

from __future__ import annotations

import msgspec

from stretto.core.terms.report import OrderRole

PROTECTIVE = frozenset({OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT})
"""Roles of orders that are outside the identity of DESIGN §1.1 and follow a position."""


class Protection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``order_ids``: those that are not over, ``legs`` how many there ever were. ``changed_at``, ns
    UTC: when they, the position or its levels last changed. ``waits``: until when nothing more is
    tried, by leg or by order; None: a person was asked. ``tries`` counts failures likewise.
    ``amend``: the execution whose levels are not yet in force.
    """

    execution_id: str
    account_id: str
    changed_at: int
    order_ids: tuple[str, ...] = ()
    legs: int = 0
    waits: dict[str, int | None] = msgspec.field(default_factory=dict)
    tries: dict[str, int] = msgspec.field(default_factory=dict)
    amend: str = ""


def leg_of(role: OrderRole, position_id: str) -> str:
    """Name of the one order of a role that a venue's position may have at a time."""
    return f"{role.value}:{position_id}"


def asked_as(key: str, leg: str) -> str:
    """Under which name a person is asked about a leg that cannot be placed or changed."""
    return f"protection:{key}:{leg}"
