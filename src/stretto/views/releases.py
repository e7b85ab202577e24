"""Every entry of a time range with its planned and its actual first release, from the tables.

What the reports on fairness and on delays have in common. Never writes. Knows nothing of either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from stretto.core.values import parse_iso
from stretto.views.texts import timestamp


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """One allocation; instants ns UTC. ``planned_at`` is the release in force, ``counted_from``
    where its delay begins, ``redrawn`` why it is not the plan's own. ``released_at``: when its
    first order was decided to be sent, None where none was. ``filled`` base units.
    """

    execution_id: str
    account_id: str
    symbol: str
    strategy: str
    status: str
    decided_at: int
    counted_from: int
    planned_at: int
    redrawn: str | None
    released_at: int | None
    filled: Decimal


# A later order of an allocation overwrites ``intended_at``; the log still has the first.
_READ = """
SELECT d.execution_id, r.account_id, d.symbol, d.execution_strategy, r.execution_status,
  d.decision_timestamp, r.delay_counted_from, r.execution_window_start, r.release_reason,
  CASE WHEN r.orders > 1 THEN (
    SELECT min(a.timestamp) FROM execution_audit_log AS a WHERE a.book_id = r.book_id
      AND a.execution_id = d.execution_id AND a.account_id = r.account_id
      AND a.event_type = 'order_intended')
  ELSE r.intended_at END,
  r.filled_quantity
FROM execution_decisions AS d JOIN execution_results AS r
  ON r.book_id = d.book_id AND r.decision_id = d.decision_id
WHERE d.book_id = ? AND d.execution_strategy <> 'exit'
  AND d.decision_timestamp > ? AND d.decision_timestamp <= ?
ORDER BY d.seq, r.account_id
"""


def executions_released(
    connection: sqlite3.Connection, book_id: str, since_ns: int, until_ns: int
) -> list[list[Released]]:
    """The allocations of each execution decided in (since, until], ns UTC, oldest first."""
    rows = connection.execute(_READ, (book_id, timestamp(since_ns), timestamp(until_ns)))
    return _by_execution(
        Released(
            execution_id=execution_id,
            account_id=account_id,
            symbol=symbol,
            strategy=strategy,
            status=status,
            decided_at=parse_iso(decided_at),
            counted_from=parse_iso(counted_from),
            planned_at=parse_iso(planned_at),
            redrawn=redrawn,
            released_at=None if released_at is None else parse_iso(released_at),
            filled=Decimal(filled),
        )
        for (
            execution_id,
            account_id,
            symbol,
            strategy,
            status,
            decided_at,
            counted_from,
            planned_at,
            redrawn,
            released_at,
            filled,
        ) in rows
    )


def _by_execution(released: Iterable[Released]) -> list[list[Released]]:
    found: dict[str, list[Released]] = {}
    for each in released:
        found.setdefault(each.execution_id, []).append(each)
    return list(found.values())
