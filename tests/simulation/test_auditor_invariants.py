"""Each invariant is broken by one doctored event, command or message, and named by its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.effects import ReplaceOrder, SubmitOrder
from stretto.core.intervention import Kill
from stretto.core.killing import KillScope
from stretto.core.order import Order, OrderState
from stretto.core.policy import LossLimit, Permission
from stretto.core.report import ExecType, OrdStatus
from stretto.core.signal import Urgency
from stretto.core.values import ZERO
from stretto.simulation.auditor import Auditor, InvariantBroken
from tests.builders import (
    VENUE,
    Desk,
    S,
    a_config,
    a_rulebook,
    a_signal,
    a_snapshot,
    an_account,
    names,
    report_of,
)
from tests.exit_desk import ExitDesk, an_exit

Doctor = Callable[[ev.Entry], ev.Entry]
replace = msgspec.structs.replace


def audit(
    desk: Desk, doctor: Doctor = lambda entry: entry, *, auditor: Auditor | None = None
) -> Auditor:
    """Tell an auditor of the desk's entries as the doctor leaves them, and of no live book."""
    auditor = auditor or Auditor(desk.config, [VENUE])
    for entry in desk.entries:
        auditor.appended(doctor(entry), Book())
    return auditor


def broken(desk: Desk, doctor: Doctor) -> int:
    audit(desk)
    with pytest.raises(InvariantBroken) as found:
        audit(desk, doctor)
    return found.value.number


def on(kind: type, change: Callable[[Any], Any], place: int = 0) -> Doctor:
    """Change the event of a kind at a place of the journal; None takes it out, a tuple adds."""
    seen = [0]

    def doctor(entry: ev.Entry) -> ev.Entry:
        events: list[Any] = []
        for event in entry.events:
            changed = event
            if isinstance(event, kind):
                if seen[0] == place:
                    changed = change(event)
                seen[0] += 1
            if changed is not None:
                events += changed if isinstance(changed, tuple) else (changed,)
        return replace(entry, events=tuple(events))

    return doctor


def input_of(kind: type, change: Callable[[Any], Any], place: int = 0) -> Doctor:
    """Change the input of a kind at a place of the journal."""
    seen = [0]

    def doctor(entry: ev.Entry) -> ev.Entry:
        if not isinstance(entry.input, kind):
            return entry
        seen[0] += 1
        return replace(entry, input=change(entry.input)) if seen[0] == place + 1 else entry

    return doctor


def changed(**values: Any) -> Callable[[Any], Any]:
    """Other values of an event, or (in ``changes``) of what it changes of an order."""

    def change(event: Any) -> Any:
        if "changes" in type(event).__struct_fields__ and "changes" not in values:
            return replace(event, changes=replace(event.changes, **values))
        return replace(event, **values)

    return change


def acknowledged(desk: Desk, order: Order) -> None:
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)


def traded(desk: Desk, order: Order, cum: int, last: int, **more: Any) -> None:
    status = OrdStatus.FILLED if cum >= order.quantity else OrdStatus.PARTIALLY_FILLED
    desk.report(order, ExecType.TRADE, status, cum=cum, last=last, **more)


def at_once(desk: Desk, **changes: Any) -> list[Order]:
    """The orders of a signal of urgency immediate, in order of release."""
    assert desk.plan(a_signal(urgency=Urgency.IMMEDIATE, **changes)).refused is None
    desk.timers_until(desk.now)
    submits = [c for c in desk.commands if isinstance(c, SubmitOrder)]
    return [desk.book.orders[c.client_order_id] for c in submits]


@pytest.fixture(scope="module")
def traded_desk() -> Desk:
    """Of three orders one is filled in two parts, one rejected, one in doubt."""
    desk = Desk(a_config(3))
    first, second, third = at_once(desk)
    acknowledged(desk, first)
    traded(desk, first, 4000, 4000, exec_id="e1")
    traded(desk, first, int(first.quantity), int(first.quantity) - 4000, exec_id="e2")
    desk.send(second)
    desk.report(second, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="other")
    desk.send(third, ev.SendOutcomeKind.UNKNOWN)
    desk.timers_until(desk.now + 3 * S)
    return desk


def test_what_happens_rightly_passes(traded_desk: Desk) -> None:
    audit(traded_desk)
    kinds = {type(event) for entry in traded_desk.entries for event in entry.events}
    assert {ev.FillBooked, ev.OrderQueried, ev.AllocationEnded, ev.LegScheduled} & kinds


