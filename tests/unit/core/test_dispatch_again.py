"""Firm rules are judged again at the moment of release, on the book as it is then."""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.terms.policy import Permission
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import ListedAccounts
from stretto.core.values import NS_PER_S, Side
from tests.builders import Desk, S, a_config, a_rulebook, a_signal, a_snapshot

DAY_NS = 86_400 * NS_PER_S


def to(signal_id: str, account_id: str, side: Side, at: int) -> ev.SignalReceived:
    listed = ListedAccounts(account_ids=(account_id,))
    return ev.SignalReceived(signal=a_signal(signal_id, at, accounts=listed, side=side))


def test_an_opposite_position_that_came_late_stops_the_release() -> None:
    rules = a_rulebook(opposite_positions=Permission.FORBIDDEN)
    desk = Desk(a_config(2, rulebook=rules))
    desk.feed(to("buy", "a0", Side.BUY, desk.now))
    desk.timers_until(desk.now + 31 * S)
    (buy,) = desk.book.orders.values()
    desk.send(buy)
    desk.report(buy, ExecType.EXPIRED, OrdStatus.EXPIRED, leaves_qty=Decimal(0))
    (planned,) = desk.feed(to("sell", "a1", Side.SELL, desk.now))
    assert isinstance(planned, ev.SignalPlanned)
    # after the plan, the cancelled buy turns out to have filled
    desk.report(
        buy,
        ExecType.TRADE,
        OrdStatus.EXPIRED,
        exec_id="late",
        last_qty=buy.quantity,
        last_px=Decimal("1.1"),
        cum_qty=buy.quantity,
        leaves_qty=Decimal(0),
        avg_px=Decimal("1.1"),
    )
    events = desk.timers_until(desk.now + 31 * S)
    ended = [e for e in events if isinstance(e, ev.AllocationEnded)]
    assert [e.refusal.rule for e in ended if e.refusal] == [Rule.COPY_POLICY]
    assert len(desk.book.orders) == 1


def test_orders_count_for_the_firms_day_they_are_sent_in() -> None:
    rules = a_rulebook(orders_per_day_max=1)
    desk = Desk(a_config(1, rulebook=rules))
    desk.now += DAY_NS  # a new day, and no snapshot of it yet
    assert isinstance(desk.feed(to("first", "a0", Side.BUY, desk.now))[0], ev.SignalPlanned)
    desk.timers_until(desk.now + 31 * S)
    assert len(desk.book.orders) == 1
    desk.feed(ev.AccountObserved(snapshot=a_snapshot("a0", at=desk.now)))
    (refused,) = desk.feed(to("second", "a0", Side.BUY, desk.now))
    assert isinstance(refused, ev.SignalRefused)
    assert [r.rule for r in refused.plan.refusals] == [Rule.FIRM_RULE]
    assert refused.plan.refusals[0].compared["firm_rule"] == "orders_per_day_max"
