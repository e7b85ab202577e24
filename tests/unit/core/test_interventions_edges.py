"""The edges of what a person may ask: whose request it is, what it settles, to whom it applies."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.effects import CancelOrder, ReplaceOrder, SubmitOrder
from stretto.core.engine import reads_needed
from stretto.core.limits import CANCELS_MAX
from stretto.core.orders.order import OrderState
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.killing import KillScope, KillSwitch, covering
from stretto.core.terms.policy import Policy
from stretto.core.terms.report import CancelReject, ExecType, OrdStatus, StatusAnswer
from tests.book_invariants import holds, replays, spaced
from tests.builders import SYMBOLS, S, a_config, a_signal, only
from tests.exit_desk import SIGNAL, ExitDesk, desk
from tests.people import (
    People,
    in_doubt,
    partly_filled,
    paused,
    planned,
    waiting_for_a_person,
    working,
)

pytestmark = pytest.mark.requirement("R5.5")

# --- whose request it is, and what it is about


def test_the_same_request_by_somebody_else_is_another() -> None:
    people = People(a_config(1))
    planned(people)
    pause = iv.Pause(execution_id=people.execution_id)
    people.ask(pause, request_id="once")
    again = people.refused(pause, request_id="once", actor="grace")
    assert again is Denial.REQUEST_ID_USED


def test_a_name_and_a_reason_may_be_as_long_as_stated() -> None:
    people = People(a_config(1))
    events = people.ask(iv.HaltAccount(account_id="a0"), actor="a" * 200, reason="r" * 2_000)
    assert only(events, ev.AccountHalted).account_id == "a0"


def test_a_word_on_an_order_is_filed_under_its_execution_and_account() -> None:
    people = People(a_config(1))
    (order,) = in_doubt(people)
    dead = iv.ResolveInDoubt(
        client_order_id=order.client_order_id, fate=iv.Fate.DEAD, evidence="seen"
    )
    said = only(people.ask(dead), ev.PersonIntervened)
    assert (said.execution_id, said.account_id) == (order.execution_id, order.account_id)


def test_a_refusal_names_no_execution_or_account_that_is_not_there() -> None:
    people = People(a_config(1))
    nothing = iv.CancelRemaining(execution_id="nowhere", account_id="nobody")
    refused = only(people.ask(nothing), ev.InterventionRefused)
    assert (refused.execution_id, refused.account_id) == ("", "")


@pytest.mark.parametrize(
    ("action", "symbols"),
    [
        (iv.Resume, ("EURUSD",)),
        (iv.Approve, ("EURUSD",)),
        (iv.RetryNow, ("EURUSD",)),
        (iv.Pause, ()),
        (iv.CancelRemaining, ()),
    ],
)
def test_a_request_reads_the_quotes_that_its_delays_or_its_gate_need(
    action: type[iv.Resume], symbols: tuple[str, ...]
) -> None:
    people = People(a_config(1))
    planned(people)
    item = ev.Intervened(
        request_id="r", actor="ada", reason="news", action=action(execution_id=people.execution_id)
    )
    assert reads_needed(people.book, item) == symbols


def test_a_reroute_reads_what_the_whole_gate_needs() -> None:
    people = People(a_config(2))
    planned(people)
    action = iv.RerouteTo(execution_id=people.execution_id, account_id="a0", to="a1")
    item = ev.Intervened(request_id="r", actor="ada", reason="news", action=action)
    assert set(reads_needed(people.book, item)) == set(SYMBOLS)


# --- what is settled by it


def test_who_gives_up_the_rest_has_not_said_what_became_of_an_order_in_doubt() -> None:
    people = People(a_config(1))
    (order,) = in_doubt(people)
    people.timers_until(people.now + 120 * S)
    assert people.book.interventions == {order.client_order_id: "in_doubt"}
    people.ask(iv.CancelRemaining(execution_id=people.execution_id))
    assert people.book.interventions == {order.client_order_id: "in_doubt"}


def test_a_retry_in_one_account_answers_for_that_one_only() -> None:
    people = People(a_config(2))
    for order in people.released():
        people.send(order)
        people.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="no such code")
    assert len(people.book.interventions) == 2
    (first, other) = people.book.orders.values()
    people.ask(iv.RetryNow(execution_id=people.execution_id, account_id=first.account_id))
    assert list(people.book.interventions) == [other.client_order_id]
    due = {a.account_id: a.held for a in people.shares()}
    assert due[first.account_id] == ""
    assert due[other.account_id] != ""


# --- pause and resume


def test_what_is_past_its_signal_is_not_paused() -> None:
    people = People(a_config(1))
    working(people)
    people.now += 1_800 * S
    pause = iv.Pause(execution_id=people.execution_id)
    assert people.refused(pause) is Denial.SIGNAL_EXPIRED


def test_a_pause_takes_over_nothing_that_is_held_and_a_resume_frees_only_what_it_held() -> None:
    people = People(a_config(1))
    waiting_for_a_person(people)
    (before,) = people.shares()
    events = people.ask(iv.Pause(execution_id=people.execution_id))
    assert not any(isinstance(e, ev.PendingHeld) for e in events)
    people.ask(iv.Resume(execution_id=people.execution_id))
    (after,) = people.shares()
    assert (after.held, after.due_at) == (before.held, before.due_at)
    assert after.held


def test_after_a_resume_first_orders_wait_their_new_delays() -> None:
    people = People(a_config(3))
    paused(people)
    people.ask(iv.Resume(execution_id=people.execution_id))
    for share in sorted(people.shares(), key=lambda a: a.release_at):
        people.timers_until(share.release_at - 1)
        assert not share.order_ids
        assert share.account_id not in [o.account_id for o in people.book.orders.values()]
        people.timers_until(share.release_at)
        assert share.account_id in [o.account_id for o in people.book.orders.values()]
    spaced(people.entries)


def test_what_was_to_go_elsewhere_in_a_pause_goes_in_its_own_account_after_it() -> None:
    people = People(a_config(2, Policy(accounts_max=1)))
    (order,) = people.released()
    people.send(order)
    people.ask(iv.Pause(execution_id=people.execution_id))
    people.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="too_many_orders")
    people.timers_until(people.now + S)
    (share,) = people.shares()
    assert share.held == "paused"
    people.ask(iv.Resume(execution_id=people.execution_id))
    people.timers_until(people.now + S)
    _, again = people.book.orders.values()
    assert (again.account_id, again.quantity) == (order.account_id, order.quantity)


# --- retry, reroute, approve


def test_a_retry_ends_with_the_signal_and_the_last_instant_counts() -> None:
    for before, expected in ((1, None), (0, Denial.SIGNAL_EXPIRED)):
        people = People(a_config(1))
        (order,) = waiting_for_a_person(people)
        signal = people.book.executions[order.execution_id].signal
        people.now = signal.valid_until - before
        retry = iv.RetryNow(execution_id=people.execution_id)
        if expected is None:
            assert people.ask(retry)
        else:
            assert people.refused(retry) is expected


def test_a_retry_of_what_is_due_already_has_nothing_to_do() -> None:
    people = People(a_config(1))
    waiting_for_a_person(people)
    retry = iv.RetryNow(execution_id=people.execution_id)
    people.ask(retry)
    assert people.refused(retry) is Denial.NOTHING_WAITS


def test_an_exit_is_retried_however_late_and_a_kill_does_not_end_it() -> None:
    book: ExitDesk = desk()
    book.entered(3)
    orders = book.exit()
    for order in orders:
        book.send(order)
        book.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="no such code")
    kill = iv.Kill(scope=KillScope.BOOK)
    book.feed(ev.Intervened(request_id="k", actor="ada", reason="news", action=kill))
    exits = [a for a in book.book.allocations.values() if a.execution_id == orders[0].execution_id]
    assert [(a.ended, a.closing) for a in exits] == [("", "")] * 3, "a kill ends entries, no exit"
    release = iv.Release(scope=KillScope.BOOK)
    book.feed(ev.Intervened(request_id="l", actor="ada", reason="over", action=release))
    book.now += 3_600 * S  # long after any signal
    before = len(book.commands)
    retry = iv.RetryNow(execution_id=orders[0].execution_id)
    book.feed(ev.Intervened(request_id="r", actor="ada", reason="news", action=retry))
    book.timers_until(book.now)
    assert len([c for c in book.commands[before:] if isinstance(c, SubmitOrder)]) == 3


def test_a_reroute_moves_what_a_dead_order_left_and_nothing_else() -> None:
    people = People(a_config(2))
    planned(people)
    first = iv.RerouteTo(execution_id=people.execution_id, account_id="a0", to="a1")
    assert people.refused(first) is Denial.NOTHING_WAITS, "its first order is not dead"
    people.ask(iv.Pause(execution_id=people.execution_id))
    assert people.refused(first) is Denial.PAUSED


def awaiting() -> People:
    people = People(a_config(3, Policy(approval_always=True)))
    assert people.plan().awaits
    return people


def test_an_approval_ends_with_the_signal() -> None:
    people = awaiting()
    people.now = people.book.executions[people.execution_id].signal.valid_until
    approve = iv.Approve(execution_id=people.execution_id)
    assert people.refused(approve) is Denial.SIGNAL_EXPIRED


def test_a_plan_that_is_approved_in_a_pause_waits_for_its_end() -> None:
    people = awaiting()
    people.ask(iv.Pause(execution_id=people.execution_id))
    people.ask(iv.Approve(execution_id=people.execution_id))
    assert not people.book.scheduled
    assert {a.held for a in people.shares()} == {"paused"}
    people.ask(iv.Resume(execution_id=people.execution_id))
    assert len(people.book.scheduled["EURUSD"]) == 3
    replays(people.book, people.entries)


# --- orders


def test_a_change_leaves_within_two_seconds_or_not_at_all() -> None:
    people = People(a_config(1))
    working(people)
    people.ask(
        iv.ChangePrice(
            execution_id=people.execution_id, account_id="a0", limit_price=Decimal("1.09990")
        )
    )
    command = people.commands[-1]
    assert isinstance(command, ReplaceOrder)
    assert command.send_before == people.now + 2 * S


def test_what_is_given_up_twice_is_cancelled_once() -> None:
    """A part that has not ended is asked to go by a person, then with everything else."""
    people = People(a_config(2))
    first, second = partly_filled(people)
    people.ask(iv.CancelRemaining(execution_id=people.execution_id, account_id=first.account_id))
    people.ask(iv.CancelRemaining(execution_id=people.execution_id))
    cancels = [c.client_order_id for c in people.commands if isinstance(c, CancelOrder)]
    assert sorted(cancels) == sorted([first.client_order_id, second.client_order_id])


def test_an_order_in_doubt_that_is_given_up_is_cancelled_when_the_venue_shows_it() -> None:
    """Not before: as long as nothing is known of it, each silence would be another cancel."""
    people = People(a_config(1))
    (order,) = in_doubt(people)
    people.ask(iv.CancelRemaining(execution_id=people.execution_id))
    unknown = CancelReject(
        client_order_id=order.client_order_id, account_id="a0", ord_status=OrdStatus.REJECTED,
        transact_at=people.now, for_replace=False, text="unknown order",
    )  # fmt: skip
    people.feed(ev.CancelRejected(reject=unknown))
    sent = sum(isinstance(c, CancelOrder) for c in people.commands)
    answer = StatusAnswer(
        client_order_id=order.client_order_id, account_id="a0", known=False, transact_at=people.now
    )
    people.feed(ev.VenueAnswered(answer=answer))
    people.timers_until(people.now + 120 * S)
    assert sum(isinstance(c, CancelOrder) for c in people.commands) == sent == 1
    assert people.book.orders[order.client_order_id].state is OrderState.IN_DOUBT


def test_a_wider_kill_leaves_alone_what_a_narrower_one_gave_up() -> None:
    book = desk()
    (order, *_) = book.released(SIGNAL)
    kill = iv.Kill(scope=KillScope.ACCOUNT, name=order.account_id)
    book.feed(ev.Intervened(request_id="k1", actor="ada", reason="news", action=kill))
    everything = iv.Kill(scope=KillScope.BOOK)
    asked = ev.Intervened(request_id="k2", actor="ada", reason="news", action=everything)
    named = {e.account_id for e in book.feed(asked) if isinstance(e, ev.CancelRequested)}
    others = {a.account_id for a in book.book.allocations.values()} - {order.account_id}
    assert named == others
    holds(book.book)


def spent(people: People) -> None:
    """Every cancel of a kill is refused, and a person called."""
    (order,) = working(people)
    people.ask(iv.Kill(scope=KillScope.BOOK))
    for _ in range(CANCELS_MAX):
        reject = CancelReject(
            client_order_id=order.client_order_id, account_id="a0", ord_status=OrdStatus.NEW,
            transact_at=people.now, for_replace=False, text="not now",
        )  # fmt: skip
        people.feed(ev.CancelRejected(reject=reject))
        before = len(people.commands)
        people.timers_until(people.now + 6 * S)
        assert sum(isinstance(c, CancelOrder) for c in people.commands[before:]) <= 1
    assert "cancel_unanswered" in people.book.interventions.values()


def test_a_kill_that_is_thrown_again_cancels_once_more() -> None:
    people = People(a_config(1))
    spent(people)
    before = len(people.commands)
    events = people.ask(iv.Kill(scope=KillScope.BOOK))
    assert not any(isinstance(e, ev.KillSwitchThrown) for e in events)
    assert [type(c) for c in people.commands[before:]] == [CancelOrder]


def test_a_cancel_that_was_refused_before_a_restart_is_owed_after_it() -> None:
    people = People(a_config(1))
    (order,) = working(people)
    people.ask(iv.Kill(scope=KillScope.BOOK))
    reject = CancelReject(
        client_order_id=order.client_order_id, account_id="a0", ord_status=OrdStatus.NEW,
        transact_at=people.now, for_replace=False, text="not now",
    )  # fmt: skip
    people.feed(ev.CancelRejected(reject=reject))
    before = len(people.commands)
    people.feed(ev.BookRecovered(engine_version="test"))
    assert any(isinstance(c, CancelOrder) for c in people.commands[before:])


@pytest.mark.parametrize(
    ("scope", "name", "covers"),
    [
        (KillScope.BOOK, "", True),
        (KillScope.FIRM, "any", True),
        (KillScope.GROUP, "any", True),
        (KillScope.ACCOUNT, "a1", False),
        (KillScope.SYMBOL, "EURUSD", True),
        (KillScope.SYMBOL, "GBPUSD", False),
    ],
)
def test_an_account_that_left_the_book_is_under_every_switch_that_may_be_its(
    scope: KillScope, name: str, covers: bool
) -> None:
    switch = KillSwitch(scope=scope, name=name, at=0, actor="ada", reason="news")
    assert covering([switch], None, "EURUSD") is (switch if covers else None)


def test_a_signal_in_the_other_symbol_is_not_killed() -> None:
    people = People(a_config(1))
    people.ask(iv.Kill(scope=KillScope.SYMBOL, name="GBPUSD"))
    assert people.plan(a_signal()).refused is None
