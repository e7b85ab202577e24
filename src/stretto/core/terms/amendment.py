"""The record of a stop and target that a venue is asked to set. Knows nothing of how or why."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Amendment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a position should have, in quote currency, until the venue says that it has.

    ``execution_id`` is the amend's, ``position_of`` the one that holds the position. ``request_id``
    is the last request, the ``attempt``-th, empty where none was made. ``due_at``, ns UTC: when it
    is asked (again). None: a person was asked. ``tries`` counts failures by class.
    """

    execution_id: str
    account_id: str
    position_of: str
    position_id: str
    symbol: str
    stop_loss: Decimal | None
    take_profit: Decimal | None
    request_id: str = ""
    attempt: int = 0
    due_at: int | None = None
    tries: dict[str, int] = msgspec.field(default_factory=dict)


def amendment_key(position_of: str, account_id: str, position_id: str) -> str:
    """Key of an amendment in the book: one for each of the venue's positions."""
    return f"{position_of}/{account_id}/{position_id}"
