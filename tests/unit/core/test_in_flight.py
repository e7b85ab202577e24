"""What is not yet sent waits where something that moved off plan would make a pair too alike."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from stretto.core import events as ev
from stretto.core.book import CORRELATION_BREACH, allocation_key
from stretto.core.correlations.correlation import Trade, project
from stretto.core.correlations.correlation_pair import worst_raised
from stretto.core.correlations.factors import book_factors, history
from stretto.core.engine import reads_needed
from stretto.core.orders.order import Order
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.signal import ListedAccounts, PerAccount, Signal
from stretto.core.values import ZERO, Side
from tests.book_invariants import holds, replays, restored
from tests.builders import SYMBOLS, Desk, S, a_config, a_signal, bars_of, only
from tests.unit.core.correlation_samples import world

pytestmark = pytest.mark.requirement("R2.5")
HEDGE, TRADE = Decimal(500_000), Decimal(250_000)


def entered(
    desk: Desk, signal_id: str, symbol: str, quantity: Decimal, *names: str, side: Side = Side.BUY
) -> list[Order]:
    """The orders of a signal to ``names``, intended within half a minute."""
    listed = ListedAccounts(account_ids=names)
    size = PerAccount(quantity=quantity)
    return desk.released(
        a_signal(signal_id, desk.now, symbol=symbol, accounts=listed, size=size, side=side,
                 stop_distance=Decimal("0.0005"))
    )  # fmt: skip


def fill(desk: Desk, order: Order) -> None:
    desk.send(order)
    cum = order.quantity
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=cum, last=cum)


def close(desk: Desk, order: Order) -> tuple[ev.Event, ...]:
    """The venue closes the position of an order at its stop."""
    report = ExecutionReport(
        client_order_id="",
        account_id=order.account_id,
        exec_id=f"close-{order.client_order_id}",
        exec_type=ExecType.TRADE,
        ord_status=OrdStatus.FILLED,
        cum_qty=order.quantity,
        leaves_qty=ZERO,
        avg_px=Decimal("1.1"),
        order_qty=order.quantity,
        trading_day="2024-03-15",
        transact_at=desk.now,
        last_qty=order.quantity,
        last_px=Decimal("1.1"),
        position_id=f"T-{order.client_order_id}",
        text="stop_loss",
    )
    return desk.feed(ev.VenueReported(report=report))


class Scene:
    """a0 holds GBPUSD, so that EURUSD in both is not the same bet; its EURUSD is filled, that of a1
    not yet sent.
    """

    def __init__(self, *, sent: bool = True, side: Side = Side.BUY) -> None:
        self.desk = desk = Desk(a_config(2))
        (self.hedge,) = entered(desk, "hedge", "GBPUSD", HEDGE, "a0", side=side)
        fill(desk, self.hedge)
        (self.small,) = entered(desk, "small", "EURUSD", Decimal(10_000), "a0", side=side)
        fill(desk, self.small)
        self.side = side
        plan = desk.plan(self.both("both"))
        assert len(plan.allocations) == 2, plan
        self.first, self.last = (a.account_id for a in plan.allocations)
        self.execution_id = plan.execution_id
        self.key = allocation_key(plan.execution_id, self.last)
        self.due_at = plan.allocations[1].release_at
        if not sent:
            return
        desk.timers_until(plan.allocations[0].release_at)
        self.order = next(
            o for o in desk.book.orders.values() if o.execution_id == plan.execution_id
        )
        fill(desk, self.order)

    def both(self, signal_id: str) -> Signal:
        """EURUSD in a0 and a1."""
        return a_signal(
            signal_id, self.desk.now, accounts=ListedAccounts(account_ids=("a0", "a1")),
            size=PerAccount(quantity=TRADE), stop_distance=Decimal("0.0005"), side=self.side,
        )  # fmt: skip

    def at_gate(self) -> list[ev.Event]:
        return self.desk.timers_until(self.due_at + 2 * S)


def test_as_planned_nothing_is_looked_at_again() -> None:
    scene = Scene()
    book = scene.desk.book
    due = ev.TimerDue(timer=ev.TimerKind.RELEASE, key=scene.key, due_at=scene.due_at)
    assert reads_needed(book, due) != SYMBOLS
    assert book.shifted == {}
    only(scene.at_gate(), ev.OrderIntended)


@pytest.mark.parametrize("side", Side)
def test_a_pair_that_a_close_moves_past_the_threshold_holds_what_is_unsent(side: Side) -> None:
    scene = Scene(side=side)
    desk, book = scene.desk, scene.desk.book
    close(desk, scene.hedge)
    events = scene.at_gate()
    held, breached = only(events, ev.PendingHeld), only(events, ev.CorrelationBreached)
    assert (held.account_id, held.reason) == (scene.last, CORRELATION_BREACH)
    assert {breached.first, breached.second} == {"a0", "a1"}
    assert breached.first == scene.last
    assert abs(breached.before) < breached.threshold == 700_000 < breached.now
    assert not any(isinstance(event, ev.OrderIntended) for event in events)
    holds(book)
    restored(book)
    execution = book.executions[held.execution_id]
    ended = only(desk.timers_until(execution.signal.valid_until + S), ev.AllocationEnded)
    assert (ended.reason, ended.abandoned) == ("expired", book.allocations[scene.key].planned)
    assert book.breaches == {}
    assert book.timers.next_at() is None
    replays(book, desk.entries)


def test_a_later_close_frees_it_and_it_goes_after_its_window() -> None:
    scene = Scene()
    desk, book = scene.desk, scene.desk.book
    close(desk, scene.hedge)
    scene.at_gate()
    desk.timers_until(desk.now + 300 * S)
    close(desk, scene.order)
    assert book.timers.next_at() == desk.now
    restored(book)
    events = desk.timers_until(desk.now)
    assert only(events, ev.PendingFreed).reason == CORRELATION_BREACH
    assert only(events, ev.OrderIntended).order.account_id == scene.last
    holds(book)
    replays(book, desk.entries)


def test_while_it_is_one_a_move_only_renews_the_breach() -> None:
    scene = Scene()
    desk, book = scene.desk, scene.desk.book
    close(desk, scene.hedge)
    scene.at_gate()
    close(desk, scene.small)
    assert book.shifted_seq == book.seq
    events = desk.timers_until(desk.now + S)
    again = only(events, ev.CorrelationBreached)
    assert again.now > 700_000
    assert not any(isinstance(event, ev.PendingFreed) for event in events), "it stays where it is"
    assert book.allocations[scene.key].held == CORRELATION_BREACH
    assert book.breaches[scene.key].review_at is None
    holds(book)
    replays(book, desk.entries)


def test_what_waits_does_not_hold_the_other_back() -> None:
    scene = Scene(sent=False)
    desk, book = scene.desk, scene.desk.book
    close(desk, scene.hedge)
    events = scene.at_gate()
    assert only(events, ev.CorrelationBreached).first == scene.first
    order = only(events, ev.OrderIntended).order
    assert order.account_id == scene.last
    desk.send(order)
    desk.report(order, ExecType.EXPIRED, OrdStatus.EXPIRED)
    events = desk.timers_until(desk.now + S)
    assert only(events, ev.OrderIntended).order.account_id == scene.first
    holds(book)
    replays(book, desk.entries)


def test_all_that_waits_of_an_account_is_left_out_not_the_last_of_it() -> None:
    scene = Scene(sent=False)
    desk, book = scene.desk, scene.desk.book
    second = desk.plan(scene.both("again"))
    assert len(second.allocations) == 2
    close(desk, scene.hedge)
    desk.timers_until(desk.now + 60 * S)
    held = [a.account_id for a in book.allocations.values() if a.held == CORRELATION_BREACH]
    assert len(held) == 2
    assert len(set(held)) == 1, "one account waits with both, and holds the other back in neither"
    sent = [o for o in book.orders.values() if o.account_id not in held]
    assert {o.execution_id for o in sent} >= {scene.execution_id, second.execution_id}
    holds(book)


def test_who_waits_is_judged_without_what_waits_though_it_did_not_move() -> None:
    """a0 holds EURUSD and is to buy GBPUSD as well, so that a1 may buy EURUSD. Then a2 moves, and
    a0's GBPUSD waits: without it, a1's EURUSD would be the same bet as a0's.
    """
    desk = Desk(a_config(3))
    for name, symbol, quantity, account, side in (
        ("e0", "EURUSD", TRADE, "a0", Side.BUY),
        ("g2", "GBPUSD", HEDGE, "a2", Side.BUY),
        ("e2", "EURUSD", Decimal(300_000), "a2", Side.SELL),
    ):
        (order,) = entered(desk, name, symbol, quantity, account, side=side)
        fill(desk, order)
    last = order

    def planned(signal_id: str, symbol: str, quantity: Decimal, account: str) -> int:
        listed = ListedAccounts(account_ids=(account,))
        signal = a_signal(
            signal_id, desk.now, symbol=symbol, accounts=listed,
            size=PerAccount(quantity=quantity), stop_distance=Decimal("0.0005"),
        )  # fmt: skip
        (allocation,) = desk.plan(signal).allocations
        return allocation.release_at

    desk.timers_until(planned("g0", "GBPUSD", HEDGE, "a0") - 1)
    released_at = planned("e1", "EURUSD", TRADE, "a1")
    close(desk, last)
    assert set(desk.book.shifted) == {"a2"}
    events = desk.timers_until(released_at + 2 * S)
    pairs = [(e.first, e.second) for e in events if isinstance(e, ev.CorrelationBreached)]
    assert pairs == [("a0", "a2"), ("a1", "a0")]
    holds(desk.book)


def test_a_review_that_nobody_armed_changes_nothing() -> None:
    scene = Scene()
    desk = scene.desk
    close(desk, scene.hedge)
    scene.at_gate()
    assert desk.book.breaches[scene.key].review_at is None
    due = ev.TimerDue(timer=ev.TimerKind.CORRELATION, key=scene.key, due_at=desk.now)
    assert desk.feed(due) == ()
    close(desk, scene.order)  # it passes now, and is looked at when that timer is due
    assert desk.book.breaches[scene.key].review_at == desk.now
    early = ev.TimerDue(timer=ev.TimerKind.CORRELATION, key=scene.key, due_at=desk.now - 1)
    desk.now -= 1
    assert desk.feed(early) == ()


@pytest.mark.parametrize(("symbol", "bars"), [("GBPUSD", 1), ("EURUSD", 10)])
def test_what_cannot_be_correlated_any_more_is_not_sent(symbol: str, bars: int) -> None:
    """No return is known of what the account holds, or too few of what it would trade."""
    scene = Scene()
    desk = scene.desk
    close(desk, scene.small)  # something moved, and GBPUSD is still held
    desk.feed(ev.BarsObserved(symbol=symbol, bars=bars_of(symbol)[-bars:]))
    events = scene.at_gate()
    ended = only(events, ev.AllocationEnded)
    assert ended.refusal is not None
    assert ended.refusal.rule is Rule.COVARIANCE_UNKNOWN
    assert ended.refusal.compared["symbol"] == symbol
    assert not any(isinstance(event, ev.OrderIntended) for event in events)
    holds(desk.book)


@pytest.mark.parametrize("seed", range(8))
def test_the_rule_for_one_is_that_of_the_plan(seed: int) -> None:
    sample = world(60, seed=seed)
    bars = history(sample.returns, sample.symbols)
    factors = book_factors(bars, sample.exposure)
    exposed = np.flatnonzero(factors.exposed)
    blocked = 0
    for account in range(12):
        trade = Trade(symbol=0, accounts=np.array([account]), delta=np.array([1.5]))
        expected = project(factors, trade).blocked[0]
        others = exposed[exposed != account]
        before = sample.exposure[account]
        after = before.copy()
        after[0] += 1.5
        found = worst_raised(
            bars, account, np.stack((before, after)), others, sample.exposure[others]
        )
        assert found == expected
        blocked += found is not None
    assert blocked
