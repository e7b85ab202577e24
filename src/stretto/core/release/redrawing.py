"""First orders get new delays, counted from now: after an approval, or when a pause is over.

Drawn and spaced as in a plan, but with draws of their own (DESIGN §4.6). Must not know why.
"""

from __future__ import annotations

from collections.abc import Sequence

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, Execution
from stretto.core.plans.planning import urgency_now
from stretto.core.terms.market import Reads
from stretto.core.terms.refusal import Refusal
from stretto.core.terms.signal import Urgency
from stretto.core.times.timing import ReleaseRequest, release_times
from stretto.core.values import PPM


def redrawn(
    book: Book,
    execution: Execution,
    allocations: Sequence[Allocation],
    reads: Reads,
    at_ns: int,
    reason: str,
) -> list[ev.Event] | Refusal:
    """ReleaseScheduled for every allocation, none of which is scheduled now; or why the time left
    does not hold them.
    """
    if not allocations:
        return []
    signal, config = execution.signal, book.configuration
    redraw = execution.redraws + 1
    paces = {}
    for allocation in allocations:
        account = config.accounts.get(allocation.account_id)
        paces[allocation.account_id] = PPM if account is None else account.profile.bounded_pace()
    timing = release_times(
        [ReleaseRequest(account_id=name, pace_ppm=pace) for name, pace in paces.items()],
        book_key=config.book_key,
        execution_id=execution.execution_id,
        approved_at_ns=at_ns,
        pending_ns=tuple(sorted(book.scheduled.get(signal.symbol, {}).values())),
        market_urgency_ppm=urgency_now(signal, reads),
        immediate=signal.urgency is Urgency.IMMEDIATE,
        valid_until_ns=signal.valid_until,
        purpose=f"delay-{redraw}",
    )
    if isinstance(timing, Refusal):
        return timing
    return [
        ev.ReleaseScheduled(
            execution_id=execution.execution_id,
            account_id=release.account_id,
            release_at=release.release_at,
            window_end=release.window_end,
            gap_ns=timing.gap_ns,
            delay_ns=release.delay_ns,
            redraw=redraw,
            reason=reason,
        )
        for release in timing.releases
    ]
