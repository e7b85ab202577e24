"""A desk at which somebody asks for things, and the states that an execution may be in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from stretto.core import events as ev
from stretto.core.book import Allocation
from stretto.core.orders.order import Order
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.report import ExecType, OrderType, OrdStatus
from tests.book_invariants import holds, restored
from tests.builders import Desk, a_signal

QUANTITY = Decimal(11_000)
"""What a plan of one account comes to, dispersed."""


class People(Desk):
    """A desk at which somebody asks for things."""

    asked = 0

    def ask(self, action: iv.Action, **changes: Any) -> tuple[ev.Event, ...]:
        """One request, under an id of its own."""
        self.asked += 1
        words = {"request_id": f"r{self.asked}", "actor": "ada", "reason": "news"} | changes
        events = self.feed(ev.Intervened(action=action, **words))
        holds(self.book)
        restored(self.book)
        return events

    def refused(self, action: iv.Action, **changes: Any) -> Denial:
        """The name under which a request is refused; nothing else may happen."""
        commands = len(self.commands)
        (event,) = self.ask(action, **changes)
        assert isinstance(event, ev.InterventionRefused)
        assert event.denied.expected
        assert len(self.commands) == commands
        return event.denied.rule

    @property
    def execution_id(self) -> str:
        (execution_id,) = self.book.executions
        return execution_id

    def shares(self) -> list[Allocation]:
        return list(self.book.allocations.values())

    def since(self, commands: int) -> list[object]:
        return list(self.commands[commands:])


def limit_signal() -> Any:
    return a_signal(order_type=OrderType.LIMIT, limit_price=Decimal("1.10000"))


def planned(desk: People) -> None:
    assert desk.plan().refused is None


def working(desk: People) -> list[Order]:
    """Every order acknowledged."""
    orders = desk.released(limit_signal())
    for order in orders:
        desk.send(order)
        desk.report(order, ExecType.NEW, OrdStatus.NEW)
    return orders


def partly_filled(desk: People) -> list[Order]:
    orders = working(desk)
    desk.report(
        orders[0], ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=4_000, last=4_000, price="1.1"
    )
    return orders


def in_doubt(desk: People) -> list[Order]:
    orders = desk.released()
    for order in orders:
        desk.send(order, ev.SendOutcomeKind.UNKNOWN)
    return orders


def waiting_for_a_person(desk: People) -> list[Order]:
    """An unclassified reject: the quantity waits for what a person decides."""
    (order,) = desk.released()
    desk.send(order)
    desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="no such code")
    assert desk.allocation(order).held
    return [order]


def paused(desk: People) -> None:
    planned(desk)
    desk.ask(iv.Pause(execution_id=desk.execution_id))


def over(desk: People) -> None:
    planned(desk)
    desk.ask(iv.CancelRemaining(execution_id=desk.execution_id))
    assert desk.book.executions[desk.execution_id].status == "abandoned"
