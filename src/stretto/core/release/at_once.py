"""What of an immediate plan leaves in the entry that planned it (DESIGN §4.6).

The plan's gate judged every allocation at its final size, of the same book, on the same reads and
at the same instant; asked again the gate of the release would say the same, so that the orders are
intended here. What may change between one order and the next waits for its own release, which is
due at the same instant. Knows nothing of how the plan was made.
"""

from __future__ import annotations

from collections.abc import Iterator

from stretto.core import events as ev
from stretto.core.accounts.conduct import probes
from stretto.core.book import Book
from stretto.core.executions.opening import opened_by, share_of
from stretto.core.limits import INTENTS_AT_ONCE_MAX
from stretto.core.release.dispatch import intended
from stretto.core.terms.market import Reads
from stretto.core.terms.plan import Plan
from stretto.core.terms.signal import Urgency


def sent_at_once(book: Book, plan: Plan, reads: Reads, at_ns: int) -> Iterator[ev.OrderIntended]:
    """The first order of every allocation that goes with its plan, in the order of release; none
    of a plan that is staggered or waits for a person.

    A venue that has to be spared, or a circuit that lets only one entry try, is asked at each
    release. So is everything past ``INTENTS_AT_ONCE_MAX``: a long entry is durable late, and its
    orders may leave only until their ``send_before``.
    """
    if plan.signal.urgency is not Urgency.IMMEDIATE or plan.awaits:
        return
    accounts = book.configuration.accounts
    execution = opened_by(plan, book.seq + 1)  # not in the book before the plan is applied
    for share in plan.allocations[:INTENTS_AT_ONCE_MAX]:
        if book.throttled.get(accounts[share.account_id].venue, 0) > at_ns:
            continue
        event = intended(book, share_of(plan, share), execution, reads, at_ns)
        if not probes(book, event.order):
            yield event
