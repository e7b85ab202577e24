"""Journals of a small desk, and doctors who change one event, command or message of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.effects import SubmitOrder
from stretto.core.orders.order import Order
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import Urgency
from stretto.simulation.auditor import Auditor, InvariantBroken
from tests.builders import (
    VENUE,
    Desk,
    S,
    a_config,
    a_signal,
)

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


def a_traded_desk() -> Desk:
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


def a_planned_desk() -> Desk:
    """A plan whose releases keep their gaps."""
    desk = Desk(a_config(4))
    desk.released()
    return desk


def of(auditor: Auditor, call: str, *arguments: Any) -> int:
    """The number of what a call of the auditor finds broken."""
    with pytest.raises(InvariantBroken) as found:
        getattr(auditor, call)(*arguments)
    return found.value.number


def submits(desk: Desk) -> list[SubmitOrder]:
    return [command for command in desk.commands if isinstance(command, SubmitOrder)]
