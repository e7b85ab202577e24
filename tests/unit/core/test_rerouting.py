"""Proven-dead quantity goes to the best account that passes the whole gate, and never twice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.book import Allocation, allocation_key
from stretto.core.orders.order import Order
from stretto.core.terms.account import AccountMode, ExecutionProfile
from stretto.core.terms.policy import Permission, Policy
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import BestAccounts, Split, Total
from stretto.core.values import ZERO
from tests.book_invariants import holds, replays, restored, spaced
from tests.builders import (
    Desk,
    S,
    a_config,
    a_rulebook,
    a_signal,
    a_snapshot,
    an_account,
    names,
    only,
)

SUSPENDED = "account_disabled"


def a_desk(accounts: Any = 3, count: int = 1, **policy: Any) -> tuple[Desk, Order]:
    """The best ``count`` of the accounts take part, all with the same size; orders are sent."""
    policy = {"dispersion_min": 1, "dispersion_max": 2} | policy
    desk = Desk(a_config(accounts, Policy(**policy)))
    signal = a_signal(accounts=BestAccounts(count=count))
    (order, *others) = desk.released(signal)
    for each in (order, *others):
        desk.send(each)
    return desk, order


def refuse(desk: Desk, order: Order, code: str = SUSPENDED) -> list[ev.Event]:
    """The venue refuses the order; what follows at once."""
    events = list(desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code=code))
    holds(desk.book)
    events += desk.timers_until(desk.now)
    holds(desk.book)
    return events


def of(desk: Desk, execution_id: str, account_id: str) -> Allocation:
    return desk.book.allocations[allocation_key(execution_id, account_id)]


@pytest.mark.requirement("R5.2")
def test_what_a_suspended_account_could_not_trade_goes_to_another() -> None:
    desk, order = a_desk()
    before = of(desk, order.execution_id, order.account_id)
    assert before.planned == order.quantity
    moved = only(refuse(desk, order), ev.RemainderRerouted)
    first = of(desk, order.execution_id, order.account_id)
    second = of(desk, order.execution_id, moved.share.account_id)
    assert moved.quantity == order.quantity == first.planned == first.moved_out
    assert not any((first.intended, first.pending, first.margin, first.risk))
    assert first.ended == f"rerouted to {second.account_id}"
    assert (second.planned, second.intended) == (ZERO, moved.quantity)
    assert second.pending == moved.quantity
    assert second.margin == moved.share.margin > 0
    assert second.due_at is not None
    assert desk.now + S <= second.due_at < desk.now + 30 * S, "a delay of its own"
    execution = desk.book.executions[order.execution_id]
    assert (execution.status, execution.open_allocations) == ("working", 1)
    desk.timers_until(second.due_at)
    sent = list(desk.book.orders.values())[-1]
    assert (sent.account_id, sent.leg, sent.quantity) == (second.account_id, 1, moved.quantity)
    desk.send(sent)
    desk.report(sent, ExecType.TRADE, OrdStatus.FILLED, cum=sent.quantity, last=sent.quantity)
    holds(desk.book)
    assert desk.book.executions[order.execution_id].status == "completed"
    restored(desk.book)
    replays(desk.book, desk.entries)
    spaced(desk.entries)


def test_the_best_by_score_takes_over_and_the_event_says_against_whom() -> None:
    accounts = [an_account(name) for name in names(4)]
    desk = Desk(a_config(accounts))
    poor = a_snapshot("a2", at=desk.now + 1, equity=Decimal(96_000), balance=Decimal(96_000))
    desk.now += 1
    desk.feed(ev.AccountObserved(snapshot=poor))
    orders = desk.released(a_signal(at=desk.now, accounts=BestAccounts(count=2)))
    assert [o.account_id for o in orders].count("a2") == 0
    desk.send(orders[0])
    moved = only(refuse(desk, orders[0]), ev.RemainderRerouted)
    others = {name for name in names(4) if name not in {o.account_id for o in orders}}
    assert moved.share.account_id in others - {"a2"}
    assert moved.alternatives == ("a2",)
    assert moved.considered == 2


def test_an_order_in_doubt_is_not_rerouted() -> None:
    desk, order = a_desk()
    desk.send(order, ev.SendOutcomeKind.UNKNOWN)
    events = desk.timers_until(desk.now + 300 * S)
    assert not [e for e in events if isinstance(e, ev.RemainderRerouted | ev.LegScheduled)]
    shown = desk.book.quantities(desk.allocation(order))
    assert shown.in_doubt == order.quantity
    holds(desk.book)


def test_a_remainder_moves_and_what_was_filled_stays() -> None:
    desk, order = a_desk()
    part = order.quantity - 4_000
    desk.report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=part, last=part)
    events = list(
        desk.report(
            order,
            ExecType.CANCELED,
            OrdStatus.CANCELED,
            cum=part,
            reject_code=SUSPENDED,
        )
    )
    events += desk.timers_until(desk.now)
    moved = only(events, ev.RemainderRerouted)
    assert moved.quantity == 4_000
    first = desk.allocation(order)
    assert (first.intended, first.filled, first.abandoned) == (part, part, ZERO)
    assert first.planned == order.quantity
    holds(desk.book)
    replays(desk.book, desk.entries)


def test_an_alternative_takes_no_more_than_its_own_size_and_the_next_takes_the_rest() -> None:
    small = ExecutionProfile(size_factor=300_000)
    accounts = [an_account("a0"), an_account("a1", profile=small), an_account("a2", profile=small)]
    desk = Desk(a_config(accounts))
    signal = a_signal(accounts=BestAccounts(count=1))
    (order,) = desk.released(signal)
    while order.account_id != "a0":  # whose turn it is the rotation says
        signal = a_signal(f"{signal.signal_id}+", desk.now, accounts=BestAccounts(count=1))
        (order,) = desk.released(signal)
    desk.send(order)
    moved = [e for e in refuse(desk, order) if isinstance(e, ev.RemainderRerouted)]
    assert {m.share.account_id for m in moved} == {"a1", "a2"}
    for each in moved:
        assert each.quantity == each.share.base_size <= Decimal(3_450)
    first = desk.allocation(order)
    assert first.moved_out + first.abandoned == order.quantity
    assert first.ended.startswith("no_alternative_account"), first.ended
    holds(desk.book)
    replays(desk.book, desk.entries)


def test_nobody_fits_and_the_rest_is_abandoned_with_the_reasons() -> None:
    desk = Desk(a_config([an_account("a0"), an_account("a1", mode=AccountMode.CLOSE_ONLY)]))
    (order,) = desk.released()
    desk.send(order)
    ended = only(refuse(desk, order), ev.AllocationEnded)
    assert ended.abandoned == order.quantity
    refusal = ended.refusal
    assert refusal is not None
    assert refusal.rule is Rule.NO_ALTERNATIVE
    assert refusal.compared["refused_account_status"] == "1"
    assert [(r.account_id, r.rule) for r in refusal.also] == [("a1", Rule.ACCOUNT_STATUS)]
    assert desk.book.executions[order.execution_id].status == "abandoned"
    replays(desk.book, desk.entries)


def test_a_cap_on_accounts_counts_those_that_still_take_part() -> None:
    """Two may take part. One failed whole: a third may. One filled in part: no third."""
    desk, order = a_desk(4, 4, accounts_max=2)
    part = order.quantity - 4_000
    desk.report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=part, last=part)
    events = list(
        desk.report(order, ExecType.CANCELED, OrdStatus.CANCELED, cum=part, reject_code=SUSPENDED)
    )
    ended = only([*events, *desk.timers_until(desk.now)], ev.AllocationEnded)
    assert ended.refusal is not None
    assert {r.rule for r in ended.refusal.also} == {Rule.ACCOUNT_CAP}
    desk, order = a_desk(4, 4, accounts_max=2)
    moved = [e for e in refuse(desk, order) if isinstance(e, ev.RemainderRerouted)]
    assert len(moved) == 1


def test_copying_rules_hold_for_an_alternative() -> None:
    accounts = [an_account(name) for name in names(2)]
    accounts.append(an_account("a2", owner="owner of a1"))
    rules = a_rulebook(copy_within_owner=Permission.FORBIDDEN)
    desk = Desk(a_config(accounts, rulebook=rules))
    orders = desk.released(a_signal())
    inside = [o.account_id for o in orders]
    assert len(inside) == 2, "one of the two accounts of one owner takes part"
    for order in orders:
        desk.send(order)
    (failing,) = [o for o in orders if o.account_id == "a0"]
    ended = only(refuse(desk, failing), ev.AllocationEnded)
    assert ended.refusal is not None
    assert [r.rule for r in ended.refusal.also] == [Rule.COPY_POLICY]


def test_a_late_fill_of_what_was_moved_is_booked_halts_and_asks() -> None:
    desk, order = a_desk()
    only(refuse(desk, order), ev.RemainderRerouted)
    events = desk.report(
        order,
        ExecType.TRADE,
        OrdStatus.FILLED,
        exec_id="late",
        cum=order.quantity,
        last=order.quantity,
    )
    assert only(events, ev.FillBooked).overfill == order.quantity
    assert only(events, ev.AccountHalted).account_id == order.account_id
    only(events, ev.InterventionRequired)
    holds(desk.book)
    replays(desk.book, desk.entries)


def test_a_quantity_leaves_at_most_three_accounts() -> None:
    desk, order = a_desk(6)
    for hop in (1, 2, 3):
        moved = only(refuse(desk, order), ev.RemainderRerouted)
        allocation = of(desk, moved.execution_id, moved.share.account_id)
        assert allocation.hops == hop
        assert allocation.due_at is not None
        desk.timers_until(allocation.due_at)
        order = list(desk.book.orders.values())[-1]
        desk.send(order)
    ended = only(refuse(desk, order), ev.AllocationEnded)
    assert ended.refusal is not None
    assert ended.refusal.compared["accounts_left"] == "3"
    replays(desk.book, desk.entries)


def test_of_a_total_the_alternative_takes_the_same_share() -> None:
    desk = Desk(a_config(3))
    signal = a_signal(
        size=Total(quantity=Decimal(50_000), split=Split.EQUAL), accounts=BestAccounts(count=2)
    )
    orders = desk.released(signal)
    desk.send(orders[0])
    moved = only(refuse(desk, orders[0]), ev.RemainderRerouted)
    assert ZERO < moved.quantity <= orders[0].quantity
    holds(desk.book)


def test_an_expired_signal_reroutes_nothing() -> None:
    desk = Desk(a_config(3))
    signal = a_signal(accounts=BestAccounts(count=1), valid_until=desk.now + 40 * S)
    (order,) = desk.released(signal)
    desk.send(order)
    desk.now = signal.valid_until + 1
    ended = only(refuse(desk, order), ev.AllocationEnded)
    assert ended.refusal is not None
    assert ended.refusal.rule is Rule.EXPIRED
