"""Releases of one symbol that became due together leave one after another (DESIGN §4.6, §8.13).

After a stall (the process was stopped, the machine slept) many are overdue at one instant. Each
finds the first free instant of its own; its window still counts from the plan. What finds its
market closed is drawn anew for the next session. Knows nothing of gates, quotes or orders.
"""

from __future__ import annotations

from bisect import bisect_right, insort

from stretto.core import events as ev
from stretto.core.book import Allocation, Book
from stretto.core.executions.sessions import next_session
from stretto.core.limits import DEFERRALS_MAX
from stretto.core.times.timing import delay_from_draw, gap_ns_of
from stretto.core.values import draw


def deferrals(book: Book, key: str, at_ns: int) -> tuple[ev.ReleaseDeferred, ...]:
    """Empty where the allocation may leave at ``at_ns``; else until when it waits, and with it what
    else of the symbol is overdue, the earliest due first, at most ``DEFERRALS_MAX`` in all.

    The gap is the smallest of the allocation's own, the last release's, and what all dispatches now
    pending in the symbol allow; urgency immediate keeps none. The instant is the first that keeps
    it to the last release and to everything scheduled later than now, those before it in this list
    included; so as many as are overdue need at most 29 s / 2 where nothing else is scheduled. The
    first may come to lie beyond its window, which ends it; the others are left out there.

    Nothing is deferred twice unless another release leaves late in between.
    """
    allocation = book.allocations[key]
    symbol = book.executions[allocation.execution_id].signal.symbol
    last = book.released.get(symbol)
    if last is None or not allocation.gap_ns:
        return ()
    scheduled = book.scheduled[symbol]
    widest_ns = min(last.gap_ns, gap_ns_of(len(scheduled)))
    if at_ns - last.at >= min(allocation.gap_ns, widest_ns):
        return ()
    taken = sorted(due_at for due_at in scheduled.values() if due_at > at_ns)
    overdue = sorted((due_at, name) for name, due_at in scheduled.items() if due_at <= at_ns)
    others = [name for _, name in overdue if name != key and book.allocations[name].gap_ns]
    waits: list[ev.ReleaseDeferred] = []
    before_ns, before_gap_ns = last.at, widest_ns
    for name in (key, *others[: DEFERRALS_MAX - 1]):
        each = book.allocations[name]
        gap_ns = min(each.gap_ns, widest_ns)
        # what was not free with a smaller gap is not with this one
        start_ns = (before_ns if gap_ns >= before_gap_ns else last.at) + gap_ns
        free_ns = first_free(start_ns, taken, gap_ns)
        if not waits or free_ns <= _latest(book, each):
            waits.append(
                ev.ReleaseDeferred(
                    execution_id=each.execution_id,
                    account_id=each.account_id,
                    symbol=symbol,
                    planned_at=each.release_at,
                    deferred_to=free_ns,
                    last_release_at=last.at,
                    gap_ns=gap_ns,
                )
            )
            insort(taken, free_ns)
            before_ns, before_gap_ns = free_ns, gap_ns
    return tuple(waits)


def _latest(book: Book, allocation: Allocation) -> int:
    valid_until = book.executions[allocation.execution_id].signal.valid_until
    return valid_until if allocation.order_ids else min(allocation.window_end, valid_until)


def next_session_release(book: Book, allocation: Allocation, at_ns: int) -> tuple[int, int] | None:
    """When the symbol's next session opens at the account's venue, and when in it the allocation
    may leave: with a delay drawn anew and apart from what is scheduled there (none where it keeps
    no gap); ns UTC. None where no next session is known.
    """
    execution_id, account_id = allocation.execution_id, allocation.account_id
    symbol = book.executions[execution_id].signal.symbol
    venue = book.configuration.accounts[account_id].venue
    opens_at = next_session(book, symbol, venue, at_ns)
    if opens_at is None or not allocation.gap_ns:
        return None if opens_at is None else (opens_at, opens_at)
    leg = len(allocation.order_ids)
    key = book.configuration.book_key
    _, delay_ns = delay_from_draw(draw(key, execution_id, account_id, "session-delay", leg))
    taken = sorted(book.scheduled.get(symbol, {}).values())
    return opens_at, first_free(opens_at + delay_ns, taken, allocation.gap_ns)


def first_free(earliest_ns: int, taken_ns: list[int], gap_ns: int) -> int:
    """The first instant from ``earliest_ns`` on that keeps the gap to the sorted ``taken_ns``."""
    free = earliest_ns
    for place in range(bisect_right(taken_ns, free - gap_ns), len(taken_ns)):
        if taken_ns[place] >= free + gap_ns:
            break
        free = taken_ns[place] + gap_ns
    return free
