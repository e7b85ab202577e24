"""The moment of release: once, inside its window, through the whole gate again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.effects import SubmitOrder
from stretto.core.orders.order import OrderState
from stretto.core.release.dispatch import reads_for_release
from stretto.core.terms.account import AccountMode, ExecutionProfile
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.market import Reads
from stretto.core.terms.policy import BookConfig, Policy
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import OrderType
from stretto.core.values import PPM, ZERO, Side, iso
from tests.book_invariants import holds
from tests.builders import (
    OPEN,
    START,
    Desk,
    S,
    a_config,
    a_signal,
    a_snapshot,
    an_account,
    only,
    sessions,
    the_reads,
)


def release(desk: Desk, at: int, reads: Reads | None = None) -> tuple[ev.Event, ...]:
    """Fire the one scheduled release at ``at``."""
    ((key, due_at),) = list(desk.book.timers)
    desk.now = at
    name = key.removeprefix("release:")
    item = ev.TimerDue(timer=ev.TimerKind.RELEASE, key=name, due_at=due_at)
    return desk.feed(item, reads or the_reads(at))


def scheduled(config: BookConfig | None = None, **changes: Any) -> tuple[Desk, int, int]:
    """A desk with one scheduled allocation, its release and the end of its window."""
    desk = Desk(config or a_config(1))
    (planned,) = desk.plan(a_signal(**changes)).allocations
    return desk, planned.release_at, planned.window_end


def expired(events: tuple[ev.Event, ...], rule: Rule) -> ev.AllocationEnded:
    ended = only(events, ev.AllocationEnded)
    assert ended.reason == rule.value
    assert ended.refusal is not None
    assert ended.refusal.rule is rule
    assert ended.refusal.compared
    assert ended.refusal.would_pass
    assert only(events, ev.ExecutionEnded).status == "abandoned"
    return ended


@pytest.mark.requirement("P4")
def test_an_order_goes_out_once_with_its_last_time_of_writing() -> None:
    desk, release_at, _ = scheduled()
    order = only(release(desk, release_at), ev.OrderIntended).order
    assert order.state is OrderState.SUBMITTING
    assert order.send_before == release_at + 2 * S
    (command,) = desk.commands
    assert isinstance(command, SubmitOrder)
    assert command.send_before == order.send_before
    key = f"{order.execution_id}/{order.account_id}"
    again = ev.TimerDue(timer=ev.TimerKind.RELEASE, key=key, due_at=release_at)
    assert desk.feed(again) == ()


@pytest.mark.requirement("P4")
@pytest.mark.parametrize("late", [0, 1])
def test_the_window_ends_with_its_last_instant(late: int) -> None:
    desk, _, window_end = scheduled()
    events = release(desk, window_end + late)
    if not late:
        only(events, ev.OrderIntended)
        return
    ended = expired(events, Rule.WINDOW_PASSED)
    assert ended.abandoned > 0
    ledger = desk.book.ledgers["a0"]
    assert ledger.reserved_margin == ledger.reserved_risk == ZERO
    assert list(desk.book.timers) == []
    holds(desk.book)


@pytest.mark.requirement("P4")
@pytest.mark.parametrize("late", [0, 1])
def test_a_signal_that_expired_meanwhile_is_not_sent(late: int) -> None:
    desk = Desk(a_config(1))
    (planned,) = desk.plan(a_signal(valid_until=START + 31 * S)).allocations
    assert planned.release_at < START + 31 * S < planned.window_end
    events = release(desk, START + 31 * S + late)
    if late:
        expired(events, Rule.EXPIRED)
    else:
        only(events, ev.OrderIntended)


@pytest.mark.requirement("P4")
@pytest.mark.parametrize(
    ("side", "bid", "ask", "left"),
    [
        (Side.BUY, "1.10010", "1.10020", "0"),
        (Side.BUY, "1.10011", "1.10021", None),
        (Side.BUY, "1.09990", "1.10000", "0.0002"),
        (Side.SELL, "1.09990", "1.10000", "0"),
        (Side.SELL, "1.09989", "1.09999", None),
        (Side.SELL, "1.10005", "1.10020", "0.00015"),
    ],
)
def test_slippage_is_measured_from_the_touch_at_intake(
    side: Side, bid: str, ask: str, left: str | None
) -> None:
    desk, release_at, _ = scheduled(side=side, max_slippage=Decimal(1))
    events = release(desk, release_at, the_reads(release_at, bid, ask))
    if left is None:
        ended = expired(events, Rule.SLIPPAGE_EXCEEDED)
        assert ended.refusal is not None
        assert Decimal(ended.refusal.compared["moved_pips"]) == Decimal("1.1")
    else:
        assert only(events, ev.OrderIntended).slippage_max == Decimal(left)


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    ("aggression", "ask", "first"),
    [
        (PPM, "1.10010", "0.0002"),
        (300_000, "1.10010", "0.00006"),
        (300_000, "1.10020", "0.00003"),
        (300_000, "1.10030", "0"),
        (300_000, "1.10000", "0.00009"),
        (0, "1.10010", "0.00002"),
    ],
)
def test_aggression_is_the_share_of_the_bound_that_the_order_may_give_away_at_first(
    aggression: int, ask: str, first: str
) -> None:
    account = an_account("a0", profile=ExecutionProfile(aggression=aggression))
    desk, release_at, _ = scheduled(a_config([account]), max_slippage=Decimal(2))
    bid = str(Decimal(ask) - Decimal("0.0001"))
    events = release(desk, release_at, the_reads(release_at, bid, ask))
    assert only(events, ev.OrderIntended).slippage_max == Decimal(first)
    (command,) = desk.commands
    assert isinstance(command, SubmitOrder)
    assert command.slippage_max == Decimal(first)


def test_the_aggression_of_the_plan_stays_where_the_profile_changes() -> None:
    config = a_config([an_account("a0", profile=ExecutionProfile(aggression=500_000))])
    desk, release_at, _ = scheduled(config, max_slippage=Decimal(2))
    desk.feed(ev.BookOpened(config=a_config([an_account("a0")])))
    assert only(release(desk, release_at), ev.OrderIntended).slippage_max == Decimal("0.0001")


def test_a_limit_order_carries_its_prices_and_no_slippage() -> None:
    desk, release_at, _ = scheduled(
        order_type=OrderType.LIMIT, limit_price=Decimal("1.09987"), max_slippage=Decimal(1)
    )
    events = release(desk, release_at, the_reads(release_at, "1.20000", "1.20010"))
    intended = only(events, ev.OrderIntended)
    assert intended.slippage_max is None
    assert intended.order.limit_price == Decimal("1.09987")
    assert intended.order.stop_loss == Decimal("1.09687")


@pytest.mark.requirement("R1.4")
@pytest.mark.parametrize(
    ("reads", "rule"),
    [
        (lambda at: Reads(), Rule.NO_QUOTE),
        (lambda at: the_reads(at, quotes=the_reads(at - 61 * S).quotes), Rule.DATA_STALE),
        (lambda at: the_reads(at, venues=the_reads(at - 6 * S).venues), Rule.DATA_STALE),
    ],
)
def test_the_gate_is_asked_again_with_the_market_of_now(
    reads: Callable[[int], Reads], rule: Rule
) -> None:
    desk, release_at, _ = scheduled()
    expired(release(desk, release_at, reads(release_at)), rule)


@pytest.mark.requirement("R1.4")
@pytest.mark.parametrize(
    ("known", "rule"),
    [
        (lambda at: sessions((START, at + 1)), None),
        (lambda at: sessions((START, at)), Rule.SESSION_CLOSED),  # and no other session is known
        (lambda at: replace(OPEN, ends_at=at, sessions=((START, at),)), Rule.SESSION_UNKNOWN),
    ],
)
def test_the_gate_is_asked_again_with_the_sessions_of_now(
    known: Callable[[int], SessionTable], rule: Rule | None
) -> None:
    desk, release_at, _ = scheduled()
    desk.feed(ev.CalendarObserved(table=known(release_at)))
    events = release(desk, release_at)
    if rule is None:
        only(events, ev.OrderIntended)
    else:
        expired(events, rule)


def test_a_release_that_finds_its_market_closed_is_drawn_anew_for_the_next_session() -> None:
    desk, release_at, _ = scheduled(valid_until=START + 3_600 * S)
    opens_at = START + 1_800 * S
    table = sessions((START, release_at), (opens_at, opens_at + 3_600 * S))
    desk.feed(ev.CalendarObserved(table=table))
    waits = only(release(desk, release_at), ev.ReleaseScheduled)
    assert waits.reason == Rule.SESSION_CLOSED.value
    assert waits.release_at == opens_at + waits.delay_ns
    assert waits.window_end == waits.release_at + 30 * S
    assert S <= waits.delay_ns < 30 * S
    assert desk.commands == []
    holds(desk.book)
    intended = only(release(desk, waits.release_at), ev.OrderIntended)
    assert intended.planned_at == waits.release_at
    assert desk.book.executions[waits.execution_id].redraws == 0


def test_a_market_closed_for_longer_than_the_signal_is_valid_ends_the_release() -> None:
    desk, release_at, _ = scheduled(valid_until=START + 1_000 * S)
    opens_at = START + 1_000 * S
    table = sessions((START, release_at), (opens_at, opens_at + 3_600 * S))
    desk.feed(ev.CalendarObserved(table=table))
    ended = expired(release(desk, release_at), Rule.SESSION_CLOSED)
    assert ended.refusal is not None
    assert iso(opens_at) in str(ended.refusal.compared) + ended.refusal.would_pass


@pytest.mark.requirement("R1.4")
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"tradable": False}, Rule.ACCOUNT_STATUS),
        ({"equity": Decimal(95_010)}, Rule.FIRM_RULE),
        ({"margin_used": Decimal(83_000)}, Rule.MARGIN_LEVEL),
    ],
)
def test_the_gate_is_asked_again_with_the_account_of_now(
    change: dict[str, object], rule: Rule
) -> None:
    desk, release_at, _ = scheduled()
    desk.feed(ev.AccountObserved(snapshot=a_snapshot("a0", START + 1, **change)))
    expired(release(desk, release_at), rule)


def test_a_mode_set_meanwhile_stops_what_was_scheduled() -> None:
    desk, release_at, _ = scheduled()
    desk.feed(ev.BookOpened(config=a_config([an_account("a0", mode=AccountMode.CLOSE_ONLY)])))
    expired(release(desk, release_at), Rule.ACCOUNT_STATUS)


def test_an_own_reservation_does_not_stand_in_its_own_way() -> None:
    """The largest size that fits when planned still fits when released, limits of one included."""
    account = an_account("a0", positions_max=1, orders_max=1)
    config = a_config([account], Policy(exposure_max=Decimal(12_000)))
    desk, release_at, _ = scheduled(config)
    only(release(desk, release_at), ev.OrderIntended)


def test_an_exposure_cap_lowered_meanwhile_binds_at_release() -> None:
    desk = Desk(a_config(2))
    first, second = desk.plan(a_signal()).allocations
    assert first.position_size + second.position_size > 17_000
    lower = Policy(exposure_max=Decimal("1.1002") * max(first.position_size, second.position_size))
    desk.feed(ev.BookOpened(config=a_config(2, lower)))
    events = desk.timers_until(START + 30 * S)
    assert sum(isinstance(e, ev.OrderIntended) for e in events) == 1, "room for one of them"
    refused = only(events, ev.AllocationEnded).refusal
    assert refused is not None
    assert refused.rule is Rule.EXPOSURE_CAP


def test_the_reads_of_a_release_are_what_its_gate_needs() -> None:
    desk, _, _ = scheduled()
    (key,) = desk.book.allocations
    assert reads_for_release(desk.book, key) == ("EURUSD",)
    elsewhere = replace(a_config(1, Policy(exposure_max=Decimal(10**9))), currency="GBP")
    desk.feed(ev.BookOpened(config=elsewhere))
    assert reads_for_release(desk.book, key) == ("EURUSD", "GBPUSD")
    desk.timers_until(START + 60 * S)
    assert reads_for_release(desk.book, key) == ()
