"""A desk for exits: entries that can be filled, exits fed, invariants held after every input."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from stretto.core import events as ev
from stretto.core.orders.order import Order
from stretto.core.terms.exit_signal import ExitSignal
from stretto.core.terms.market import Reads
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.signal import Action, Urgency
from stretto.core.values import ZERO
from tests.book_invariants import holds, replays, restored
from tests.builders import START, Desk, a_config, a_signal, an_account, names

SIGNAL = a_signal(urgency=Urgency.IMMEDIATE)


def an_exit(signal_id: str = "x1", action: Action = Action.CLOSE, **changes: Any) -> ExitSignal:
    found = ExitSignal(
        signal_id=signal_id, strategy_id="strategy", action=action, refers_to="s1",
        generated_at=START,
    )  # fmt: skip
    return msgspec.structs.replace(found, **changes)


class ExitDesk(Desk):
    """A desk whose entries can be filled and whose invariants are checked after every input."""

    def feed(self, item: ev.Input, reads: Reads | None = None) -> tuple[ev.Event, ...]:
        events = super().feed(item, reads)
        holds(self.book)
        return events

    def filled(self, order: Order, quantity: Decimal | None = None, **more: Any) -> None:
        quantity = order.quantity - order.cum_qty if quantity is None else quantity
        cum = order.cum_qty + quantity
        status = OrdStatus.FILLED if cum >= order.quantity else OrdStatus.PARTIALLY_FILLED
        ticket = order.position_id or f"T-{order.client_order_id}"
        self.report(
            order, ExecType.TRADE, status, cum=cum, last=quantity,
            **({"position_id": ticket} | more),
        )  # fmt: skip

    def entered(self, accounts: int = 3) -> list[Order]:
        """An execution filled in every account."""
        orders = self.released(SIGNAL)
        assert len(orders) == accounts
        for order in orders:
            self.send(order)
            self.filled(order)
        return [self.book.orders[order.client_order_id] for order in orders]

    def exit(self, item: ExitSignal | None = None, reads: Reads | None = None) -> list[Order]:
        """Feed an exit; the orders it intended."""
        events = self.feed(ev.ExitReceived(exit=item or an_exit()), reads)
        intended = [e.order for e in events if isinstance(e, ev.OrderIntended)]
        return [self.book.orders[order.client_order_id] for order in intended]

    def held(self, account_id: str) -> Decimal:
        found = self.book.positions.get(account_id, {})
        return sum((p.quantity for p in found.values()), ZERO)

    def checked(self) -> None:
        restored(self.book)
        replays(self.book, self.entries)


def desk(**changes: Any) -> ExitDesk:
    return ExitDesk(a_config([an_account(name, **changes) for name in names(3)]))


def stop(book: Desk, order: Order, quantity: Decimal | None = None) -> tuple[ev.Event, ...]:
    quantity = order.quantity if quantity is None else quantity
    report = ExecutionReport(
        client_order_id="", account_id=order.account_id, exec_id=f"stop-{order.client_order_id}",
        exec_type=ExecType.TRADE, ord_status=OrdStatus.FILLED, cum_qty=quantity, leaves_qty=ZERO,
        avg_px=Decimal(1), order_qty=quantity, trading_day="2024-03-15", transact_at=book.now,
        last_qty=quantity, last_px=Decimal(1), position_id=f"T-{order.client_order_id}",
        text="stop_loss",
    )  # fmt: skip
    return book.feed(ev.VenueReported(report=report))
