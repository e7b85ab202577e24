"""A desk with one market order that fills in parts, for tests of what becomes of the rest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from stretto.core import events as ev
from stretto.core.book import Allocation
from stretto.core.orders.completion import Strategy
from stretto.core.orders.order import Order
from stretto.core.terms.market import Reads
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.values import ZERO
from tests.book_invariants import holds, replays, restored
from tests.builders import Desk, S, a_config, a_signal, the_reads

PARTIAL, FILLED, CANCELED = OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED, OrdStatus.CANCELED
TRADE = ExecType.TRADE


def wide(at: int) -> Reads:
    """A spread of three times its median."""
    return the_reads(at, ask="1.10030")


def a_desk(accounts: int = 1, **signal: Any) -> tuple[Desk, Order]:
    """A market order that the venue acknowledged and that has not filled."""
    desk = Desk(a_config(accounts))
    order = desk.order(a_signal(**{"valid_until": desk.now + 3_600 * S, **signal}))
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    desk.commands.clear()
    return desk, desk.book.orders[order.client_order_id]


def fill(desk: Desk, order: Order, last: int | Decimal, **changes: Any) -> tuple[ev.Event, ...]:
    cum = desk.book.orders[order.client_order_id].cum_qty + last
    status = changes.pop("status", FILLED if cum >= order.quantity else PARTIAL)
    events = desk.report(order, TRADE, status, cum=cum, last=last, **changes)
    holds(desk.book)
    return events


def cancelled(desk: Desk, order: Order) -> tuple[ev.Event, ...]:
    """The terminal report: what is left is certainly not live."""
    cum = desk.book.orders[order.client_order_id].cum_qty
    events = desk.report(order, ExecType.CANCELED, CANCELED, cum=cum)
    holds(desk.book)
    return events


def now(desk: Desk, order: Order) -> Order:
    return desk.book.orders[order.client_order_id]


def the_allocation(desk: Desk) -> Allocation:
    (allocation,) = desk.book.allocations.values()
    return allocation


def choices(events: list[ev.Event]) -> list[tuple[Strategy, str]]:
    return [(e.strategy, e.reason) for e in events if isinstance(e, ev.CompletionAssessed)]


def sent(desk: Desk, kind: type) -> int:
    return sum(isinstance(command, kind) for command in desk.commands)


def finished(desk: Desk) -> Allocation:
    """At the end nothing hangs, and the journal gives the same again."""
    allocation = the_allocation(desk)
    assert allocation.ended
    assert len(desk.book.timers) == 0
    assert desk.book.ledgers["a0"].reserved_margin == ZERO
    holds(desk.book)
    restored(desk.book)
    replays(desk.book, desk.entries)
    return allocation
