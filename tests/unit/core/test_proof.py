"""What proves an order dead, what does not, and what follows either way (DESIGN §4.9)."""

from __future__ import annotations

import pytest

from stretto.core import events as ev
from stretto.core.errors import InvariantViolated
from stretto.core.evolve import begin, evolve, finish
from stretto.core.limits import ABSENCE_APART_NS, CLOCK_SKEW_NS, SETTLE_TIME_NS_MIN
from stretto.core.messages.proof import (
    Absence,
    absence,
    absence_counts_from,
    may_be_proven,
    prove_dead,
)
from stretto.core.orders.order import Order, OrderInput, OrderState, step
from stretto.core.orders.order_changes import changes_between
from stretto.core.terms.report import ExecType, OrdStatus, StatusAnswer
from tests.book_invariants import holds, legal
from tests.builders import Desk, S, a_config, only

UNKNOWN, NOT_SENT = ev.SendOutcomeKind.UNKNOWN, ev.SendOutcomeKind.NOT_SENT
EVIDENCE = {"said_by": "the broker's desk, by telephone"}


def in_doubt(desk: Desk) -> Order:
    """One order whose write may or may not have happened, its queries spent."""
    (order,) = desk.released()
    desk.send(order, UNKNOWN)
    desk.timers_until(desk.now + 120 * S)
    return desk.book.orders[order.client_order_id]


def apply(desk: Desk, events: tuple[ev.Event, ...]) -> tuple[ev.Event, ...]:
    before = dict(desk.book.orders)
    begin(desk.book, desk.book.seq + 1, desk.now)
    for event in events:
        evolve(desk.book, event)
    finish(desk.book)
    for event in events:
        if isinstance(event, ev.OrderAdvanced):
            assert event.client_order_id in before
    return events


def proven(desk: Desk, order: Order, proof: ev.Proof) -> tuple[ev.Event, ...]:
    return apply(desk, prove_dead(desk.book, order, proof, EVIDENCE, desk.now))


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("proof", list(ev.Proof))
def test_a_proof_frees_the_quantity_and_settles_what_a_person_was_asked(proof: ev.Proof) -> None:
    desk = Desk(a_config(1))
    order = in_doubt(desk)
    assert desk.book.interventions == {order.client_order_id: "in_doubt"}
    events = proven(desk, order, proof)
    assert only(events, ev.OrderProvenDead).evidence == EVIDENCE
    assert only(events, ev.InterventionResolved).reason == "in_doubt"
    assert desk.book.interventions == {}
    assert desk.book.orders[order.client_order_id].state is OrderState.DEAD
    scheduled = only(events, ev.LegScheduled)
    assert scheduled.due_at > desk.now, "and goes on as after any order that never arrived"
    a = desk.allocation(order)
    assert (a.pending, a.ended) == (order.quantity, "")
    holds(desk.book)


def dead_by(desk: Desk, proof: str) -> Order:
    """An order that is dead by each of the four proofs."""
    if proof in ("reported", "unsent"):
        (order,) = desk.released()
        if proof == "unsent":
            desk.send(order, NOT_SENT)
        else:
            desk.send(order)
            code = {"reject_code": "UNKNOWN_SYMBOL", "text": "no"}
            desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, **code)
    else:
        order = in_doubt(desk)
        proven(desk, order, ev.Proof(proof))
    return desk.book.orders[order.client_order_id]


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("proof", ["reported", "unsent", "absence", "person"])
def test_a_later_fill_of_a_dead_order_is_booked_halts_the_account_and_escalates(
    proof: str,
) -> None:
    desk = Desk(a_config(1))
    order = dead_by(desk, proof)
    assert order.state in (OrderState.REJECTED, OrderState.DEAD)
    half = order.quantity / 2
    events = desk.report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=half, last=half)
    assert only(events, ev.FillBooked).quantity == half
    assert only(events, ev.AccountHalted).reason == "dead_order_alive"
    assert only(events, ev.InterventionRequired).reason == "dead_order_alive"
    a = desk.allocation(order)
    assert a.filled == half
    assert a.pending + a.abandoned == half, "never more than was intended"
    holds(desk.book)
    legal(desk.book, {order.client_order_id: order}, desk.entries[-1])


