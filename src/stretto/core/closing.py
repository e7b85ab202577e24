"""What an exit's plan becomes in the book: its execution and its allocations.

Shared by the decision, which needs them before they are there, and ``evolve``. Knows nothing else.
"""

from __future__ import annotations

from stretto.core.book import Allocation, Execution
from stretto.core.plan import Plan, PlannedAllocation
from stretto.core.report import OrderRole
from stretto.core.values import ZERO


def made_of(plan: Plan, seq: int) -> Execution:
    """The execution that an exit's plan becomes, decided in the entry ``seq``."""
    quote = plan.quote
    return Execution(
        execution_id=plan.execution_id,
        signal=plan.signal,
        decided_at=plan.decided_at,
        decision_seq=seq,
        arrival_bid=ZERO if quote is None else quote.bid,
        arrival_ask=ZERO if quote is None else quote.ask,
        side=plan.signal.side,
        accounts=tuple(share.account_id for share in plan.allocations),
        open_allocations=len(plan.allocations),
        role=OrderRole.EXIT,
        closes=plan.closes,
    )


def allocation_of(plan: Plan, share: PlannedAllocation) -> Allocation:
    """An account's part of an exit: nothing is reserved for it."""
    return Allocation(
        execution_id=plan.execution_id,
        account_id=share.account_id,
        planned=share.position_size,
        intended=share.position_size,
        pending=share.position_size,
        priority=share.execution_priority,
        release_at=share.release_at,
        window_end=share.window_end,
        due_at=share.release_at,
        margin=ZERO,
        risk=ZERO,
    )
