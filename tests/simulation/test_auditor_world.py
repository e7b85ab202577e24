"""The auditor holds commands, venue messages, live books and venues' books against its model."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.effects import ReplaceOrder
from stretto.core.terms.intervention import Kill
from stretto.core.terms.killing import KillScope
from stretto.core.terms.report import CancelReject, ExecType, OrdStatus
from stretto.simulation.auditor import Auditor, InvariantBroken
from tests.builders import (
    VENUE,
    Desk,
    S,
    a_config,
    a_snapshot,
    an_account,
    names,
    report_of,
)
from tests.exit_desk import ExitDesk, an_exit
from tests.simulation.doctors import (
    a_planned_desk,
    a_traded_desk,
    acknowledged,
    at_once,
    audit,
    broken,
    changed,
    input_of,
    of,
    on,
    replace,
    submits,
    traded,
)


@pytest.fixture(scope="module")
def traded_desk() -> Desk:
    return a_traded_desk()


@pytest.fixture(scope="module")
def planned_desk() -> Desk:
    """A plan whose releases keep their gaps."""
    return a_planned_desk()


# --- what leaves the process, and what venues are heard to say


def test_a_submit_that_must_not_leave_is_found(planned_desk: Desk) -> None:
    command = submits(planned_desk)[0]
    early = command.send_before - 1
    assert of(audit(planned_desk), "sending", replace(command, quantity=Decimal(1)), early) == 14
    later = audit(planned_desk)
    later.died(early)
    later.resumed(planned_desk.book, early)
    assert of(later, "sending", command, early) == 14
    assert of(audit(planned_desk), "sending", ReplaceOrder(
        client_order_id=command.client_order_id, account_id=command.account_id, venue=VENUE,
        quantity=Decimal(1), send_before=command.send_before,
    ), early) == 14  # fmt: skip


def test_an_entry_that_leaves_after_a_kill_is_found() -> None:
    desk = Desk(a_config(1))
    command = submits(desk)[0] if desk.released() else None
    assert command is not None
    desk.feed(ev.Intervened(request_id="r1", actor="Ann", reason="test", action=Kill(
        scope=KillScope.BOOK)))  # fmt: skip
    assert of(audit(desk), "sending", command, command.send_before - 1) == 11


def test_what_a_venue_would_not_cancel_is_not_asked_for_by_a_kill_of_another_account() -> None:
    desk = Desk(a_config(2))
    order = at_once(desk)[0]
    desk.send(order, ev.SendOutcomeKind.UNKNOWN)
    scope, (refused, other) = KillScope.ACCOUNT, (order.account_id, names(2)[1])
    assert refused != other
    for number, name in enumerate((refused, other)):
        desk.feed(ev.Intervened(request_id=f"r{number}", actor="Ann", reason="test", action=Kill(
            scope=scope, name=name)))  # fmt: skip
        if name == refused:
            desk.feed(ev.CancelRejected(reject=CancelReject(
                client_order_id=order.client_order_id, account_id=refused, transact_at=desk.now,
                ord_status=OrdStatus.REJECTED, for_replace=False, reject_code="unknown_order",
            )))  # fmt: skip
    assert not desk.book.orders[order.client_order_id].cancel_requested
    audit(desk)
    again = on(ev.KillSwitchThrown, lambda e: replace(e, name=refused), 1)
    assert broken(desk, again) == 11


def test_a_dead_order_that_leaves_is_found() -> None:
    desk = Desk(a_config(1))
    (order,) = at_once(desk)
    desk.send(order, ev.SendOutcomeKind.NOT_SENT)
    assert of(audit(desk), "sending", submits(desk)[0], order.created_at) == 7


def test_an_execution_that_no_venue_reported_is_found(traded_desk: Desk) -> None:
    auditor = Auditor(traded_desk.config, [VENUE])
    order = submits(traded_desk)[0]
    other = report_of(order, ExecType.TRADE, OrdStatus.FILLED, cum=1, last=1, exec_id="other")
    auditor.said(VENUE, other, traded_desk.now)
    with pytest.raises(InvariantBroken) as found:
        audit(traded_desk, auditor=auditor)
    assert found.value.number == 4


# --- exits, busts, closes by the venue


def test_exits_under_a_kill_switch_are_a_persons_only() -> None:
    desk = ExitDesk(a_config([an_account(name) for name in names(3)]))
    desk.entered()
    desk.exit(an_exit())
    audit(desk)
    kill = on(ev.SignalPlanned, lambda e: (e, ev.KillSwitchThrown(
        scope=KillScope.BOOK, name="", actor="x", reason="x")), 1)  # fmt: skip
    assert broken(desk, kill) == 11


def test_a_bust_reverses_exactly() -> None:
    desk = Desk(a_config(1))
    (order,) = at_once(desk)
    acknowledged(desk, order)
    traded(desk, order, 4000, 4000, exec_id="e1")
    desk.report(order, ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_id="b1", exec_ref_id="e1")
    audit(desk)
    assert broken(desk, on(ev.FillBooked, changed(quantity=Decimal(-3999)), 1)) == 4
    assert broken(desk, on(ev.OrderAdvanced, changed(notional=Decimal(5)), 3)) == 4
    plain = input_of(ev.VenueReported, lambda i: replace(
        i, report=replace(i.report, exec_type=ExecType.ORDER_STATUS)), 2)  # fmt: skip
    assert broken(desk, plain) == 5


# --- the live book, the venue's books


def test_a_book_that_is_not_what_its_journal_says_is_found(traded_desk: Desk) -> None:
    book = traded_desk.book

    def changed_book(part: str, key: str, **values: Any) -> int:
        kept = getattr(book, part)
        setattr(book, part, {**kept, key: replace(kept[key], **values)})
        try:
            return of(audit(traded_desk), "resumed", book, book.at)
        finally:
            setattr(book, part, kept)

    audit(traded_desk).resumed(book, book.at)
    allocation, order = next(iter(book.allocations)), next(iter(book.orders))
    account = book.orders[order].account_id
    execution = book.orders[order].execution_id
    assert changed_book("allocations", allocation, pending=Decimal(1)) == 2
    assert changed_book("allocations", allocation, margin=Decimal(1)) == 9
    assert changed_book("ledgers", account, reserved_margin=Decimal(1)) == 9
    assert changed_book("orders", order, cum_qty=Decimal(1)) == 15
    held = book.positions[account][execution]
    book.positions[account][execution] = replace(held, quantity=Decimal(1))
    try:
        assert of(audit(traded_desk), "resumed", book, book.at) == 8
    finally:
        book.positions[account][execution] = held


def test_a_recovered_book_that_differs_from_the_one_that_died_is_found() -> None:
    desk, again = Desk(a_config(1)), Desk(a_config(1))
    for each in (desk, again):
        each.released()
    auditor = Auditor(desk.config, [VENUE])
    for entry in desk.entries:
        auditor.appended(entry, desk.book)
    auditor.died(desk.now)
    auditor.resumed(again.book, desk.now)
    auditor.died(desk.now)  # nothing was appended by the new one: there is nothing to compare
    again.book.interventions["x"] = "y"
    auditor.resumed(again.book, desk.now)
    for change, number in (("interventions", 15), ("timers", 12)):
        first, second = Desk(a_config(1)), Desk(a_config(1))
        for each in (first, second):
            each.plan()
        auditor = Auditor(first.config, [VENUE])
        for entry in first.entries:
            auditor.appended(entry, first.book)
        auditor.died(first.now)
        if change == "timers":
            second.book.timers.set("alert:x", 1)
        else:
            second.book.interventions["x"] = "y"
        assert of(auditor, "resumed", second.book, first.now) == number


def test_the_venues_books_are_compared_at_rest() -> None:
    desk = Desk(a_config(1))
    (order,) = at_once(desk)
    acknowledged(desk, order)
    traded(desk, order, int(order.quantity), int(order.quantity), exec_id="e1")
    desk.now += S
    desk.feed(ev.AccountObserved(snapshot=a_snapshot("a0", desk.now, balance=Decimal(99_990))))
    order = desk.book.orders[order.client_order_id]
    venue_order = {
        "account_id": "a0", "status": "filled", "quantity": str(order.quantity),
        "cumulative_quantity": str(order.cum_qty), "average_price": "1.10010", "fees": "0",
    }  # fmt: skip
    account = {
        "balance": "99990",
        "positions": {"T1": {"symbol": "EURUSD", "quantity": str(order.quantity)}},
    }

    def dump(order_changes: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        orders = {order.client_order_id: venue_order | (order_changes or {})}
        return {VENUE: {"orders": orders, "accounts": {"a0": account | changes}}}

    def found(dumps: dict[str, Any], doctor: Sequence[str] = ()) -> int:
        auditor = audit(desk)
        for key in doctor:
            auditor._model.asked.pop(key, None)
        return of(auditor, "at_rest", desk.book, dumps, desk.now)

    asked = list(audit(desk)._model.asked)
    audit(desk).at_rest(desk.book, dump(), desk.now)
    assert found(dump({"cumulative_quantity": "1"})) == 4
    assert found(dump({"status": "canceled"})) == 6
    assert found(dump({"quantity": "1"})) == 2
    assert found(dump({"average_price": "9"})) == 17
    assert found(dump({"fees": "9"})) == 17
    assert found(dump(positions={}), asked) == 8
    assert found(dump(balance="1"), asked) == 17
    assert found({VENUE: {"orders": {}, "accounts": {}}}) == 16
    strange = dump()
    strange[VENUE]["orders"]["STRANGER"] = venue_order
    assert found(strange) == 14


def test_what_is_left_open_without_a_word_is_found() -> None:
    desk = Desk(a_config(1))
    desk.plan()
    auditor = audit(desk)
    assert of(auditor, "at_rest", desk.book, {}, desk.now + 45 * S) == 16
    assert of(auditor, "at_rest", desk.book, {}, desk.now + 600 * S) == 12
