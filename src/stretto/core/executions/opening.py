"""What a plan becomes in the book: its execution and its allocations.

Shared by the decision, which needs them before they are there, and ``evolve``. Knows nothing else.
"""

from __future__ import annotations

from stretto.core.book import AWAITING, Allocation, Execution
from stretto.core.errors import check
from stretto.core.terms.plan import Plan, PlannedAllocation
from stretto.core.terms.report import OrderRole
from stretto.core.values import ZERO


def opened_by(plan: Plan, seq: int) -> Execution:
    """The execution that a plan becomes, decided in the entry ``seq``. Raises InvariantViolated
    where an entry was planned without a quote; an exit is not held up where there is none.
    """
    quote = plan.quote
    check(quote is not None or plan.closes != "", "an entry with allocations has a quote")
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
        awaits=plan.awaits,
        role=OrderRole.EXIT if plan.closes else OrderRole.ENTRY,
        closes=plan.closes,
    )


def share_of(plan: Plan, share: PlannedAllocation) -> Allocation:
    """An account's part of a plan, with what is reserved for it: nothing for an exit."""
    return Allocation(
        execution_id=plan.execution_id,
        account_id=share.account_id,
        planned=share.position_size,
        intended=share.position_size,
        pending=share.position_size,
        priority=share.execution_priority,
        release_at=share.release_at,
        window_end=share.window_end,
        due_at=plan.signal.valid_until + 1 if plan.awaits else share.release_at,
        held=AWAITING if plan.awaits else "",
        margin=share.margin,
        risk=share.risk,
        # The default itself, and no other zero: a field at its default is left out of the bytes.
        margin_planned=share.margin or ZERO,
        risk_planned=share.risk or ZERO,
        gap_ns=plan.timing_gap_ns,
        aggression=share.aggression,
        limit_price=share.limit_price,
        stop_price=share.stop_price,
        stop_loss=share.stop_loss,
        take_profit=share.take_profit,
    )
