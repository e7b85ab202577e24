"""Plans that wait for a person's approval, from the journal of a book, running or not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from stretto.core.book import allocation_key
from stretto.core.values import ZERO, iso
from stretto.sessions.reading import replayed


class AwaitingPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One plan: ``awaits`` says which thresholds it is above; ``intended`` in base units."""

    execution_id: str
    signal_id: str
    symbol: str
    side: str
    accounts: int
    intended: Decimal
    awaits: tuple[str, ...]
    decided_at: str
    valid_until: str


def awaiting_plans(db: Path, book_id: str) -> list[AwaitingPlan]:
    """Those that nobody approved or rejected and that have not expired, the oldest first."""
    book, _ = replayed(db, book_id)
    found = []
    for execution in sorted(book.executions.values(), key=lambda e: (e.decided_at, e.execution_id)):
        if not execution.awaits or not execution.open_allocations:
            continue
        keys = [allocation_key(execution.execution_id, name) for name in execution.accounts]
        shares = [book.allocations[key] for key in keys if not book.allocations[key].ended]
        found.append(
            AwaitingPlan(
                execution_id=execution.execution_id,
                signal_id=execution.signal.signal_id,
                symbol=execution.signal.symbol,
                side=execution.side.value,
                accounts=len(shares),
                intended=sum((share.pending for share in shares), ZERO),
                awaits=execution.awaits,
                decided_at=iso(execution.decided_at),
                valid_until=iso(execution.signal.valid_until),
            )
        )
    return found
