"""Kill: no entry afterwards, cancels out for every one that works, until a person releases it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.effects import CancelOrder, SubmitOrder
from stretto.core.orders.order import Order, OrderState
from stretto.core.terms import intervention as iv
from stretto.core.terms.killing import KillScope
from stretto.core.terms.refusal import PRECEDENCE, Rule
from stretto.core.terms.report import CancelReject, ExecType, OrdStatus
from stretto.core.values import ZERO
from tests.book_invariants import holds, replays, restored
from tests.builders import Desk, S, a_config, a_signal, an_account, only
from tests.exit_desk import ExitDesk

pytestmark = pytest.mark.requirement("R5.5")

BOOK = iv.Kill(scope=KillScope.BOOK)


def ask(desk: Desk, action: iv.Action, request_id: str = "") -> tuple[ev.Event, ...]:
    request_id = request_id or f"r{len(desk.book.requests)}"
    item = ev.Intervened(request_id=request_id, actor="ada", reason="news", action=action)
    events = desk.feed(item)
    holds(desk.book)
    return events


def refused_rules(desk: Desk, signal_id: str, **changes: Any) -> dict[str, Rule]:
    plan = desk.plan(a_signal(signal_id, desk.now, **changes))
    return {refusal.account_id: refusal.rule for refusal in plan.refusals}


def a_desk() -> Desk:
    return Desk(
        a_config(
            [
                an_account("a0", firm="north", group="one"),
                an_account("a1", firm="north", group="two"),
                an_account("a2", firm="south", group="two"),
            ]
        )
    )


def test_the_kill_switch_stands_beside_halted() -> None:
    assert PRECEDENCE.index(Rule.KILL_SWITCH) == PRECEDENCE.index(Rule.HALTED) + 1


@pytest.mark.parametrize(
    ("scope", "name", "under"),
    [
        (KillScope.BOOK, "", {"a0", "a1", "a2"}),
        (KillScope.FIRM, "north", {"a0", "a1"}),
        (KillScope.GROUP, "two", {"a1", "a2"}),
        (KillScope.ACCOUNT, "a2", {"a2"}),
        (KillScope.SYMBOL, "EURUSD", {"a0", "a1", "a2"}),
        (KillScope.SYMBOL, "GBPUSD", set()),
    ],
)
def test_every_scope_refuses_new_entries_and_ends_those_on_their_way(
    scope: KillScope, name: str, under: set[str]
) -> None:
    desk = a_desk()
    desk.plan(a_signal("before"))
    ask(desk, iv.Kill(scope=scope, name=name))
    ended = {a.account_id: a.ended for a in desk.book.allocations.values()}
    assert ended == {n: "kill_switch" if n in under else "" for n in ("a0", "a1", "a2")}
    rules = refused_rules(desk, "after")
    assert {n for n, rule in rules.items() if rule is Rule.KILL_SWITCH} == under
    replays(desk.book, desk.entries)


def test_what_works_is_cancelled_and_what_is_filled_stays() -> None:
    desk = a_desk()
    first, second, third = desk.released()
    for order in (first, second):
        desk.send(order)
    desk.report(first, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=4_000, last=4_000)
    desk.report(second, ExecType.TRADE, OrdStatus.FILLED, cum=second.quantity, last=second.quantity)
    before = len(desk.commands)
    ask(desk, BOOK)
    cancelled = [c.client_order_id for c in desk.commands[before:] if isinstance(c, CancelOrder)]
    assert sorted(cancelled) == sorted([first.client_order_id, third.client_order_id])
    assert len(desk.commands) == before + 2
    assert sum(len(held) for held in desk.book.positions.values()) == 2


def test_it_survives_a_restart_and_is_released_by_a_person_only() -> None:
    desk = a_desk()
    order = desk.order()
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    ask(desk, BOOK)
    desk.book = restored(desk.book)
    before = len(desk.commands)
    desk.feed(ev.BookRecovered(engine_version="test"))
    assert any(isinstance(c, CancelOrder) for c in desk.commands[before:]), "owed"
    desk.timers_until(desk.now + 86_400 * S)
    desk.feed(ev.BookOpened(config=desk.config))
    assert set(refused_rules(desk, "later").values()) == {Rule.KILL_SWITCH}
    ask(desk, iv.Release(scope=KillScope.BOOK))
    assert Rule.KILL_SWITCH not in refused_rules(desk, "released").values()
    assert not any(isinstance(c, SubmitOrder) for c in desk.commands[before:])


def test_a_release_revives_no_old_entry() -> None:
    desk = Desk(a_config(1))
    order = desk.order()
    ask(desk, BOOK)
    ask(desk, iv.Release(scope=KillScope.BOOK))
    events = desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="price_changed")
    ended = only(events, ev.AllocationEnded)
    assert (ended.reason, ended.abandoned) == ("kill_switch", order.quantity)
    assert desk.timers_until(desk.now + 3_600 * S) == []


def test_a_kill_again_cancels_what_works_since_and_keeps_the_first_reason() -> None:
    desk = a_desk()
    ask(desk, BOOK)
    first = desk.book.kills["book:"]
    desk.now += S
    events = ask(desk, BOOK)
    assert [type(event) for event in events] == [ev.PersonIntervened]
    assert desk.book.kills == {"book:": first}


def test_nothing_that_waits_gets_past_it_at_dispatch_or_retry() -> None:
    """A leg of an execution that a kill of another scope did not end is judged by the gate."""
    desk = Desk(a_config(1))
    (order,) = desk.released()
    desk.send(order, ev.SendOutcomeKind.NOT_SENT)
    (share,) = desk.book.allocations.values()
    assert share.pending > 0
    desk.book.kills.update(_kill_of_the_book(desk))
    events = desk.timers_until(desk.now + 60 * S)
    ended = only(events, ev.AllocationEnded)
    assert ended.refusal is not None
    assert ended.refusal.rule is Rule.KILL_SWITCH
    assert "releases" in ended.refusal.would_pass


def _kill_of_the_book(desk: Desk) -> dict[str, Any]:
    other = Desk(a_config(1))
    ask(other, BOOK)
    return other.book.kills


def test_an_order_in_doubt_under_a_kill_stays_in_doubt_and_is_never_sent_again() -> None:
    desk = Desk(a_config(1))
    (order,) = desk.released()
    desk.send(order, ev.SendOutcomeKind.UNKNOWN)
    before = len(desk.commands)
    ask(desk, BOOK)
    desk.timers_until(desk.now + 3_600 * S)
    assert desk.book.orders[order.client_order_id].state is OrderState.IN_DOUBT
    assert not any(isinstance(c, SubmitOrder) for c in desk.commands[before:])
    (share,) = desk.book.allocations.values()
    assert desk.book.quantities(share).in_doubt == order.quantity


def test_an_exit_is_neither_killed_nor_held_up() -> None:
    desk = ExitDesk(a_config(1))
    desk.entered(1)
    (exit_order,) = desk.exit()
    before = len(desk.commands)
    ask(desk, BOOK)
    assert desk.commands[before:] == []
    for action in (
        iv.Pause(execution_id=exit_order.execution_id),
        iv.CancelRemaining(execution_id=exit_order.execution_id),
    ):
        (refused,) = ask(desk, action)
        assert isinstance(refused, ev.InterventionRefused)
        assert refused.denied.rule is iv.Denial.IS_EXIT
    desk.send(exit_order)
    desk.filled(desk.book.orders[exit_order.client_order_id])
    assert not desk.book.positions.get("a0"), "flat, under the kill switch"


def revived_by_a_bust(desk: Desk, kill: iv.Kill = BOOK) -> Order:
    """Filled before the kill, taken back by the venue after it: the order works again."""
    order = desk.order()
    whole = order.quantity
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=whole, last=whole, exec_id="t")
    ask(desk, kill)
    desk.report(
        order, ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_id="b", exec_ref_id="t", last=whole
    )
    return order


def restated_the_next_day(desk: Desk) -> Order:
    """Done for the day at the kill, and taken up again by the venue."""
    order = desk.order()
    done = {"cum": 4_000, "leaves_qty": ZERO}
    desk.report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=4_000, last=4_000)
    desk.report(order, ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY, **done)
    ask(desk, BOOK)
    desk.now += 86_400 * S
    desk.report(order, ExecType.RESTATED, OrdStatus.PARTIALLY_FILLED, cum=4_000)
    return order


@pytest.mark.parametrize("revived", [revived_by_a_bust, restated_the_next_day])
def test_an_entry_that_the_venue_brings_back_to_life_is_cancelled_too(
    revived: Callable[[Desk], Order],
) -> None:
    desk = Desk(a_config(1))
    order = revived(desk)
    now = desk.book.orders[order.client_order_id]
    assert now.state is OrderState.PENDING_CANCEL
    assert isinstance(desk.commands[-1], CancelOrder)
    reject = CancelReject(
        client_order_id=order.client_order_id, account_id="a0", ord_status=OrdStatus.NEW,
        transact_at=desk.now, for_replace=False, text="too many requests",
    )  # fmt: skip
    desk.feed(ev.CancelRejected(reject=reject))
    before = len(desk.commands)
    desk.timers_until(desk.now + 6 * S)
    again = [c for c in desk.commands[before:] if isinstance(c, CancelOrder)]
    assert len(again) == 1, "and asked for again"
    events = desk.report(order, ExecType.CANCELED, OrdStatus.CANCELED, cum=now.cum_qty)
    ended = only(events, ev.AllocationEnded)
    assert (ended.reason, ended.abandoned) == ("kill_switch", order.quantity - now.cum_qty)
    holds(desk.book)
    replays(desk.book, desk.entries)


def test_what_comes_back_to_life_outside_a_switch_lives_on() -> None:
    desk = Desk(a_config(1))
    order = revived_by_a_bust(desk, iv.Kill(scope=KillScope.SYMBOL, name="GBPUSD"))
    assert desk.book.orders[order.client_order_id].state is OrderState.NEW
    assert not any(isinstance(c, CancelOrder) for c in desk.commands)
