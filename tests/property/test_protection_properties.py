"""At rest stops and targets protect what is held, no more and no less, or a person knows why not.

Fills, partial fills, exits, amends, busts, refusals, lost messages and crashes happen in any order
at a venue that attaches no stops; then the venue becomes honest, and what it is asked for it does.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core import events as ev
from stretto.core.effects import CancelOrder, ReplaceOrder
from stretto.core.orders.order import Order
from stretto.core.orders.order_table import UNANSWERED
from stretto.core.protective.protecting import price_of, wanted
from stretto.core.terms.protection import PROTECTIVE, asked_as, leg_of
from stretto.core.terms.report import ExecType, OrdStatus, StatusAnswer
from stretto.core.terms.signal import Signal
from stretto.core.values import ZERO
from tests.book_invariants import replays, restored
from tests.builders import S
from tests.property.book_world import ENDED, VenueSide
from tests.property.test_exit_properties import STEPS, ExitWorld
from tests.protection_desk import own_stops


class ProtectedWorld(ExitWorld):
    """A world whose venues attach no stops; some cannot change an order, some net."""

    def feed(self, item: ev.Input, reads: Any = None) -> tuple[ev.Event, ...]:
        if isinstance(item, ev.SignalReceived):
            item = ev.SignalReceived(signal=_guarded(item.signal))
        return super().feed(item, reads)

    def _say(self, side: VenueSide, kind: ExecType, last: Decimal = ZERO, **more: Any) -> None:
        super()._say(side, kind, last, **more)
        if side.order.role in PROTECTIVE:  # it names the ticket that it closes
            ticket = side.order.position_id
            self.pipe[-1] = msgspec.structs.replace(self.pipe[-1], position_id=ticket)

    def opened(self) -> None:
        """A signal whose entries are filled, in part or in full, its protection on its way."""
        self.signal(4)
        self.timers_until(self.now)
        for number, order in enumerate(tuple(self.unsent)):
            side = VenueSide(order, order.quantity)
            self.sides.append(side)
            self.send(order)
            self._fill(side, 3 + number)
        self.unsent = [order for order in self.unsent if order.role in PROTECTIVE]
        self.delivered()

    def delivered(self) -> None:
        while self.pipe:
            self.feed(ev.VenueReported(report=self.pipe.pop(0)))
            self.timers_until(self.now)

    def settle(self) -> None:
        """An honest venue from here on: it does and says what it is asked for, nothing fills."""
        self.timers_until(self.now)
        for _ in range(200):
            self.delivered()
            while self.unsent:
                order = self.unsent.pop(0)
                self.sides.append(VenueSide(order, order.quantity))
                self.send(order)
            for side in self.sides:
                if side.status is OrdStatus.PENDING_NEW:
                    side.status = OrdStatus.NEW
                    self._say(side, ExecType.NEW)
                self.delivered()
            while self.asked:
                self._done(self.asked.pop(0))
                self.delivered()
            for side in self.sides:
                self._shown(side)
            self.timers_until(self.now + 20 * S)
            if self.book.is_at_rest and not (self.unsent or self.asked or self.pipe):
                return
        raise AssertionError("no rest")

    def _done(self, command: CancelOrder | ReplaceOrder) -> None:
        for side in self.sides:
            if side.order.client_order_id == command.client_order_id and side.status not in ENDED:
                if isinstance(command, ReplaceOrder):
                    side.quantity = max(side.cum, command.quantity)
                    side.status = self._resting(side)
                    self._say(side, ExecType.REPLACED)
                else:
                    side.status = OrdStatus.CANCELED
                    self._say(side, ExecType.CANCELED)

    def _shown(self, side: VenueSide) -> None:
        """The answer to a query, where the book has it otherwise."""
        order = self.book.orders[side.order.client_order_id]
        if order.state.value == side.status.value and order.cum_qty == side.cum:
            return
        self._say(side, ExecType.ORDER_STATUS)
        report = self.pipe.pop()
        answer = StatusAnswer(
            client_order_id=order.client_order_id, account_id=order.account_id, known=True,
            transact_at=self.now, report=report,
        )  # fmt: skip
        self.feed(ev.VenueAnswered(answer=answer))
        self.timers_until(self.now)


def _guarded(signal: Signal) -> Signal:
    far = Decimal(2) if signal.side.sign > 0 else Decimal("0.5")
    return msgspec.structs.replace(signal, take_profit=far)


def protected(world: ProtectedWorld) -> None:
    """Each leg has the order that is wanted and no other, or somebody was asked."""
    book = world.book
    for key, protection in book.protections.items():
        wants = wanted(book, protection.execution_id, protection.account_id)
        orders: dict[str, list[Order]] = {}
        for name in protection.order_ids:
            order = book.orders[name]
            orders.setdefault(leg_of(order.role, order.position_id), []).append(order)
        for leg in {*wants, *orders}:
            found, want = orders.get(leg, []), wants.get(leg)
            names = {asked_as(key, leg), *(order.client_order_id for order in found)}
            if names & book.interventions.keys():
                continue
            assert len(found) <= 1, leg
            if want is None:
                assert not found, f"{leg} protects nothing"
                continue
            (order,) = found
            assert order.state not in UNANSWERED
            assert order.quantity - order.cum_qty == want.quantity
            assert price_of(order) == want.price


@pytest.mark.requirement("P5")
@given(
    st.booleans(),
    st.booleans(),
    st.lists(
        st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 10_000)), min_size=10, max_size=40
    ),
)
def test_at_rest_the_protection_is_what_is_held_or_a_person_knows(
    netting: bool, replaces: bool, steps: list[tuple[int, int]]
) -> None:
    world = ProtectedWorld(own_stops(3, netting=netting, replaces_orders=replaces))
    world.opened()
    for action, number in steps:
        STEPS[action](world, number)
        world.now += 1
    world.settle()
    protected(world)
    restored(world.book)
    replays(world.book, world.entries)