ORDERS: list[tuple[int, str, Doctor]] = [
    (1, "an order is intended twice", on(ev.OrderIntended, lambda e: (e, e))),
    (2, "an order is filled beyond what it was for", on(
        ev.OrderAdvanced, changed(overfilled_qty=Decimal(1000)), 2)),
    (2, "an order takes more than waits", on(
        ev.OrderIntended,
        lambda e: replace(e, order=replace(
            e.order, quantity=e.order.quantity * 2, leaves_qty=e.order.quantity * 2)))),
    (2, "an end abandons what was filled", on(
        ev.AllocationEnded, lambda e: replace(e, abandoned=e.abandoned + 1))),
    (3, "leaves stay", on(ev.OrderAdvanced, changed(leaves_qty=Decimal(10)), 2)),
    (3, "leaves of what is over", on(ev.OrderAdvanced, changed(leaves_qty=Decimal(10)), 3)),
    (4, "a fill is booked twice", on(ev.FillBooked, lambda e: (e, e))),
    (4, "a fill is not booked", on(ev.FillBooked, lambda _: None)),
    (4, "a fill is counted twice", on(
        ev.OrderAdvanced, lambda e: replace(e, changes=replace(
            e.changes, cum_qty=e.changes.cum_qty * 2, leaves_qty=ZERO,
            state=OrderState.PENDING_CANCEL), cause="partial_fill"), 2)),
    (4, "a price is another", on(ev.OrderAdvanced, changed(notional=Decimal(1)), 2)),
    (5, "filled falls", on(
        ev.OrderAdvanced,
        changed(cum_qty=Decimal(1), leaves_qty=ZERO, state=OrderState.CANCELED), 3)),
    (6, "a state out of turn", on(ev.OrderAdvanced, changed(state=OrderState.SUSPENDED), 0)),
    (6, "filled with something left", on(ev.OrderAdvanced, changed(
        state=OrderState.FILLED, leaves_qty=ZERO), 2)),
    (6, "a cause that does not lead there", on(
        ev.OrderAdvanced, lambda e: replace(e, cause="cancel_rejected"), 5)),
    (7, "dead without proof", on(
        ev.OrderAdvanced,
        lambda e: replace(e, changes=replace(
            e.changes, state=OrderState.DEAD, leaves_qty=ZERO), cause="not_sent"), 0)),
    (7, "ended while in doubt", on(ev.OrderQueried, lambda e: (e, ev.AllocationEnded(
        execution_id=e.execution_id, account_id=e.account_id, abandoned=ZERO, reason="x")))),
    (8, "a fill on the other side", on(ev.FillBooked, lambda e: replace(
        e, direction=-e.direction))),
    (8, "a fill elsewhere", on(ev.FillBooked, lambda e: replace(e, symbol="GBPUSD"))),
    (9, "a fill frees too much", on(ev.FillBooked, lambda e: replace(e, margin=e.margin * 2))),
    (9, "a fill frees nothing", on(ev.FillBooked, lambda e: replace(e, risk=ZERO))),
    (9, "an end frees twice", on(ev.AllocationEnded, lambda e: replace(
        e, margin=e.margin + 10), 0)),
    (9, "nothing was set aside", on(ev.SignalPlanned, lambda e: replace(e, plan=replace(
        e.plan, allocations=tuple(
            replace(a, margin=ZERO) if i else a for i, a in enumerate(e.plan.allocations)))))),
    (13, "asked too often", on(ev.OrderQueried, lambda e: replace(e, attempt=6))),
    (14, "an order that may be sent for ever", on(
        ev.OrderIntended, lambda e: replace(e, order=replace(
            e.order, send_before=e.order.send_before + 1)))),
    (14, "time runs backwards", lambda e: replace(e, at=e.at - 3600 * S) if e.seq == 12 else e),
    (14, "an entry is missing", lambda e: replace(e, seq=e.seq + 1) if e.seq == 12 else e),
]  # fmt: skip


@pytest.mark.parametrize(("number", "what", "doctor"), ORDERS, ids=[o[1] for o in ORDERS])
def test_a_doctored_journal_is_found(
    traded_desk: Desk, number: int, what: str, doctor: Doctor
) -> None:
    assert broken(traded_desk, doctor) == number, what


# --- plans and their time


@pytest.fixture(scope="module")
def planned_desk() -> Desk:
    """A plan whose releases keep their gaps."""
    desk = Desk(a_config(4))
    desk.released()
    return desk


def shares_of(change: Callable[[Any, int], Any]) -> Doctor:
    """Change every share of the plan, given when it was decided."""
    return on(ev.SignalPlanned, lambda e: replace(e, plan=replace(e.plan, allocations=tuple(
        change(a, e.plan.decided_at) for a in e.plan.allocations))))  # fmt: skip


def due(a: Any, decided_at: int, delay_ns: int, window_ns: int = 30 * S) -> Any:
    at = decided_at + delay_ns
    return replace(a, delay_ns=delay_ns, release_at=at, window_end=at + window_ns)


