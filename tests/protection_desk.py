"""A desk at a venue that attaches no stops: its protection is orders, which a test may answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from stretto.core import events as ev
from stretto.core.book import allocation_key
from stretto.core.orders.order import Order, is_done
from stretto.core.protective.protecting import due_at
from stretto.core.terms.account import PositionMode
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.protection import PROTECTIVE
from stretto.core.terms.report import ExecType, OrderRole, OrdStatus
from stretto.core.terms.signal import Signal, Urgency
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import ZERO
from tests.builders import START, VENUE, a_config, a_signal, an_account, names
from tests.exit_desk import ExitDesk

STOP, TARGET = OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT
LEVELS = (Decimal("1.09000"), Decimal("1.12000"))


def own_stops(accounts: int = 1, *, netting: bool = False, **declared: Any) -> BookConfig:
    mode = PositionMode.NETTING if netting else PositionMode.HEDGING
    config = a_config([an_account(name, position_mode=mode) for name in names(accounts)])
    capabilities = VenueCapabilities(attached_stops=False, **declared)
    return msgspec.structs.replace(config, capabilities={VENUE: capabilities})


def guarded(signal_id: str = "s1", at: int = START, **changes: Any) -> Signal:
    """A signal at once, with a stop and a target."""
    levels = {"stop_loss": LEVELS[0], "take_profit": LEVELS[1], "stop_distance": None}
    return a_signal(signal_id, at, urgency=Urgency.IMMEDIATE, **(levels | changes))


class ProtectionDesk(ExitDesk):
    """What is owed happens at once, as in the writer."""

    def __init__(self, config: BookConfig | None = None) -> None:
        self.is_netting = False
        super().__init__(config or own_stops())
        (mode,) = {each.position_mode for each in self.config.accounts.values()}
        self.is_netting = mode is PositionMode.NETTING

    def feed(self, item: ev.Input, reads: Any = None) -> tuple[ev.Event, ...]:
        events = super().feed(item, reads)
        for key in self.book.protections:
            while (due := due_at(self.book, key)) is not None and due <= self.now:
                kind = ev.TimerKind.PROTECT
                events += super().feed(ev.TimerDue(timer=kind, key=key, due_at=due))
        return events

    def entry(self, signal: Signal | None = None) -> Order:
        """The one entry of a signal, sent and not yet filled."""
        order = self.released(signal or guarded(at=self.now))[0]
        self.send(order)
        return self.book.orders[order.client_order_id]

    def ticket_of(self, order: Order) -> str:
        return f"NET-{order.symbol}" if self.is_netting else f"T-{order.client_order_id}"

    def fill(self, order: Order, quantity: int | None = None, **more: Any) -> tuple[ev.Event, ...]:
        """(Part of) what the order has left is filled."""
        order = self.book.orders[order.client_order_id]
        last = order.quantity - order.cum_qty if quantity is None else Decimal(quantity)
        cum = order.cum_qty + last
        status = OrdStatus.FILLED if cum >= order.quantity else OrdStatus.PARTIALLY_FILLED
        ticket = order.position_id or self.ticket_of(order)
        return self.report(
            order, ExecType.TRADE, status, cum=cum, last=last,
            **({"position_id": ticket, "exec_id": f"{order.client_order_id}-f{cum}"} | more),
        )  # fmt: skip

    def says(self, order: Order, kind: ExecType, **more: Any) -> tuple[ev.Event, ...]:
        """The venue reports the order as it is, in the status of the kind."""
        order = self.book.orders[order.client_order_id]
        status = OrdStatus(kind.value) if kind is not ExecType.REPLACED else OrdStatus.NEW
        if status is OrdStatus.NEW and order.cum_qty:
            status = OrdStatus.PARTIALLY_FILLED
        number = f"{order.client_order_id}-{kind.value}-{self.book.seq}"
        return self.report(
            order, kind, status, cum=order.cum_qty, exec_id=number,
            position_id=order.position_id, **more,
        )  # fmt: skip

    def standing(self, role: OrderRole | None = None) -> list[Order]:
        """Stops and targets that are not over, in order of intent."""
        return [
            order
            for order in self.book.orders.values()
            if order.role in PROTECTIVE and role in (None, order.role) and not is_done(order)
        ]

    def accepted(self) -> None:
        """The venue takes every stop and target that it was not asked about before."""
        for order in self.standing():
            if order.acknowledged_at is None:
                self.send(order)
                self.says(order, ExecType.NEW)

    def replaced(self) -> None:
        """The venue carries out every replace that waits."""
        for order in self.standing():
            if order.replacing is not None:
                quantity = order.replacing.quantity
                leaves = quantity - order.cum_qty
                self.says(order, ExecType.REPLACED, order_qty=quantity, leaves_qty=leaves)

    def guarded_entry(self, signal: Signal | None = None) -> Order:
        """An entry that is filled, its stop and target with the venue."""
        order = self.entry(signal)
        self.fill(order)
        self.accepted()
        return self.book.orders[order.client_order_id]

    def sizes(self) -> dict[str, Decimal]:
        """What each role may still close, by the role's name."""
        found: dict[str, Decimal] = {}
        for order in self.standing():
            left = order.quantity - order.cum_qty
            found[order.role.value] = found.get(order.role.value, ZERO) + left
        return found

    def reasons(self) -> list[str]:
        return sorted(self.book.interventions.values())

    def key(self, order: Order) -> str:
        return allocation_key(order.execution_id, order.account_id)
