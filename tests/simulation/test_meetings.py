"""What met what: the states of orders as the last entry left them, and the faults since."""

from __future__ import annotations

from typing import NamedTuple

from stretto.core import events as ev
from stretto.core.terms.intervention import CancelRemaining
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import Urgency
from stretto.simulation.meetings import Meetings
from tests.builders import Desk, a_config, a_signal


class Struck(NamedTuple):
    at: int
    kind: str
    subject: str = ""


def a_desk() -> tuple[Desk, str]:
    """A desk whose one order was acknowledged."""
    desk = Desk(a_config(1))
    desk.plan(a_signal(urgency=Urgency.IMMEDIATE))
    desk.timers_until(desk.now)
    (order,) = desk.book.orders.values()
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    return desk, order.client_order_id


def test_a_fault_meets_the_order_that_it_names_in_the_state_of_the_last_entry() -> None:
    desk, name = a_desk()
    faults: list[Struck] = []
    meetings = Meetings([faults])
    for entry in desk.entries:
        meetings.appended(entry)
        faults.append(Struck(entry.at + 10**15, "named", f"CancelOrder {name}"))
        faults.append(Struck(0, "of-another", "view acc-9"))
        if any(isinstance(event, ev.OrderIntended) for event in entry.events):
            faults.append(Struck(entry.at, "nameless"))
    assert [kind for _, kind, _ in meetings.struck()].count("nameless") == 1
    assert sorted(meetings.pairs) == ["new named", "submitting named", "submitting nameless"]
    assert (meetings.orders, meetings.executions, meetings.fills) == (1, 1, 0)


def test_a_cancel_that_the_book_asks_for_is_a_state_of_its_order() -> None:
    desk, name = a_desk()
    faults: list[Struck] = []
    meetings = Meetings([faults])
    for entry in desk.entries:
        meetings.appended(entry)
    (execution_id,) = desk.book.executions
    action = CancelRemaining(execution_id=execution_id)
    desk.feed(ev.Intervened(request_id="r", actor="Ada", reason="test", action=action))
    meetings.appended(desk.entries[-1])
    faults += [
        Struck(0, "of-the-account", f"view {desk.book.orders[name].account_id}"),
        Struck(0, "named", name),
    ]
    meetings.struck()
    assert sorted(meetings.pairs) == ["pending_cancel named", "pending_cancel of-the-account"]
