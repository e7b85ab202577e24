"""The table of contents: effects follow from events, reads are what a decision needs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.effects import QueryOrder, SubmitOrder
from stretto.core.engine import effects_of, reads_needed
from stretto.core.errors import InvariantViolated
from stretto.core.terms.report import OrderType, TimeInForce
from stretto.core.terms.signal import Urgency
from tests.builders import START, SYMBOLS, VENUE, Desk, a_config, a_signal, a_snapshot


def test_a_submit_says_everything_the_venue_needs() -> None:
    desk = Desk(a_config(1))
    (order,) = desk.released(
        a_signal(
            order_type=OrderType.LIMIT, limit_price=Decimal("1.0999"), take_profit=Decimal("1.11"),
            time_in_force=TimeInForce.GTC,
        )
    )  # fmt: skip
    (command,) = [c for c in desk.commands if isinstance(c, SubmitOrder)]
    assert command == SubmitOrder(
        client_order_id=order.client_order_id, account_id="a0", venue=VENUE, symbol="EURUSD",
        venue_symbol="x", side=order.side, order_type=OrderType.LIMIT, quantity=order.quantity,
        send_before=order.send_before, time_in_force=TimeInForce.GTC,
        limit_price=Decimal("1.0999"), stop_loss=Decimal("1.0969"), take_profit=Decimal("1.11"),
    )  # fmt: skip


def test_only_intents_and_queries_have_effects_and_the_same_entry_the_same_ones() -> None:
    desk = Desk(a_config(2))
    orders = desk.released(a_signal(urgency=Urgency.IMMEDIATE))
    desk.send(orders[0], ev.SendOutcomeKind.UNKNOWN)
    desk.timers_until(desk.now + 100_000_000_000)
    for entry in desk.entries:
        expected = [
            SubmitOrder if isinstance(e, ev.OrderIntended) else QueryOrder
            for e in entry.events
            if isinstance(e, ev.OrderIntended | ev.OrderQueried)
        ]
        assert [type(c) for c in effects_of(desk.book, entry)] == expected


def test_only_signals_and_releases_read_the_market() -> None:
    desk = Desk(a_config(1))
    signal = ev.SignalReceived(signal=a_signal())
    assert reads_needed(desk.book, signal) == SYMBOLS
    desk.feed(signal)
    ((key, due_at),) = list(desk.book.timers)
    name = key.removeprefix("release:")
    release = ev.TimerDue(timer=ev.TimerKind.RELEASE, key=name, due_at=due_at)
    assert reads_needed(desk.book, release) == ("EURUSD",)
    assert reads_needed(desk.book, ev.AccountObserved(snapshot=a_snapshot("a0"))) == ()
    query = ev.TimerDue(timer=ev.TimerKind.QUERY, key="x", due_at=START)
    assert reads_needed(desk.book, query) == ()


@pytest.mark.parametrize("kind", ev.TimerKind)
def test_a_timer_that_would_fire_early_is_a_bug(kind: ev.TimerKind) -> None:
    desk = Desk()
    with pytest.raises(InvariantViolated, match="would fire early"):
        desk.feed(ev.TimerDue(timer=kind, key="any", due_at=desk.now + 1))


def test_what_is_known_already_changes_nothing() -> None:
    desk = Desk()
    again = [entry.input for entry in desk.entries]
    assert len(again) == 1 + 1 + 2 + 6
    for item in again:
        assert desk.feed(item) == ()
