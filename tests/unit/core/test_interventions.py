"""What a person may ask of an execution, in which states, and what follows (DESIGN §4.10)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.effects import SubmitOrder
from stretto.core.limits import DELAY_MAX_NS, DELAY_MIN_NS
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.killing import KillScope
from stretto.core.values import NS_PER_S
from tests.book_invariants import replays
from tests.builders import S, a_config, a_signal, only
from tests.people import (
    QUANTITY,
    People,
    in_doubt,
    over,
    partly_filled,
    paused,
    planned,
    waiting_for_a_person,
    working,
)

pytestmark = pytest.mark.requirement("R5.5")


STATES: dict[str, Callable[[People], object]] = {
    "planned": planned,
    "working": working,
    "partly filled": partly_filled,
    "in doubt": in_doubt,
    "for a person": waiting_for_a_person,
    "paused": paused,
    "over": over,
}
OK = None
TABLE: dict[str, tuple[Denial | None, ...]] = {
    # planned, working, partly filled, in doubt, for a person, paused, over
    "pause": (OK, OK, OK, OK, OK, Denial.ALREADY_PAUSED, Denial.EXECUTION_OVER),
    "resume": (*[Denial.NOT_PAUSED] * 5, OK, Denial.EXECUTION_OVER),
    "cancel_remaining": (OK, OK, OK, OK, OK, OK, Denial.EXECUTION_OVER),
    "accept_partial": (
        Denial.NOTHING_FILLED, Denial.NOTHING_FILLED, OK, Denial.NOTHING_FILLED,
        Denial.NOTHING_FILLED, Denial.NOTHING_FILLED, Denial.EXECUTION_OVER,
    ),
    "retry_now": (
        *[Denial.NOTHING_WAITS] * 4, OK, Denial.PAUSED, Denial.EXECUTION_OVER,
    ),
    "approve": (*[Denial.NOT_AWAITING_APPROVAL] * 6, Denial.EXECUTION_OVER),
    "reject": (*[Denial.NOT_AWAITING_APPROVAL] * 6, Denial.EXECUTION_OVER),
    "change_price": (
        Denial.NO_LIMIT_PRICE, OK, OK, Denial.ORDER_BUSY, Denial.NO_LIMIT_PRICE,
        Denial.NO_LIMIT_PRICE, Denial.EXECUTION_OVER,
    ),
    "change_size": (OK, OK, OK, Denial.ORDER_BUSY, OK, OK, Denial.EXECUTION_OVER),
}  # fmt: skip


def an_action(name: str, execution_id: str) -> iv.Action:
    price, size = Decimal("1.09990"), Decimal(6_000)
    made: dict[str, iv.Action] = {
        "pause": iv.Pause(execution_id=execution_id),
        "resume": iv.Resume(execution_id=execution_id),
        "cancel_remaining": iv.CancelRemaining(execution_id=execution_id),
        "accept_partial": iv.AcceptPartial(execution_id=execution_id),
        "retry_now": iv.RetryNow(execution_id=execution_id),
        "approve": iv.Approve(execution_id=execution_id),
        "reject": iv.Reject(execution_id=execution_id),
        "change_price": iv.ChangePrice(
            execution_id=execution_id, account_id="a0", limit_price=price
        ),
        "change_size": iv.ChangeSize(execution_id=execution_id, account_id="a0", quantity=size),
    }
    return made[name]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", TABLE)
def test_every_action_is_allowed_or_refused_by_name_in_every_state(action: str, state: str) -> None:
    desk = People(a_config(1))
    STATES[state](desk)
    expected = TABLE[action][list(STATES).index(state)]
    wanted = an_action(action, desk.execution_id)
    if expected is not None:
        assert desk.refused(wanted) is expected
    else:
        (first, *_) = desk.ask(wanted)
        assert isinstance(first, ev.PersonIntervened)
        assert (first.actor, first.reason, first.action) == ("ada", "news", wanted)
    replays(desk.book, desk.entries)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"actor": "  "}, Denial.ACTOR_MISSING),
        ({"actor": "a" * 201}, Denial.ACTOR_MISSING),
        ({"reason": ""}, Denial.REASON_MISSING),
        ({"reason": "x" * 2_001}, Denial.REASON_MISSING),
        ({"request_id": " "}, Denial.REQUEST_ID_MISSING),
    ],
)
def test_a_request_needs_an_id_a_person_and_a_reason(
    changes: dict[str, str], expected: Denial
) -> None:
    desk = People(a_config(1))
    assert desk.refused(iv.Kill(scope=KillScope.BOOK), **changes) is expected
    assert not desk.book.kills


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (iv.Pause(execution_id="nowhere"), Denial.UNKNOWN_EXECUTION),
        (iv.HaltAccount(account_id="nobody"), Denial.UNKNOWN_ACCOUNT),
        (iv.ReleaseAccount(account_id="nobody"), Denial.UNKNOWN_ACCOUNT),
        (iv.ExcludeAccount(account_id="nobody"), Denial.UNKNOWN_ACCOUNT),
        (iv.RestoreAccount(account_id="nobody"), Denial.UNKNOWN_ACCOUNT),
        (iv.ReleaseAccount(account_id="a0"), Denial.NOT_HALTED),
        (iv.Kill(scope=KillScope.SYMBOL, name="NOTHING"), Denial.UNKNOWN_NAME),
        (iv.Kill(scope=KillScope.GROUP, name=""), Denial.UNKNOWN_NAME),
        (iv.Kill(scope=KillScope.BOOK, name="book"), Denial.UNKNOWN_NAME),
        (iv.Release(scope=KillScope.BOOK), Denial.NOT_KILLED),
        (
            iv.ResolveInDoubt(client_order_id="none", fate=iv.Fate.DEAD, evidence="the venue"),
            Denial.UNKNOWN_ORDER,
        ),
    ],
)
def test_what_names_nothing_is_refused(action: iv.Action, expected: Denial) -> None:
    assert People(a_config(1)).refused(action) is expected


def test_the_same_request_again_changes_nothing_and_another_under_its_id_is_refused() -> None:
    desk = People(a_config(1))
    planned(desk)
    pause = iv.Pause(execution_id=desk.execution_id)
    assert desk.ask(pause, request_id="once")
    assert desk.ask(pause, request_id="once") == ()
    assert desk.refused(pause, request_id="once", reason="another") is Denial.REQUEST_ID_USED
    assert desk.ask(pause, request_id="once") == (), "the first is what stays known"
    desk.now += 31 * 86_400 * NS_PER_S
    desk.ask(iv.HaltAccount(account_id="a0"), request_id="later")
    assert list(desk.book.requests) == ["later"], "kept for 30 days"


@pytest.mark.requirement("P7")
def test_a_halted_account_takes_no_entry_until_a_person_releases_it() -> None:
    desk = People(a_config(2))
    desk.ask(iv.HaltAccount(account_id="a0"))
    assert desk.book.ledgers["a0"].halted == "ada: news"
    assert desk.refused(iv.HaltAccount(account_id="a0")) is Denial.ALREADY_HALTED
    plan = desk.plan(a_signal("first"))
    assert [a.account_id for a in plan.allocations] == ["a1"]
    desk.ask(iv.ReleaseAccount(account_id="a0"))
    plan = desk.plan(a_signal("second"))
    assert sorted(a.account_id for a in plan.allocations) == ["a0", "a1"]


def test_a_person_excludes_an_account_until_a_time_or_until_restored() -> None:
    desk = People(a_config(2))
    desk.ask(iv.ExcludeAccount(account_id="a0", until=desk.now + 60 * S))
    again = iv.ExcludeAccount(account_id="a0", until=desk.now + 30 * S)
    assert desk.refused(again) is Denial.ALREADY_EXCLUDED
    past = iv.ExcludeAccount(account_id="a1", until=desk.now)
    assert desk.refused(past) is Denial.TIME_PASSED
    plan = desk.plan(a_signal("first"))
    assert [a.account_id for a in plan.allocations] == ["a1"]
    desk.timers_until(desk.now + 60 * S)
    assert desk.refused(iv.RestoreAccount(account_id="a0")) is Denial.NOT_EXCLUDED
    desk.ask(iv.ExcludeAccount(account_id="a0"))
    desk.timers_until(desk.now + 90 * 86_400 * S)
    assert desk.ask(iv.RestoreAccount(account_id="a0"))
    assert desk.book.ledgers["a0"].exclusion is None
    assert [c for c in desk.commands if isinstance(c, SubmitOrder) and c.account_id == "a0"] == []


def test_a_pause_holds_what_is_scheduled_and_a_resume_draws_its_delays_anew() -> None:
    desk = People(a_config(3))
    planned(desk)
    before = {a.account_id: a.release_at - desk.now for a in desk.shares()}
    desk.ask(iv.Pause(execution_id=desk.execution_id))
    desk.timers_until(desk.now + 300 * S)
    assert not desk.commands
    assert not desk.book.scheduled
    desk.ask(iv.Resume(execution_id=desk.execution_id))
    delays = {a.account_id: a.release_at - desk.now for a in desk.shares()}
    assert all(DELAY_MIN_NS <= delay < DELAY_MAX_NS for delay in delays.values())
    assert delays != before, "drawn anew"
    desk.timers_until(desk.now + 31 * S)
    assert len([c for c in desk.commands if isinstance(c, SubmitOrder)]) == 3
    replays(desk.book, desk.entries)


def test_what_is_paused_until_the_signal_expires_is_abandoned_by_that_name() -> None:
    desk = People(a_config(1))
    paused(desk)
    events = desk.timers_until(desk.now + 1_801 * S)
    ended = only(events, ev.AllocationEnded)
    assert (ended.reason, ended.abandoned) == ("expired", QUANTITY)
    assert ended.refusal is not None
    assert ended.refusal.compared["held"] == "paused"
    assert only(events, ev.ExecutionEnded).status == "abandoned"


def test_a_leg_that_comes_due_in_a_pause_waits_until_it_is_over() -> None:
    desk = People(a_config(1))
    (order,) = desk.released()
    desk.send(order, ev.SendOutcomeKind.NOT_SENT)
    desk.ask(iv.Pause(execution_id=desk.execution_id))
    desk.timers_until(desk.now + 60 * S)
    (share,) = desk.shares()
    assert (share.held, len(share.order_ids)) == ("paused", 1)
    desk.ask(iv.Resume(execution_id=desk.execution_id))
    desk.timers_until(desk.now + S)
    (share,) = desk.shares()
    assert len(share.order_ids) == 2, "a further leg goes at once, through the whole gate"


def test_retry_now_sends_what_waited_for_a_person_again() -> None:
    desk = People(a_config(1))
    (order,) = waiting_for_a_person(desk)
    assert order.client_order_id in desk.book.interventions
    desk.ask(iv.RetryNow(execution_id=desk.execution_id))
    assert not desk.book.interventions, "answered, so that it may be asked again"
    desk.timers_until(desk.now)
    (share,) = desk.shares()
    assert len(share.order_ids) == 2
    assert not share.held
