"""An order whose fate is unknown is asked about, never sent again; at last a person is."""

from __future__ import annotations

import pytest

from stretto.core import events as ev
from stretto.core.effects import QueryOrder, SubmitOrder
from stretto.core.engine import decide
from stretto.core.evolve import begin, evolve, finish
from stretto.core.orders.order import OrderState, Replacement, step
from stretto.core.orders.order_changes import changes_between
from stretto.core.terms.report import CancelReject, ExecType, OrdStatus, StatusAnswer
from tests.book_invariants import holds
from tests.builders import START, Desk, S, a_config, a_signal, only, report_of, the_reads

NOT_SENT, SENT, UNKNOWN = (
    ev.SendOutcomeKind.NOT_SENT,
    ev.SendOutcomeKind.SENT,
    ev.SendOutcomeKind.UNKNOWN,
)


def a_desk() -> Desk:
    desk = Desk(a_config(1))
    desk.released()
    return desk


def queries(desk: Desk) -> list[int]:
    """When the venue was asked, in seconds since the order fell into doubt."""
    asked = [
        entry.at for entry in desk.entries for e in entry.events if isinstance(e, ev.OrderQueried)
    ]
    doubt = next(
        entry.at
        for entry in desk.entries
        for e in entry.events
        if isinstance(e, ev.OrderAdvanced) and e.changes.state is OrderState.IN_DOUBT
    )
    return [(at - doubt) // S for at in asked]


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("outcome", [UNKNOWN, SENT, None])
def test_unknown_is_in_doubt_queried_five_times_and_then_a_persons(
    outcome: ev.SendOutcomeKind | None,
) -> None:
    """The write's outcome unknown, no answer to a write, and no word of the write at all."""
    desk = a_desk()
    (order,) = desk.book.orders.values()
    if outcome is not None:
        desk.send(order, outcome)
    desk.timers_until(desk.now + 1_000 * S)
    assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT
    assert queries(desk) == [2, 6, 14, 30, 62]
    assert sum(isinstance(c, QueryOrder) for c in desk.commands) == 5
    assert sum(isinstance(c, SubmitOrder) for c in desk.commands) == 1
    assert desk.book.interventions == {order.client_order_id: "in_doubt"}
    (a,) = desk.book.allocations.values()
    assert desk.book.quantities(a).in_doubt == a.intended
    assert a.ended == ""
    assert a.margin > 0, "what is in doubt stays reserved"
    assert len(desk.book.timers) == 0
    holds(desk.book)


@pytest.mark.requirement("P1")
def test_an_unknown_order_at_the_venue_proves_nothing() -> None:
    desk = a_desk()
    (order,) = desk.book.orders.values()
    desk.send(order, UNKNOWN)
    answer = StatusAnswer(
        client_order_id=order.client_order_id, account_id="a0", known=False, transact_at=desk.now
    )
    for _ in range(3):
        assert desk.feed(ev.VenueAnswered(answer=answer)) == ()
    assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("doubted", [False, True])
def test_not_sent_is_proof_and_frees_what_was_reserved(doubted: bool) -> None:
    desk = a_desk()
    (order,) = desk.book.orders.values()
    if doubted:
        desk.timers_until(desk.now + 20 * S)
        assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT
    events = desk.send(order, NOT_SENT)
    assert only(events, ev.LegScheduled).released == order.quantity
    (a,) = desk.book.allocations.values()
    assert desk.book.quantities(a).pending == a.intended
    assert desk.book.ledgers["a0"].reserved_margin == a.margin_planned, "it will be sent again"
    desk.timers_until(desk.now + 60 * S)
    _, again = desk.book.orders.values()
    assert (again.leg, again.quantity) == (2, order.quantity)
    holds(desk.book)


def test_a_known_order_ends_the_doubt_with_its_totals() -> None:
    desk = a_desk()
    (order,) = desk.book.orders.values()
    desk.send(order, UNKNOWN)
    desk.timers_until(desk.now + 3 * S)
    report = report_of(
        order, ExecType.ORDER_STATUS, OrdStatus.FILLED, cum=order.quantity, at=desk.now
    )
    answer = StatusAnswer(
        client_order_id=order.client_order_id, account_id="a0", known=True,
        transact_at=desk.now, report=report,
    )  # fmt: skip
    events = desk.feed(ev.VenueAnswered(answer=answer))
    assert only(events, ev.FillBooked).inferred
    assert only(events, ev.AllocationEnded).reason == "filled"
    assert len(desk.book.timers) == 0


def test_a_new_process_doubts_what_it_did_not_see_sent_and_asks_about_the_rest() -> None:
    desk = Desk(a_config(4))
    unsent, doubted, working, done = desk.released()
    for order in (doubted, working, done):
        desk.send(order)
    desk.send(doubted, UNKNOWN)
    desk.report(working, ExecType.NEW, OrdStatus.NEW)
    desk.report(done, ExecType.EXPIRED, OrdStatus.EXPIRED)
    before = len(desk.commands)
    events = desk.feed(ev.BookRecovered(engine_version="x"))
    asked = {e.client_order_id for e in events if isinstance(e, ev.OrderQueried)}
    assert asked == {o.client_order_id for o in (unsent, doubted, working)}
    assert all(isinstance(c, QueryOrder) for c in desk.commands[before:])
    states = [desk.book.orders[o.client_order_id].state for o in (unsent, doubted, working)]
    assert states == [OrderState.IN_DOUBT, OrderState.IN_DOUBT, OrderState.NEW]
    holds(desk.book)


def test_an_order_that_the_venue_forgot_is_a_persons_matter_once() -> None:
    desk = a_desk()
    (order,) = desk.book.orders.values()
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    answer = StatusAnswer(
        client_order_id=order.client_order_id, account_id="a0", known=False, transact_at=desk.now
    )
    required = only(desk.feed(ev.VenueAnswered(answer=answer)), ev.InterventionRequired)
    assert required.reason == "contradiction"
    assert desk.feed(ev.VenueAnswered(answer=answer)) == ()
    assert not desk.book.ledgers["a0"].halted


def test_a_dead_order_that_lives_halts_its_account() -> None:
    desk = a_desk()
    (order,) = desk.book.orders.values()
    desk.send(order, NOT_SENT)
    half = order.quantity / 2
    events = desk.report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=half, last=half)
    assert only(events, ev.AccountHalted).reason == "dead_order_alive"
    assert only(events, ev.InterventionRequired).reason == "dead_order_alive"
    assert only(events, ev.FillBooked).quantity == half, "and it is booked all the same"
    (a,) = desk.book.allocations.values()
    assert (a.filled, a.pending) == (half, half), "what would have been sent again yields"
    holds(desk.book)
    events = tuple(desk.timers_until(desk.now + 30 * S))
    assert only(events, ev.AllocationEnded).reason == "halted", "and the rest is not sent"
    assert only(events, ev.ExecutionEnded).status == "completed"
    holds(desk.book)
    plan = desk.plan(a_signal("next", desk.now))
    assert [r.rule.value for r in plan.refusals] == ["halted"]


