"""Stops and targets of their own that are refused, lost or late: sent anew, or a person asked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.book import Execution
from stretto.core.effects import ReplaceOrder
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS, EXPIRY_NS_MIN, STOP_CONFIRMED_NS_MAX
from stretto.core.orders.order import OrderState
from stretto.core.terms.report import CancelReject, ExecType, OrderRole, OrdStatus
from stretto.core.terms.signal import Action
from tests.builders import S, a_snapshot, only
from tests.exit_desk import an_exit
from tests.exit_desk import stop as closed_by_venue
from tests.protection_desk import STOP, TARGET, ProtectionDesk, own_stops

# --- a stop that is not there -----------------------------------------------------------------


@pytest.mark.requirement("P5")
def test_no_acknowledged_stop_five_seconds_after_a_fill_reaches_a_person() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry)
    stop = book.standing(STOP)[0]
    book.send(stop)
    book.timers_until(book.now + STOP_CONFIRMED_NS_MAX)
    assert "stop_not_confirmed" in book.reasons()
    assert book.book.orders[stop.client_order_id].state is OrderState.IN_DOUBT
    book.timers_until(book.now + 600 * S)
    assert book.standing(STOP) == [book.book.orders[stop.client_order_id]], "never sent again"
    events = book.says(stop, ExecType.NEW)
    settled = [e.reason for e in events if isinstance(e, ev.InterventionResolved)]
    assert settled == ["in_doubt", "stop_not_confirmed"]
    assert "stop_not_confirmed" not in book.reasons(), "the venue has it after all"
    book.checked()


def test_a_stop_that_is_refused_for_now_is_placed_again() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry)
    stop = book.standing(STOP)[0]
    book.send(stop)
    failed = only(
        book.says(stop, ExecType.REJECTED, reject_code="off_quotes", leaves_qty=Decimal(0)),
        ev.ProtectionFailed,
    )
    assert failed.due_at is not None
    book.timers_until(failed.due_at)
    again = book.standing(STOP)[0]
    assert again.client_order_id != stop.client_order_id
    assert again.quantity == entry.quantity
    book.accepted()
    book.timers_until(book.now + 60 * S)
    assert book.reasons() == []
    book.checked()


@pytest.mark.requirement("P5")
def test_a_stop_that_is_refused_for_good_reaches_a_person_and_an_amend_tries_again() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry)
    stop = book.standing(STOP)[0]
    book.send(stop)
    book.says(stop, ExecType.REJECTED, reject_code="invalid_stops", leaves_qty=Decimal(0))
    assert book.standing(STOP) == []
    assert book.reasons() == ["invalid_stops"]
    book.timers_until(book.now + 60 * S)
    assert book.standing(STOP) == []
    assert book.reasons() == ["invalid_stops", "stop_not_confirmed"]
    book.feed(ev.ExitReceived(exit=an_exit("m1", Action.AMEND, stop_loss=Decimal("1.08000"))))
    assert book.standing(STOP)[0].stop_price == Decimal("1.08000")
    book.accepted()
    assert book.reasons() == []
    assert book.book.positions["a0"][entry.execution_id].stop_loss == Decimal("1.08000")
    book.checked()


def test_a_stop_that_the_venue_cancels_is_placed_again_within_bounds() -> None:
    book = ProtectionDesk()
    book.guarded_entry()
    for _ in range(10):
        book.timers_until(book.now + 60 * S)
        book.accepted()
        for stop in book.standing(STOP):
            book.says(stop, ExecType.CANCELED)
    placed = [o for o in book.book.orders.values() if o.role is STOP]
    assert len(placed) == 1 + book.book.configuration.policy.failures.retries_max
    assert "connection_persistent" in book.reasons()
    book.checked()


def test_a_stop_that_expires_as_soon_as_it_stands_is_placed_again_within_bounds() -> None:
    book = ProtectionDesk()
    book.guarded_entry()
    for _ in range(10):
        book.timers_until(book.now + 30 * S)
        book.accepted()
        for stop in book.standing(STOP):
            book.says(stop, ExecType.EXPIRED, leaves_qty=Decimal(0))
    placed = [o for o in book.book.orders.values() if o.role is STOP]
    assert len(placed) == 1 + book.book.configuration.policy.failures.retries_max
    assert "connection_persistent" in book.reasons()
    book.checked()


def test_a_stop_that_runs_out_after_its_time_is_placed_again_as_often_as_it_does() -> None:
    book = ProtectionDesk()
    book.guarded_entry()
    for _ in range(10):
        book.timers_until(book.now + EXPIRY_NS_MIN)
        (stop,) = book.standing(STOP)
        book.says(stop, ExecType.EXPIRED, leaves_qty=Decimal(0))
        book.accepted()
    assert len(book.standing(STOP)) == 1
    assert book.reasons() == []
    book.checked()


def gone(book: ProtectionDesk, role: OrderRole) -> None:
    """The venue refuses the newest order of the role, for it holds nothing to protect."""
    order = book.standing(role)[0]
    book.send(order)
    book.says(order, ExecType.REJECTED, reject_code="position_gone", leaves_qty=Decimal(0))


def amended_stop(book: ProtectionDesk) -> Execution:
    """An amend whose new stop the venue does not have yet."""
    item = an_exit("m1", Action.AMEND, stop_loss=Decimal("1.08000"))
    planned = only(book.feed(ev.ExitReceived(exit=item)), ev.SignalPlanned)
    book.says(book.standing(STOP)[0], ExecType.CANCELED, leaves_qty=Decimal(0))
    return book.book.executions[planned.plan.execution_id]


def test_an_amend_ends_where_the_venue_has_nothing_left_to_protect() -> None:
    book = ProtectionDesk(own_stops(replaces_orders=False))
    entry = book.guarded_entry()
    amend = amended_stop(book)
    gone(book, STOP)
    closed_by_venue(book, entry)
    book.says(book.standing(TARGET)[0], ExecType.CANCELED, leaves_qty=Decimal(0))
    assert book.held("a0") == 0
    assert book.book.executions[amend.execution_id].status == "completed"
    assert book.reasons() == []
    book.checked()


@pytest.mark.parametrize("role", [STOP, TARGET])
def test_a_position_that_is_gone_says_the_venue_alone_reaches_a_person(role: OrderRole) -> None:
    book = ProtectionDesk(own_stops(replaces_orders=False))
    entry = book.entry()
    book.fill(entry)
    gone(book, role)
    book.accepted()
    assert book.standing(role) == []
    book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)
    gone(book, role)
    book.timers_until(book.now + 60 * S)
    assert book.standing(role) == []
    assert "position_gone" in book.reasons()
    closed_by_venue(book, entry)
    assert book.reasons() == [], "the position is closed"
    book.checked()


def test_an_amend_ends_with_the_question_about_a_stop_that_cannot_be_placed() -> None:
    book = ProtectionDesk(own_stops(replaces_orders=False))
    book.guarded_entry()
    amend = amended_stop(book)
    gone(book, STOP)
    book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)
    gone(book, STOP)
    assert book.book.executions[amend.execution_id].status == "abandoned"
    book.checked()


def test_a_stop_that_certainly_did_not_leave_is_placed_again() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry)
    stop = book.standing(STOP)[0]
    book.send(stop, ev.SendOutcomeKind.NOT_SENT)
    (again,) = book.standing(STOP)
    assert again.client_order_id != stop.client_order_id
    book.checked()


def test_a_stop_refused_by_a_suspension_is_placed_once_the_account_is_tradable() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry)
    stop = book.standing(STOP)[0]
    book.send(stop)
    book.says(stop, ExecType.REJECTED, reject_code="account_disabled", leaves_qty=Decimal(0))
    assert book.standing(STOP) == []
    assert "account_suspended" in book.reasons()
    assert book.book.ledgers["a0"].exclusion is not None
    book.now += 60 * S
    book.feed(ev.AccountObserved(snapshot=a_snapshot("a0", book.now)))
    book.accepted()
    assert len(book.standing(STOP)) == 1
    assert "account_suspended" not in book.reasons()
    book.checked()


# --- requests that fail -----------------------------------------------------------------------


def refuse(book: ProtectionDesk, order_id: str, *, replace: bool, code: str) -> None:
    order = book.book.orders[order_id]
    book.feed(
        ev.CancelRejected(
            reject=CancelReject(
                client_order_id=order_id, account_id=order.account_id, ord_status=OrdStatus.NEW,
                transact_at=book.now, for_replace=replace, reject_code=code,
            )
        )
    )  # fmt: skip


def test_a_replace_that_is_refused_again_and_again_leaves_the_old_stop_and_asks() -> None:
    book = ProtectionDesk()
    entry = book.entry()
    book.fill(entry, 3_000)
    book.accepted()
    book.fill(entry)
    stop = book.standing(STOP)[0]
    for _ in range(10):
        if book.book.orders[stop.client_order_id].replacing is not None:
            refuse(book, stop.client_order_id, replace=True, code="off_quotes")
        book.timers_until(book.now + 5 * S)
    asked_for = len([c for c in book.commands if isinstance(c, ReplaceOrder)])
    retries = book.book.configuration.policy.failures.retries_max
    assert asked_for == 2 + retries, "the target's, and the stop's with its repeats"
    assert book.standing(STOP)[0].quantity == 3_000, "better than none"
    assert "stop_not_confirmed" in book.reasons()
    assert any(name.startswith("protection:") for name in book.book.interventions)
    book.checked()


def test_a_replace_that_nobody_answers_ends_in_a_new_order() -> None:
    book = ProtectionDesk()
    book.guarded_entry()
    book.feed(ev.ExitReceived(exit=an_exit("m1", Action.AMEND, stop_loss=Decimal("1.08000"))))
    old = book.standing(STOP)[0]
    assert old.replacing is not None
    book.timers_until(book.now + 11 * S)
    assert book.book.orders[old.client_order_id].cancel_requested
    book.says(old, ExecType.CANCELED)
    book.accepted()
    assert book.standing(STOP)[0].stop_price == Decimal("1.08000")
    book.checked()


def test_a_cancel_that_is_refused_is_asked_for_again() -> None:
    book = ProtectionDesk()
    book.guarded_entry()
    stop, target = book.standing()
    book.fill(stop)
    refuse(book, target.client_order_id, replace=False, code="other")
    assert not book.standing()[0].cancel_requested
    book.timers_until(book.now + 5 * S)
    assert book.standing()[0].cancel_requested
    book.says(target, ExecType.CANCELED)
    book.checked()


def test_cancels_that_nobody_answers_reach_a_person() -> None:
    book = ProtectionDesk()
    book.guarded_entry()
    book.fill(book.standing(STOP)[0])
    book.timers_until(book.now + 60 * S)
    assert book.reasons() == ["cancel_unanswered"]
    book.checked()
