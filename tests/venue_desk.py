"""A book of one account against what its venue shows, for tests of the comparison."""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.orders.order import Order
from stretto.core.reconciliation_events import DifferenceKind
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.venue import MassStatus
from tests.builders import Desk, S, a_config, a_signal
from tests.venue_views import a_view

UNKNOWN = ev.SendOutcomeKind.UNKNOWN


def a_desk() -> Desk:
    """One account."""
    return Desk(a_config(1))


def filled(desk: Desk, **signal: object) -> Order:
    """The order of a signal, filled whole."""
    (order,) = desk.released(a_signal("f", desk.now, **signal))
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    quantity = order.quantity
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=quantity, last=quantity)
    return desk.book.orders[order.client_order_id]


def later(desk: Desk, seconds: int = 30) -> int:
    """Let time pass; the instant."""
    desk.timers_until(desk.now + seconds * S)
    return desk.now


def kinds(events: tuple[ev.Event, ...]) -> list[DifferenceKind]:
    """The differences found."""
    return [event.kind for event in events if isinstance(event, ev.DifferenceFound)]


def quiet(desk: Desk) -> MassStatus:
    """A view taken now, without anything in it."""
    return a_view("a0", desk.now)
