"""Each invariant is broken by one doctored event of a journal, and named by its number."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.orders.order import OrderState
from stretto.core.terms.killing import KillScope
from stretto.core.terms.policy import LossLimit, Permission
from stretto.core.values import ZERO
from tests.builders import (
    VENUE,
    Desk,
    S,
    a_rulebook,
    names,
)
from tests.simulation.doctors import (
    Doctor,
    a_planned_desk,
    a_traded_desk,
    audit,
    broken,
    changed,
    input_of,
    on,
    replace,
)


@pytest.fixture(scope="module")
def traded_desk() -> Desk:
    return a_traded_desk()


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
    return a_planned_desk()


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
        {"overall_loss": LossLimit(amount=ZERO), "daily_loss": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_entry_against_a_rulebook_is_found(planned_desk: Desk, changes: dict[str, Any]) -> None:
    rules = a_rulebook(**changes)
    assert broken(planned_desk, on(ev.BookConfigured, lambda e: replace(
        e, config=replace(e.config, rulebooks={"rules": rules})))) == 10  # fmt: skip
