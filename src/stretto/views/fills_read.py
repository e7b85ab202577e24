"""Every sent entry of a time range with its fills and what was done about them, from the tables.

Never writes. Knows nothing of how they are counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import msgspec

from stretto.core.executions.completion_steps import IMMEDIATE_REMAINDER
from stretto.core.orders.completion import Strategy
from stretto.core.values import ZERO, Side, parse_iso
from stretto.views.texts import decimal_of, timestamp

BEFORE = "before"
"""Stands for what filled before any strategy was chosen."""
AGAIN = "again"
"""Stands for the rest of an IOC or FOK order that is sent anew."""

Outcome = Literal["complete", "given_up", "moved", "open"]


class After(msgspec.Struct):
    """What filled after one strategy: base units, and Σ pips worse than arrival * quantity, None
    where no arrival price is known.
    """

    quantity: Decimal
    worse_pips: Decimal | None


class Filled(msgspec.Struct, kw_only=True):
    """One allocation of which an order was decided. Quantities base units; ``planned`` is what the
    plan or another account gave it; ``chosen`` are its strategies in order; ``after`` by strategy.
    """

    account_id: str
    venue: str
    symbol: str
    side: Side
    arrival_price: Decimal | None
    pip: Decimal | None
    status: str
    planned: Decimal
    abandoned: Decimal
    slippage_pips: Decimal | None
    is_partial: bool
    until_complete_ns: int | None
    moved: Decimal = ZERO
    chosen: list[str] = msgspec.field(default_factory=list)
    after: dict[str, After] = msgspec.field(default_factory=dict)

    @property
    def last(self) -> str:
        """The strategy chosen last."""
        return self.chosen[-1] if self.chosen else BEFORE

    @property
    def in_force(self) -> str:
        """What the order in the market comes from: the last strategy but waits, else a wait."""
        moves = [word for word in self.chosen if word != Strategy.WAIT.value]
        return moves[-1] if moves else self.last

    @property
    def outcome(self) -> Outcome:
        """What became of the whole quantity; given up counts before moved."""
        if self.status in _OPEN:
            return "open"
        if self.abandoned > 0:
            return "given_up"
        return "moved" if self.moved > 0 else "complete"

    @property
    def abandoned_share(self) -> Decimal:
        """Given up, of what was planned or received."""
        return self.abandoned / self.planned if self.planned > 0 else ZERO


_OPEN = frozenset({"pending", "submitting", "sent", "working", "in_doubt"})

# An allocation that began with what another account gave up has no planned quantity of its own.
_ALLOCATIONS = """
SELECT d.execution_id, r.account_id, coalesce(t.venue, ''), r.symbol, r.side, r.arrival_price,
  r.pip, r.execution_status, r.planned_quantity, r.intended_quantity, r.abandoned_quantity,
  r.slippage_pips, r.partial_fills, coalesce(r.sent_at, r.first_fill_at), r.last_fill_at
FROM execution_decisions AS d
  JOIN execution_results AS r ON r.book_id = d.book_id AND r.decision_id = d.decision_id
  LEFT JOIN trading_accounts AS t ON t.book_id = r.book_id AND t.account_id = r.account_id
WHERE d.book_id = ? AND d.execution_strategy <> 'exit' AND r.orders > 0
  AND d.decision_timestamp > ? AND d.decision_timestamp <= ?
ORDER BY d.seq, r.account_id
"""

_EVENTS = """
SELECT a.execution_id, a.account_id, a.event_type, a.event_data
FROM execution_decisions AS d
  JOIN execution_audit_log AS a ON a.book_id = d.book_id AND a.execution_id = d.execution_id
WHERE d.book_id = ? AND d.execution_strategy <> 'exit'
  AND d.decision_timestamp > ? AND d.decision_timestamp <= ?
  AND a.event_type IN ('completion_assessed', 'leg_scheduled', 'remainder_rerouted', 'fill_booked')
ORDER BY a.seq, a.event_index
"""


class _Assessed(msgspec.Struct):
    strategy: str


class _Leg(msgspec.Struct):
    reason: str


class _Rerouted(msgspec.Struct):
    quantity: Decimal


class _Booked(msgspec.Struct):
    quantity: Decimal
    notional: Decimal
    cause: str = "entry"


def entries_filled(
    connection: sqlite3.Connection, book_id: str, since_ns: int, until_ns: int
) -> list[Filled]:
    """The sent allocations of entries decided in (since, until], ns UTC, oldest first."""
    span = (book_id, timestamp(since_ns), timestamp(until_ns))
    found = {(row[0], row[1]): _filled(row[1:]) for row in connection.execute(_ALLOCATIONS, span)}
    for execution_id, account_id, kind, data in connection.execute(_EVENTS, span):
        each = found.get((execution_id, account_id))
        if each is not None:
            _TAKE[kind](each, data)
    return list(found.values())


def _filled(row: tuple[Any, ...]) -> Filled:
    (
        account_id, venue, symbol, side, arrival, pip, status, planned, intended, abandoned,
        slippage, partial_fills, since, until,
    ) = row  # fmt: skip
    own = Decimal(planned)
    took = None
    if since is not None and until is not None:
        took = max(0, parse_iso(until) - parse_iso(since))
    return Filled(
        account_id=account_id,
        venue=venue,
        symbol=symbol,
        side=Side(side),
        arrival_price=decimal_of(arrival),
        pip=decimal_of(pip),
        status=status,
        planned=own if own > 0 else Decimal(intended),
        abandoned=Decimal(abandoned),
        slippage_pips=decimal_of(slippage),
        is_partial=partial_fills > 0,
        until_complete_ns=took,
    )


def _assessed(each: Filled, data: str) -> None:
    each.chosen.append(msgspec.json.decode(data, type=_Assessed).strategy)


def _leg(each: Filled, data: str) -> None:
    if msgspec.json.decode(data, type=_Leg).reason == IMMEDIATE_REMAINDER:
        each.chosen.append(AGAIN)


def _rerouted(each: Filled, data: str) -> None:
    each.moved += msgspec.json.decode(data, type=_Rerouted).quantity


def _booked(each: Filled, data: str) -> None:
    """A fill, or (with negative quantity) one that was taken back."""
    fill = msgspec.json.decode(data, type=_Booked)
    if fill.cause != "entry":
        return
    after = each.after.setdefault(each.in_force, After(ZERO, ZERO))
    after.quantity += fill.quantity
    if each.arrival_price is None or each.pip is None or after.worse_pips is None:
        after.worse_pips = None
        return
    against = fill.notional - each.arrival_price * fill.quantity
    after.worse_pips += against * each.side.sign / each.pip


_TAKE: dict[str, Callable[[Filled, str], None]] = {
    "completion_assessed": _assessed,
    "leg_scheduled": _leg,
    "remainder_rerouted": _rerouted,
    "fill_booked": _booked,
}
