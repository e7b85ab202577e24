"""What proves an order dead, so that its quantity may go elsewhere (DESIGN §4.9).

(a) A terminal report or a certain reject, and (b) a write that did not happen, are messages of the
order machine and need nothing from here: the message is the evidence. (c) Absence and (d) a
person's word are judged here; everything else proves nothing. A later fill of a dead order is
booked all the same, halts its account and asks for a person (``advancing``). Knows nothing of how
a view was obtained or who the person is.
"""

from __future__ import annotations

from enum import StrEnum

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import check
from stretto.core.limits import ABSENCE_APART_NS, CLOCK_SKEW_NS, SETTLE_TIME_NS_MIN
from stretto.core.messages.advancing import advance
from stretto.core.orders.order import Order, OrderInput, OrderState
from stretto.core.orders.order_table import TABLE
from stretto.core.reconciliation_events import Proof


class Absence(StrEnum):
    """What it means that a complete view does not show an order."""

    NOTHING = "nothing"
    """Too early, too soon after the first, or silence proves nothing at this venue."""
    FIRST = "first"
    """The first of the two views: remembered."""
    PROOF = "proof"
    """The second: the order does not exist."""


def may_be_proven(order: Order) -> bool:
    """True where the machine takes a proof: in doubt or live, not while a write is in hand, and not
    where the order has ended.
    """
    found = TABLE.get((order.state, OrderInput.PROVEN_DEAD))
    return found is OrderState.DEAD


def absence_counts_from(order: Order, settle_time_ns: int) -> int:
    """The earliest time of a view, ns UTC, whose silence about the order says anything: past the
    last instant it could have been sent, the venue's settle time and the skew between clocks.
    """
    return order.send_before + max(settle_time_ns, SETTLE_TIME_NS_MIN) + CLOCK_SKEW_NS


def absence(
    order: Order, view_at: int, first_at: int | None, *, is_proof: bool, settle_time_ns: int
) -> Absence:
    """What one more complete view without the order means. ``first_at`` is the time of the first
    that counted, None where there was none; ``is_proof`` whether the venue declares that absence
    proves anything.
    """
    if not is_proof or order.state is not OrderState.IN_DOUBT or order.cum_qty:
        return Absence.NOTHING
    if view_at < absence_counts_from(order, settle_time_ns):
        return Absence.NOTHING
    if first_at is None:
        return Absence.FIRST
    return Absence.PROOF if view_at >= first_at + ABSENCE_APART_NS else Absence.NOTHING


def prove_dead(
    book: Book, order: Order, proof: Proof, evidence: dict[str, str], at_ns: int
) -> tuple[ev.Event, ...]:
    """The order is dead, with what shows it; what it left goes on as after any failed order.

    Raises InvariantViolated without evidence, or where ``may_be_proven`` says no.
    """
    check(may_be_proven(order), "order {}: {}", order.client_order_id, order.state.value)
    check(bool(evidence), "order {}: a proof needs evidence", order.client_order_id)
    proven = ev.OrderProvenDead(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        proof=proof,
        evidence=evidence,
    )
    words = f"proven dead: {proof.value}"
    return (proven, *advance(book, order, OrderInput.PROVEN_DEAD, at_ns, None, words))