@pytest.mark.parametrize("for_replace", [False, True])
def test_a_refused_request_that_was_never_made_breaks_nothing(for_replace: bool) -> None:
    desk = a_desk()
    (order,) = desk.book.orders.values()
    reject = CancelReject(
        client_order_id=order.client_order_id, account_id="a0", ord_status=OrdStatus.NEW,
        transact_at=START, for_replace=for_replace,
    )  # fmt: skip
    events = desk.feed(ev.CancelRejected(reject=reject))
    assert [type(e) for e in events] in ([], [ev.InterventionRequired])
    other = CancelReject(
        client_order_id=order.client_order_id, account_id="a9", ord_status=OrdStatus.NEW,
        transact_at=START, for_replace=for_replace,
    )  # fmt: skip
    assert desk.feed(ev.CancelRejected(reject=other)) == ()
    holds(desk.book)


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("outcome", [UNKNOWN, NOT_SENT])
def test_a_replace_of_unknown_outcome_is_asked_about_and_an_unsent_one_withdrawn(
    outcome: ev.SendOutcomeKind,
) -> None:
    desk = a_desk()
    (order,) = desk.book.orders.values()
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    order = desk.book.orders[order.client_order_id]
    wanted = step(order, Replacement(quantity=order.quantity / 2), desk.now).order
    changes = changes_between(order, wanted)
    assert changes is not None
    begin(desk.book, desk.book.seq + 1, desk.now)
    evolve(
        desk.book,
        ev.ReplaceRequested(
            client_order_id=order.client_order_id,
            execution_id=order.execution_id,
            account_id=order.account_id,
            reason="test",
            changes=changes,
            send_before=desk.now + 2 * S,
        ),
    )
    finish(desk.book)
    before = len(desk.commands)
    events = decide(
        desk.book,
        ev.ReplaceReported(
            client_order_id=order.client_order_id, outcome=outcome, sent_at=desk.now
        ),
        the_reads(desk.now),
        desk.now,
    )
    assert len(desk.commands) == before
    if outcome is UNKNOWN:
        assert only(events, ev.OrderQueried).client_order_id == order.client_order_id
        assert not any(
            isinstance(e, ev.OrderAdvanced) and e.changes.replacing is None for e in events
        ), "the larger of the two counts until it is known"
    else:
        changed = only(events, ev.OrderAdvanced).changes
        assert (changed.state, changed.replacing) == (OrderState.NEW, None)
    sent = ev.ReplaceReported(client_order_id=order.client_order_id, outcome=SENT, sent_at=desk.now)
    assert decide(desk.book, sent, the_reads(desk.now), desk.now) == ()