def test_an_order_that_was_to_be_canceled_is_not_sent_again_once_proven_dead() -> None:
    desk = Desk(a_config(1))
    order = in_doubt(desk)

    asked = step(order, OrderInput.CANCEL_REQUESTED, desk.now).order
    changes = changes_between(order, asked)
    assert changes is not None
    apply(
        desk,
        (
            ev.CancelRequested(
                client_order_id=order.client_order_id,
                execution_id=order.execution_id,
                account_id=order.account_id,
                reason="kill",
                changes=changes,
            ),
        ),
    )
    events = proven(desk, desk.book.orders[order.client_order_id], ev.Proof.PERSON)
    assert only(events, ev.AllocationEnded).abandoned == order.quantity
    holds(desk.book)


def test_a_proof_needs_evidence_and_an_order_that_can_be_proven() -> None:
    desk = Desk(a_config(1))
    desk.plan()
    due_at = desk.book.timers.next_at()
    assert due_at is not None
    desk.timers_until(due_at)
    (order,) = desk.book.orders.values()
    assert not may_be_proven(order), "a write is in hand"
    with pytest.raises(InvariantViolated):
        prove_dead(desk.book, order, ev.Proof.PERSON, EVIDENCE, desk.now)
    desk.send(order, UNKNOWN)
    order = desk.book.orders[order.client_order_id]
    assert may_be_proven(order)
    with pytest.raises(InvariantViolated):
        prove_dead(desk.book, order, ev.Proof.PERSON, {}, desk.now)
    proven(desk, order, ev.Proof.PERSON)
    assert not may_be_proven(desk.book.orders[order.client_order_id]), "it is dead"


@pytest.mark.requirement("P1")
def test_absence_is_proof_only_where_declared_and_by_two_views_at_their_times() -> None:
    desk = Desk(a_config(1))
    order = in_doubt(desk)
    settle = 90 * S
    least = order.send_before + settle + CLOCK_SKEW_NS
    assert absence_counts_from(order, settle) == least
    assert absence_counts_from(order, 0) == order.send_before + SETTLE_TIME_NS_MIN + CLOCK_SKEW_NS

    def word(at: int, first: int | None, *, is_proof: bool = True, of: Order = order) -> Absence:
        return absence(of, at, first, is_proof=is_proof, settle_time_ns=settle)

    assert word(least - 1, None) is Absence.NOTHING
    assert word(least, None) is Absence.FIRST
    assert word(least + ABSENCE_APART_NS - 1, least) is Absence.NOTHING
    assert word(least + ABSENCE_APART_NS, least) is Absence.PROOF
    assert word(least, None, is_proof=False) is Absence.NOTHING
    assert word(least + ABSENCE_APART_NS, least, is_proof=False) is Absence.NOTHING
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    known = desk.book.orders[order.client_order_id]
    assert word(least + ABSENCE_APART_NS, least, of=known) is Absence.NOTHING, "it was seen"


@pytest.mark.requirement("P1")
def test_a_venue_that_does_not_know_the_order_proves_nothing() -> None:
    desk = Desk(a_config(1))
    order = in_doubt(desk)
    answer = StatusAnswer(
        client_order_id=order.client_order_id, account_id="a0", known=False, transact_at=desk.now
    )
    desk.feed(ev.VenueAnswered(answer=answer))
    assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT
    assert desk.book.interventions == {order.client_order_id: "in_doubt"}


def test_an_answer_settles_what_a_person_was_asked() -> None:
    desk = Desk(a_config(1))
    order = in_doubt(desk)
    events = desk.report(order, ExecType.NEW, OrdStatus.NEW)
    assert only(events, ev.InterventionResolved).resolution == "new"
    assert desk.book.interventions == {}
    holds(desk.book)
