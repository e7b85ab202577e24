"""What waits for a session, a venue's own wait or a stop that is far enough."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.orders.order import Order
from stretto.core.terms.failure import stated_number
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import Signal
from stretto.core.values import ZERO
from tests.book_invariants import holds, replays, restored
from tests.builders import DAY_NS, START, Desk, S, a_config, a_signal, only, sessions

OPENS = START + 7_200 * S


def refused(desk: Desk, order: Order, code: str, text: str = "") -> tuple[ev.Event, ...]:
    desk.send(order)
    events = desk.report(
        order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code=code, text=text, at=desk.now
    )
    holds(desk.book)
    return events


def a_break(signal: Signal) -> tuple[Desk, Order]:
    """Two sessions, two hours apart; the first order is out when the venue says it is closed."""
    desk = Desk(a_config(1))
    table = sessions((START - DAY_NS, START + 60 * S), (OPENS, OPENS + DAY_NS))
    desk.feed(ev.CalendarObserved(table=table))
    (order,) = desk.released(signal)
    return desk, order


@pytest.mark.requirement("R5.3")
def test_market_closed_waits_for_the_next_session_with_a_delay_of_its_own() -> None:
    desk, order = a_break(a_signal(valid_until=OPENS + 3_600 * S))
    leg = only(refused(desk, order, "market_closed"), ev.LegScheduled)
    assert OPENS + S <= leg.due_at < OPENS + 30 * S
    assert leg.due_at - OPENS != order.created_at - START, "drawn anew"
    assert dict(restored(desk.book).timers)[f"release:{order.execution_id}/a0"] == leg.due_at
    desk.timers_until(leg.due_at - 1)
    assert len(desk.book.orders) == 1, "never early"
    desk.timers_until(leg.due_at)
    assert len(desk.book.orders) == 2
    replays(desk.book, desk.entries)


@pytest.mark.requirement("R5.3")
def test_market_closed_past_the_signals_end_is_abandoned_and_says_so() -> None:
    desk, order = a_break(a_signal(valid_until=OPENS - 1))
    ended = only(refused(desk, order, "market_closed"), ev.AllocationEnded)
    assert ended.abandoned == order.quantity
    assert ended.reason.startswith("market_closed: the next session opens 2024-03-15T10:00")


def test_market_closed_without_a_known_session_is_abandoned_and_says_so() -> None:
    desk = Desk(a_config(1))
    (order,) = desk.released()
    ended = only(refused(desk, order, "market_closed"), ev.AllocationEnded)
    assert ended.reason == "market_closed: no next session is known"


@pytest.mark.requirement("R5.3")
def test_rate_limited_waits_what_the_venue_says() -> None:
    desk = Desk(a_config(1))
    (order,) = desk.released()
    leg = only(refused(desk, order, "rate_limited", "retry_after_ms=4000"), ev.LegScheduled)
    assert 4 * S <= leg.due_at - desk.now <= 4 * S * 6 // 5


@pytest.mark.requirement("R5.3")
def test_a_stop_is_moved_to_the_distance_that_the_venue_states() -> None:
    desk = Desk(a_config(1))
    (order,) = desk.released()
    assert order.stop_loss is not None
    distance = Decimal("1.10010") - order.stop_loss
    said = f"stop_distance_min={distance * Decimal('1.25')}"
    leg = only(refused(desk, order, "invalid_stops", said), ev.LegScheduled)
    assert leg.stop_loss == Decimal("1.10010") - distance * Decimal("1.25")
    assert leg.abandoned > 0, "the size is cut so that the risk does not grow"
    desk.timers_until(leg.due_at)
    again = list(desk.book.orders.values())[-1]
    assert again.quantity * Decimal("1.25") <= order.quantity
    said = f"stop_distance_min={distance * 2}"
    ended = only(refused(desk, again, "invalid_stops", said), ev.AllocationEnded)
    assert ended.abandoned == again.quantity


@pytest.mark.parametrize(
    ("words", "text", "number"),
    [
        ("retry_after_ms=", "retry_after_ms=250", Decimal(250)),
        ("wait ", "please wait 1.5 s", Decimal("1.5")),
        ("wait ", "please wait.", None),
        ("", "retry_after_ms=250", None),
        ("wait ", "wait 1.2.3", None),
        ("wait ", "wait 12.", Decimal(12)),
        ("wait ", "wait x", None),
        ("wait ", "wait 0", ZERO),
    ],
)
def test_a_number_is_read_only_where_the_table_says_it_stands(
    words: str, text: str, number: Decimal | None
) -> None:
    assert stated_number(words, text) == number