PLANS: list[tuple[int, str, Doctor]] = [
    (13, "under a second", shares_of(lambda a, t: due(a, t, S // 2))),
    (13, "over half a minute", shares_of(lambda a, t: due(a, t, 30 * S))),
    (13, "two at once", shares_of(lambda a, t: due(a, t, 5 * S))),
    (13, "all alike", shares_of(lambda a, t: due(a, t, 20 * S + int(a.account_id[1:]) * S))),
    (13, "a long window", shares_of(lambda a, t: due(a, t, a.delay_ns, 31 * S))),
    (13, "what is stated is not what is kept", shares_of(
        lambda a, t: replace(a, delay_ns=a.delay_ns - 1))),
    (12, "a timer fires early", input_of(
        ev.TimerDue, lambda i: replace(i, due_at=i.due_at + 10**12))),
    (12, "a timer fires for another time", input_of(
        ev.TimerDue, lambda i: replace(i, due_at=i.due_at - 1))),
    (12, "a timer fires and stays", on(ev.OrderIntended, lambda _: None)),
    (12, "a query fires again", on(ev.OrderQueried, lambda _: None)),
    (2, "an execution twice", on(ev.SignalPlanned, lambda e: (e, e))),
    (9, "nothing is set aside", shares_of(lambda a, t: replace(a, margin=ZERO))),
    (10, "an old quote", lambda e: replace(e, reads=replace(e.reads, quotes={}))
        if isinstance(e.input, ev.TimerDue) else e),
    (10, "no sign of life", lambda e: replace(e, reads=replace(e.reads, venues={}))
        if isinstance(e.input, ev.TimerDue) else e),
    (10, "a closed session", on(ev.CalendarRecorded, lambda e: replace(e, table=replace(
        e.table, sessions=())))),
    (10, "an account that was never compared", on(ev.AccountReconciled, lambda _: None)),
    (10, "a halted account", on(ev.SignalPlanned, lambda e: (e, *(
        ev.AccountHalted(account_id=name, reason="test") for name in names(4))))),
    (10, "an excluded account", on(ev.SignalPlanned, lambda e: (e, *(
        ev.AccountExcluded(account_id=name, reason="test", actor="x") for name in names(4))))),
    (10, "an account that the venue closed", on(ev.AccountUpdated, lambda e: replace(
        e, snapshot=replace(e.snapshot, tradable=False)))),
    (10, "a throttled venue", on(ev.SignalPlanned, lambda e: (e, ev.VenueThrottled(
        venue=VENUE, account_id="a0", until=10**19, reason="x")))),
    (10, "what is held", on(ev.SignalPlanned, lambda e: (e, *(
        ev.PendingHeld(execution_id=e.plan.execution_id, account_id=a.account_id, reason="x",
                       until=a.release_at) for a in e.plan.allocations)))),
    (11, "a killed symbol", on(ev.SignalPlanned, lambda e: (e, ev.KillSwitchThrown(
        scope=KillScope.SYMBOL, name="EURUSD", actor="x", reason="x")))),
    (11, "a killed firm", on(ev.SignalPlanned, lambda e: (e, ev.KillSwitchThrown(
        scope=KillScope.FIRM, name="firm", actor="x", reason="x")))),
    (11, "a paused execution", on(ev.SignalPlanned, lambda e: (e, ev.ExecutionPaused(
        execution_id=e.plan.execution_id, reason="x")))),
]  # fmt: skip


@pytest.mark.parametrize(("number", "what", "doctor"), PLANS, ids=[p[1] for p in PLANS])
def test_a_doctored_plan_or_release_is_found(
    planned_desk: Desk, number: int, what: str, doctor: Doctor
) -> None:
    assert broken(planned_desk, doctor) == number, what


def test_a_release_past_its_window_is_found(planned_desk: Desk) -> None:
    def late(entry: ev.Entry) -> ev.Entry:
        if entry.seq <= planned_seq:
            return entry
        events = tuple(
            replace(e, order=replace(e.order, send_before=e.order.send_before + 31 * S))
            if isinstance(e, ev.OrderIntended)
            else e
            for e in entry.events
        )
        return replace(entry, at=entry.at + 31 * S, events=events)

    planned_seq = next(
        e.seq for e in planned_desk.entries if isinstance(e.input, ev.SignalReceived)
    )
    assert broken(planned_desk, late) == 13


@pytest.mark.parametrize(
    "changes",
    [
        {"automation": Permission.UNKNOWN},
        {"copy_between_owners": Permission.UNKNOWN},
        {"quantity_max": Decimal(5000)},
        {"orders_per_day_max": 0},
        {"positions_max": 0},
        {"daily_loss": LossLimit(amount=ZERO)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_entry_against_a_rulebook_is_found(planned_desk: Desk, changes: dict[str, Any]) -> None:
    rules = a_rulebook(**changes)
    assert broken(planned_desk, on(ev.BookConfigured, lambda e: replace(
        e, config=replace(e.config, rulebooks={"rules": rules})))) == 10  # fmt: skip


# --- what leaves the process, and what venues are heard to say


def of(auditor: Auditor, call: str, *arguments: Any) -> int:
    with pytest.raises(InvariantBroken) as found:
        getattr(auditor, call)(*arguments)
    return found.value.number


def submits(desk: Desk) -> list[SubmitOrder]:
    return [command for command in desk.commands if isinstance(command, SubmitOrder)]


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
    assert of(auditor, "at_rest", desk.book, {}, desk.now) == 16
    assert of(auditor, "at_rest", desk.book, {}, desk.now + 600 * S) == 12
