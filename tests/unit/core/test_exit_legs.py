"""An exit's orders: retried, closed ticket by ticket, busted, and never given up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.book import allocation_key
from stretto.core.terms.account import PositionMode
from stretto.core.terms.report import ExecType, OrderRole, OrdStatus
from stretto.core.terms.signal import Urgency
from stretto.core.values import ZERO
from tests.builders import S, a_signal, only
from tests.exit_desk import SIGNAL, desk


@pytest.mark.requirement("P5")
@pytest.mark.parametrize("code", ["insufficient_margin", "no such word", "account_disabled"])
def test_an_exit_that_fails_is_never_given_up(code: str) -> None:
    book = desk()
    book.entered()
    order = book.exit()[0]
    book.send(order)
    events = book.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code=code)
    assert only(events, ev.InterventionRequired).account_id == order.account_id
    book.timers_until(book.now + 10 * 86_400 * S)
    allocation = book.allocation(order)
    assert (allocation.pending, allocation.abandoned) == (order.quantity, ZERO)
    assert allocation.held
    book.checked()


def test_an_exit_is_retried_without_window_or_expiry() -> None:
    book = desk()
    book.entered()
    book.now += 86_400 * S
    order = book.exit()[0]
    book.send(order, ev.SendOutcomeKind.NOT_SENT)
    assert book.allocation(order).due_at is not None
    events = book.timers_until(book.now + 10 * S)
    again = [e.order for e in events if isinstance(e, ev.OrderIntended)]
    assert [(o.account_id, o.leg, o.quantity) for o in again] == [
        (order.account_id, 2, order.quantity)
    ]
    book.checked()


def test_a_rate_limited_exit_waits_what_the_venue_says_and_keeps_entries_away() -> None:
    book = desk()
    book.entered()
    order = book.exit()[0]
    book.send(order)
    events = book.report(
        order, ExecType.REJECTED, OrdStatus.REJECTED,
        reject_code="rate_limited", text="retry_after_ms=9000",
    )  # fmt: skip
    assert only(events, ev.LegScheduled).due_at >= book.now + 9 * S
    assert only(events, ev.VenueThrottled).until >= book.now + 9 * S
    book.checked()


def test_an_exit_that_says_the_account_is_suspended_excludes_it_from_entries() -> None:
    book = desk()
    book.entered()
    order = book.exit()[0]
    book.send(order)
    events = book.report(
        order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="account_disabled"
    )
    assert only(events, ev.AccountExcluded).account_id == order.account_id
    assert only(events, ev.AlertRaised).account_id == order.account_id
    assert only(events, ev.InterventionRequired).account_id == order.account_id
    book.checked()


def test_an_exit_that_expires_or_is_canceled_by_the_venue_goes_on() -> None:
    book = desk()
    book.entered()
    order = book.exit()[0]
    book.send(order)
    book.filled(order, Decimal(1_000))
    book.report(order, ExecType.EXPIRED, OrdStatus.EXPIRED, cum=1_000)
    events = book.timers_until(book.now)
    again = only(events, ev.OrderIntended).order
    assert again.quantity == order.quantity - 1_000
    book.checked()


def test_hedging_accounts_close_ticket_by_ticket() -> None:
    book = desk()
    entry = book.order(SIGNAL)
    book.filled(entry, Decimal(4_000), position_id="T-1")
    book.filled(book.book.orders[entry.client_order_id], position_id="T-2")
    (first, *_) = [o for o in book.exit() if o.account_id == entry.account_id]
    assert (first.position_id, first.quantity) == ("T-1", Decimal(4_000))
    book.send(first)
    book.filled(first)
    second = only(book.timers_until(book.now), ev.OrderIntended).order
    assert (second.position_id, second.quantity) == ("T-2", entry.quantity - 4_000)
    book.send(second)
    book.filled(second)
    assert book.held(entry.account_id) == 0
    assert book.allocation(first).ended == "filled"
    book.checked()


def test_the_other_ticket_is_closed_where_one_is_gone() -> None:
    book = desk()
    entry = book.order(SIGNAL)
    book.filled(entry, Decimal(4_000), position_id="T-1")
    book.filled(book.book.orders[entry.client_order_id], position_id="T-2")
    (first, *_) = [o for o in book.exit() if o.account_id == entry.account_id]
    book.send(first)
    book.report(first, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="position_gone")
    second = only(book.timers_until(book.now), ev.OrderIntended).order
    assert (second.position_id, second.quantity) == ("T-2", entry.quantity - 4_000)
    book.checked()


def test_a_netting_account_closes_the_executions_own_share() -> None:
    book = desk(position_mode=PositionMode.NETTING)
    for name in ("s1", "s2"):
        for order in book.released(a_signal(name, urgency=Urgency.IMMEDIATE)):
            book.send(order)
            book.filled(order, position_id="NET")
    held = book.held("a0")
    (order, *_) = [o for o in book.exit() if o.account_id == "a0"]
    entered = book.book.positions["a0"][book.book.executions[order.execution_id].closes]
    assert order.quantity == entered.quantity < held
    book.send(order)
    book.filled(order, position_id="NET")
    (left,) = book.book.positions["a0"].values()
    assert left.execution_id != entered.execution_id
    assert left.quantity == held - order.quantity
    book.checked()


def test_a_busted_exit_gives_the_position_back_and_works_again() -> None:
    book = desk()
    entry = book.entered()[0]
    order = next(o for o in book.exit() if o.account_id == entry.account_id)
    book.send(order)
    book.filled(order, exec_id="e1", price="1.20000")
    assert book.held(entry.account_id) == 0
    trades = book.book.ledgers[entry.account_id]
    assert (trades.trades, trades.hits) == (1, 1)
    book.report(
        order, ExecType.TRADE_CANCEL, OrdStatus.NEW, last=order.quantity, exec_ref_id="e1",
        exec_id="b1", price="1.20000",
    )  # fmt: skip
    assert book.held(entry.account_id) == order.quantity
    (position,) = book.book.positions[entry.account_id].values()
    assert position.average_price == Decimal("1.10010")
    ledger = book.book.ledgers[entry.account_id]
    assert (ledger.trades, ledger.hits) == (0, 0)
    assert book.book.quantities(book.allocation(order)).working == order.quantity
    book.checked()


def test_a_bust_after_the_exit_ended_is_closed_again() -> None:
    book = desk()
    entry = book.entered()[0]
    order = next(o for o in book.exit() if o.account_id == entry.account_id)
    book.send(order)
    book.filled(order, Decimal(4_000), exec_id="e1")
    book.report(
        book.book.orders[order.client_order_id], ExecType.CANCELED, OrdStatus.CANCELED,
        cum=4_000, reject_code="position_gone", exec_id="c1",
    )  # fmt: skip
    assert book.allocation(order).ended
    book.report(
        order, ExecType.TRADE_CANCEL, OrdStatus.CANCELED, last=4_000, exec_ref_id="e1",
        exec_id="b1",
    )  # fmt: skip
    late = only(book.timers_until(book.now), ev.OrderIntended).order
    assert (late.role, late.quantity) == (OrderRole.EXIT, Decimal(4_000))
    book.checked()


def test_what_is_on_its_way_out_still_counts_as_carried() -> None:
    book = desk()
    entry = book.entered()[0]
    before = book.book.carried["EURUSD"][entry.account_id]
    order = next(o for o in book.exit() if o.account_id == entry.account_id)
    assert book.book.carried["EURUSD"][entry.account_id] == before
    assert entry.account_id not in book.book.entering
    book.send(order)
    book.filled(order)
    assert entry.account_id not in book.book.carried.get("EURUSD", {})
    key = allocation_key(order.execution_id, order.account_id)
    assert book.book.allocations[key].margin == 0
