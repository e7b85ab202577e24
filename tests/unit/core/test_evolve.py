"""Applying events: what does not fit is refused; what is derived can be derived again."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import InvariantViolated
from stretto.core.evolve import begin, evolve, finish
from stretto.core.orders.order import OrderState
from stretto.core.orders.order_changes import OrderChanges
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import Urgency
from tests.book_invariants import holds, restored
from tests.builders import START, Desk, S, a_config, a_signal


def test_sequence_has_no_gap_and_time_does_not_fall() -> None:
    book = Book()
    begin(book, 1, START)
    for seq in (1, 3):
        with pytest.raises(InvariantViolated, match="cannot follow"):
            begin(book, seq, START)
    with pytest.raises(InvariantViolated, match="would fall"):
        begin(book, 2, START - 1)


def test_a_client_order_id_is_used_once_and_never_for_more_than_is_pending() -> None:
    desk = Desk(a_config(1))
    (order,) = desk.released()
    intended = ev.OrderIntended(order=order, planned_at=START)
    with pytest.raises(InvariantViolated, match="was used before"):
        evolve(desk.book, intended)
    other = msgspec.structs.replace(order, client_order_id="OTHER", leg=2)
    with pytest.raises(InvariantViolated, match="exceeds what is pending"):
        evolve(desk.book, ev.OrderIntended(order=other, planned_at=START))


def test_a_quantity_that_goes_missing_halts_before_it_is_journaled() -> None:
    desk = Desk(a_config(1))
    (order,) = desk.released()
    lost = ev.OrderAdvanced(
        client_order_id=order.client_order_id, execution_id=order.execution_id, account_id="a0",
        cause="canceled", changes=OrderChanges(state=OrderState.CANCELED, leaves_qty=Decimal(0)),
    )  # fmt: skip
    evolve(desk.book, lost)
    with pytest.raises(InvariantViolated, match=r"intended .* but accounted"):
        finish(desk.book)


def test_an_execution_is_open_until_its_last_allocation_ends() -> None:
    desk = Desk(a_config(3))
    orders = desk.released()
    for order in orders:
        assert list(desk.book.open_executions) == [order.execution_id]
        desk.report(order, ExecType.EXPIRED, OrdStatus.EXPIRED)
    assert desk.book.open_executions == {}
    assert desk.book.scheduled == {}
    assert desk.book.entering == {}
    holds(desk.book)


def test_slots_of_orders_are_counted_while_something_may_happen() -> None:
    desk = Desk(a_config(1))
    desk.plan()
    assert len(desk.book.entering["a0"]) == 1
    desk.plan(a_signal("second"))
    assert len(desk.book.entering["a0"]) == 2
    desk.timers_until(START + 70 * S)
    assert len(desk.book.entering["a0"]) == 2
    assert desk.book.ledgers["a0"].open_orders == 2
    assert desk.book.ledgers["a0"].orders_today == 2
    first, second = desk.book.orders.values()
    desk.report(first, ExecType.NEW, OrdStatus.NEW)
    desk.report(second, ExecType.EXPIRED, OrdStatus.EXPIRED)
    assert desk.book.ledgers["a0"].open_orders == 1
    ((execution_id, entry),) = desk.book.entering["a0"].items()
    assert (entry.execution_id, entry.quantity) == (execution_id, first.quantity)
    desk.report(first, ExecType.TRADE, OrdStatus.FILLED, cum=first.quantity, last=first.quantity)
    assert desk.book.entering == {}


def test_health_is_fed_once_by_each_submit() -> None:
    desk = Desk(a_config(3))
    desk.plan(a_signal(urgency=Urgency.IMMEDIATE))
    desk.timers_until(START)
    good, bad, unknown = desk.book.orders.values()
    for order in (good, bad):
        desk.send(order)
    desk.now += 80_000_000
    desk.report(good, ExecType.NEW, OrdStatus.NEW)
    desk.report(bad, ExecType.REJECTED, OrdStatus.REJECTED)
    desk.send(unknown, ev.SendOutcomeKind.UNKNOWN)
    ledgers = desk.book.ledgers
    assert [ledgers[o.account_id].submits for o in (good, bad, unknown)] == [1, 1, 1]
    reliable = [ledgers[o.account_id].reliability for o in (good, bad, unknown)]
    assert reliable[0] == 1_000_000 > reliable[1] == reliable[2]


def test_a_snapshot_gives_the_whole_book_back() -> None:
    desk = Desk(a_config(4))
    first, *others = desk.released()
    desk.send(first, ev.SendOutcomeKind.UNKNOWN)
    desk.send(others[0])
    half = others[0].quantity / 2
    desk.report(others[0], ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=half, last=half)
    desk.plan(a_signal("second", desk.now))
    copy = restored(desk.book)
    assert len(copy.timers) == len(desk.book.timers) > 4
    # the copy decides like the original
    signal = ev.SignalReceived(signal=a_signal("third", desk.now))
    original = desk.feed(signal)
    desk.book = copy
    assert desk.feed(signal) == original
