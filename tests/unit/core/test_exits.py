"""Exits: every account that holds a part is reached, nothing stops one, nothing of it is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.effects import CancelOrder, SubmitOrder
from stretto.core.orders.order import OrderState
from stretto.core.terms.account import AccountMode
from stretto.core.terms.market import Reads
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import CancelReject, ExecType, OrderRole, OrdStatus
from stretto.core.terms.signal import Action, PerAccount, RiskPercent, Share, Total
from stretto.core.values import ZERO, Side
from tests.builders import START, S, a_signal, names, only
from tests.exit_desk import SIGNAL, an_exit, desk, stop


@pytest.mark.requirement("P5")
def test_a_close_reaches_every_account_that_holds_the_signals_position() -> None:
    book = desk()
    entries = book.entered()
    exits = book.exit()
    assert {order.account_id for order in exits} == {order.account_id for order in entries}
    tickets = {o.account_id: o.position_id for o in entries}
    for order in exits:
        assert (order.role, order.side) == (OrderRole.EXIT, Side.SELL)
        assert order.position_id == tickets[order.account_id]
        book.send(order)
        book.filled(book.book.orders[order.client_order_id], price="1.20000")
    assert [book.held(name) for name in names(3)] == [0, 0, 0]
    execution = book.book.executions[exits[0].execution_id]
    assert (execution.status, execution.role) == ("completed", OrderRole.EXIT)
    assert all(ledger.hits == ledger.trades == 1 for ledger in book.book.ledgers.values())
    sent = [c for c in book.commands if isinstance(c, SubmitOrder) and c.role is OrderRole.EXIT]
    assert [c.position_id for c in sent] == [tickets[c.account_id] for c in sent]
    book.checked()


@pytest.mark.requirement("P5")
def test_an_exit_stopped_by_an_entry_rule() -> None:
    book = desk()
    book.entered()
    config = book.config
    closing = {
        name: msgspec.structs.replace(account, mode=AccountMode.SUSPENDED)
        for name, account in config.accounts.items()
    }
    book.feed(ev.BookOpened(config=msgspec.structs.replace(config, accounts=closing)))
    book.now += 40 * 86_400 * S  # the signal expired long ago, sessions and snapshots are stale
    assert len(book.exit(reads=Reads())) == 3  # and nobody has a quote


def test_an_exit_after_the_stop_was_hit_is_done() -> None:
    book = desk()
    for order in book.entered():
        stop(book, order)
    (planned, ended) = book.feed(ev.ExitReceived(exit=an_exit()))
    assert isinstance(planned, ev.SignalPlanned)
    assert {refusal.rule for refusal in planned.plan.refusals} == {Rule.POSITION_GONE}
    assert ended == ev.ExecutionEnded(execution_id=planned.plan.execution_id, status="completed")
    assert not book.book.interventions
    book.checked()


def test_a_stop_that_beats_the_exit_to_the_venue_ends_it() -> None:
    book = desk()
    entry = book.entered()[0]
    order = next(o for o in book.exit() if o.account_id == entry.account_id)
    book.send(order)
    events = book.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="position_gone")
    assert only(events, ev.AllocationEnded).abandoned == order.quantity
    assert not book.book.interventions
    stop(book, entry)
    assert book.held(entry.account_id) == 0
    book.checked()


def test_a_close_of_a_partly_filled_entry_closes_what_fills_meanwhile() -> None:
    book = desk()
    entry = book.order(SIGNAL)
    book.filled(entry, Decimal(4_000))
    (order, *_) = [o for o in book.exit() if o.account_id == entry.account_id]
    assert order.quantity == 4_000
    entry = book.book.orders[entry.client_order_id]
    assert entry.cancel_requested
    canceled = [c.client_order_id for c in book.commands if isinstance(c, CancelOrder)]
    assert entry.client_order_id in canceled
    book.filled(entry, Decimal(3_000))  # the fill crossed the cancel
    book.send(order)
    book.filled(book.book.orders[order.client_order_id])
    assert book.held(entry.account_id) == 3_000
    book.timers_until(book.now)
    late = only(book.entries[-1].events, ev.OrderIntended).order
    assert (late.role, late.side) == (OrderRole.EXIT, Side.SELL)
    assert late.quantity == 3_000
    book.send(late)
    book.filled(book.book.orders[late.client_order_id])
    book.report(
        book.book.orders[entry.client_order_id], ExecType.CANCELED, OrdStatus.CANCELED, cum=7_000
    )
    assert book.held(entry.account_id) == 0
    allocation = book.allocation(entry)
    assert allocation.filled == 7_000
    assert allocation.abandoned == entry.quantity - 7_000
    book.checked()


def test_a_close_withdraws_entries_that_wait_for_their_release() -> None:
    book = desk()
    plan = book.plan(a_signal())
    events = book.feed(ev.ExitReceived(exit=an_exit()))
    ended = [e for e in events if isinstance(e, ev.AllocationEnded)]
    assert [e.abandoned for e in ended] == [a.position_size for a in plan.allocations]
    statuses = {e.execution_id: e.status for e in events if isinstance(e, ev.ExecutionEnded)}
    assert statuses[plan.execution_id] == "abandoned"
    assert not [e for e in book.timers_until(book.now + 60 * S) if isinstance(e, ev.OrderIntended)]
    book.checked()


def test_an_entry_in_doubt_that_turns_out_to_live_after_a_close_is_canceled_and_closed() -> None:
    book = desk()
    order = book.released(SIGNAL)[0]
    book.send(order, ev.SendOutcomeKind.UNKNOWN)
    book.exit()
    current = book.book.orders[order.client_order_id]
    assert current.state is OrderState.IN_DOUBT
    assert current.cancel_requested
    book.filled(current)
    book.timers_until(book.now)
    late = only(book.entries[-1].events, ev.OrderIntended).order
    assert (late.account_id, late.quantity) == (order.account_id, order.quantity)
    book.checked()


@pytest.mark.requirement("P5")
@pytest.mark.parametrize("fate", ["unreported", "in doubt", "canceled"])
def test_a_close_before_its_entrys_fills_are_known_closes_them_and_halts_nothing(fate: str) -> None:
    book = desk()
    order = book.released(SIGNAL)[0]
    unknown = ev.SendOutcomeKind.UNKNOWN
    book.send(order, unknown if fate == "in doubt" else ev.SendOutcomeKind.SENT)
    book.exit()
    if fate == "canceled":
        current = book.book.orders[order.client_order_id]
        book.report(current, ExecType.CANCELED, OrdStatus.CANCELED)
    book.now += S
    book.filled(book.book.orders[order.client_order_id], at=book.now)
    book.timers_until(book.now)
    late = only(book.entries[-1].events, ev.OrderIntended).order
    assert (late.role, late.quantity) == (OrderRole.EXIT, order.quantity)
    book.send(late)
    book.filled(book.book.orders[late.client_order_id], position_id=f"T-{order.client_order_id}")
    assert book.held(order.account_id) == 0
    assert book.book.ledgers[order.account_id].halted == ""
    assert book.book.interventions == {}
    book.checked()


def test_an_entry_that_fails_after_a_close_is_not_tried_again() -> None:
    book = desk()
    order = book.order(SIGNAL)
    book.exit()
    events = book.report(
        order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="insufficient_margin"
    )
    assert only(events, ev.AllocationEnded).abandoned == order.quantity
    book.checked()


def test_a_refused_cancel_after_a_close_is_asked_for_again() -> None:
    book = desk()
    order = book.order(SIGNAL)
    book.report(order, ExecType.NEW, OrdStatus.NEW)
    book.exit()
    reject = CancelReject(
        client_order_id=order.client_order_id, account_id=order.account_id,
        ord_status=OrdStatus.NEW, transact_at=START, for_replace=False, reject_code="other",
    )  # fmt: skip
    book.feed(ev.CancelRejected(reject=reject))
    events = book.timers_until(book.now + 5 * S)
    assert only(events, ev.CancelRequested).client_order_id == order.client_order_id
    book.checked()


def test_an_exit_of_an_unknown_signal_is_refused_by_name() -> None:
    book = desk()
    (event,) = book.feed(ev.ExitReceived(exit=an_exit(refers_to="nobody")))
    assert isinstance(event, ev.SignalRefused)
    assert event.plan.refused is not None
    assert event.plan.refused.rule is Rule.UNKNOWN_REFERENCE
    assert event.plan.refused.compared == {"refers_to": "nobody"}
    book.checked()


def test_an_exit_may_name_the_execution_and_counts_once() -> None:
    book = desk()
    entry = book.entered()[0]
    item = an_exit(refers_to=entry.execution_id)
    assert len(book.exit(item)) == 3
    assert book.feed(ev.ExitReceived(exit=item)) == ()
    (event,) = book.feed(ev.ExitReceived(exit=an_exit(action=Action.AMEND, stop_loss=Decimal(1))))
    assert isinstance(event, ev.SignalRefused)
    assert event.plan.refused is not None
    assert event.plan.refused.rule is Rule.DUPLICATE_SIGNAL
    (event,) = book.feed(ev.ExitReceived(exit=an_exit("x2", refers_to="x1")))
    assert isinstance(event, ev.SignalRefused)  # an exit holds nothing that could be closed


@pytest.mark.parametrize(
    "changes",
    [
        {"action": Action.REDUCE},
        {"action": Action.REDUCE, "size": Share(fraction=ZERO)},
        {"action": Action.REDUCE, "size": Share(fraction=Decimal("1.01"))},
        {"action": Action.REDUCE, "size": Share(fraction=Decimal("NaN"))},
        {"action": Action.REDUCE, "size": PerAccount(quantity=Decimal(-1))},
        {"action": Action.REDUCE, "size": Total(quantity=Decimal(1))},
        {"action": Action.REDUCE, "size": RiskPercent(percent=Decimal(1))},
        {"action": Action.CLOSE, "stop_loss": Decimal(1)},
        {"action": Action.OPEN},
        {"strategy_id": ""},
        {"symbol": "GBPUSD"},
    ],
)
def test_a_malformed_exit_is_refused(changes: dict[str, Any]) -> None:
    book = desk()
    book.entered()
    (event,) = book.feed(ev.ExitReceived(exit=an_exit(**changes)))
    assert isinstance(event, ev.SignalRefused)
    assert event.plan.refused is not None
    assert event.plan.refused.rule is Rule.MALFORMED


@pytest.mark.parametrize(
    ("size", "closed"),
    [
        (Share(fraction=Decimal("0.35")), 3_000),  # 3,500 in lots of 1,000
        (PerAccount(quantity=Decimal(2_000)), 2_000),
        (PerAccount(quantity=Decimal(99_000)), 10_000),
        (Share(fraction=Decimal(1)), 10_000),
    ],
)
@pytest.mark.requirement("P5")
def test_a_reduce_closes_a_part_in_each_account(size: Any, closed: int) -> None:
    book = desk()
    for order in book.entered():
        assert order.quantity >= 8_000
    held = {name: book.held(name) for name in names(3)}
    for order in book.exit(an_exit(action=Action.REDUCE, size=size)):
        if closed == 10_000:
            assert order.quantity == held[order.account_id]
        elif isinstance(size, PerAccount):
            assert order.quantity == closed
        else:
            exact = held[order.account_id] * size.fraction
            assert exact - 1_000 < order.quantity <= exact
            assert order.quantity % 1_000 == 0
    book.checked()


def test_a_close_takes_over_what_a_reduce_has_not_sent() -> None:
    book = desk()
    entry = book.entered()[0]
    (order, *_) = [
        o
        for o in book.exit(an_exit(action=Action.REDUCE, size=Share(fraction=Decimal("0.5"))))
        if o.account_id == entry.account_id
    ]
    book.send(order)
    book.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="too_many_orders")
    assert book.allocation(order).pending == order.quantity
    (close, *_) = [o for o in book.exit(an_exit("x2")) if o.account_id == entry.account_id]
    assert close.quantity == book.held(entry.account_id)
    assert book.allocation(order).ended == "taken over by x2"
    book.checked()
