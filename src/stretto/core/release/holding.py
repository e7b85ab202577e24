"""Why what waits of an execution may not go, where a person has a hand in it.

Knows nothing of who asked or when it goes on.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Allocation, Execution

PAUSED = "paused"


def held(execution: Execution, allocation: Allocation, reason: str) -> ev.PendingHeld:
    """What waits may not go; it expires with the signal."""
    return ev.PendingHeld(
        execution_id=execution.execution_id,
        account_id=allocation.account_id,
        reason=reason,
        until=execution.signal.valid_until + 1,
    )
