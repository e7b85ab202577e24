"""A wire between the runtime and the simulated venue that a test cuts, mutes and lets repeat.

The venue behind it does what it does; what of it is heard, when and how often is the test's. Also
the comparison of the two books when all is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from stretto.brokers.sim import SimVenue
from stretto.core.book import Book
from stretto.core.effects import CancelOrder, Command, SubmitOrder
from stretto.core.errors import BrokerUnreachable
from stretto.core.orders.order import OrderState
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.report import ExecutionReport
from stretto.core.terms.venue import MassStatus, VenueCapabilities
from stretto.core.values import NS_PER_S, ZERO
from stretto.ports import Clock, NotSent, SendOutcome, Sent, VenueMessage
from tests.book_invariants import holds

WRITE_HANGS_NS = 60 * NS_PER_S
TINY = Decimal("1e-9")


class Wire:
    """A ``Broker`` that passes everything on to the venue, except what the test says."""

    def __init__(self, venue: SimVenue, clock: Clock) -> None:
        self.behind = venue
        self.cuts: list[tuple[int, int]] = []
        """From when to when nothing passes; what the venue says meanwhile is lost."""
        self.is_lost: Callable[[Command], bool] = lambda _: False
        """Commands that are written and never arrive."""
        self.late_s: Callable[[Command], int] = lambda _: 0
        """How long a command is on its way, beyond what it takes anyway."""
        self.hangs: Callable[[Command], bool] = lambda _: False
        """Commands that arrive, and whose write never returns."""
        self.is_mute: Callable[[VenueMessage], bool] = lambda _: False
        """Messages that are never heard."""
        self.again_s: tuple[int, ...] = ()
        """How long after a message it is heard once more, each time."""
        self.written: list[tuple[int, Command]] = []
        self._clock = clock
        self._planned: list[tuple[int, Callable[[], object]]] = []
        self._sink: Callable[[VenueMessage], None] | None = None
        self._strange: asyncio.Task[SendOutcome] | None = None

    def at(self, at_ns: int, call: Callable[[], object]) -> None:
        """Call at an instant of the next connection."""
        self._planned.append((at_ns, call))

    def tell(self, messages: Sequence[VenueMessage]) -> None:
        """Say now what was not heard when it was said, or once more what was."""
        assert self._sink is not None
        for message in messages:
            self._sink(message)

    def by_hand(self, command: Command) -> None:
        """Let the venue have a command that is nobody's here."""
        self._strange = asyncio.get_running_loop().create_task(self.behind.send(command))

    def tickets(self, client_order_id: str) -> tuple[str, ...]:
        """The position that an order opened."""
        ticket = self.orders.get(client_order_id, {}).get("position_id")
        return (ticket,) if ticket else ()

    def submits(self) -> list[SubmitOrder]:
        """Every submit that was written, in order."""
        return [command for _, command in self.written if isinstance(command, SubmitOrder)]

    def cancels(self, client_order_id: str) -> int:
        """How many cancels of an order were written."""
        found = (c for _, c in self.written if isinstance(c, CancelOrder))
        return sum(1 for each in found if each.client_order_id == client_order_id)

    @property
    def orders(self) -> dict[str, Any]:
        """The venue's own record of every order, by client order id."""
        dump: Any = self.behind.dump()
        found: dict[str, Any] = dump["orders"]
        return found

    def live(self) -> list[str]:
        """Orders that may still trade, as the venue has them."""
        return [
            name
            for name, order in self.orders.items()
            if order["status"] not in ("filled", "canceled", "rejected", "expired")
        ]

    # --- the broker

    @property
    def venue(self) -> str:
        return self.behind.venue

    @property
    def capabilities(self) -> VenueCapabilities:
        return self.behind.capabilities

    async def connect(self, sink: Callable[[VenueMessage], None]) -> None:
        loop, now = asyncio.get_running_loop(), self._clock.now_ns()

        def hear(message: VenueMessage) -> None:
            said_at = message.transact_at if isinstance(message, ExecutionReport) else now
            # What a venue said while nobody was connected, it does not say again.
            if said_at < now or self.is_mute(message) or self._is_cut():
                return
            sink(message)
            for seconds in self.again_s:
                loop.call_later(seconds, sink, message)

        self._sink = sink
        await self.behind.connect(hear)
        for at_ns, call in self._planned:
            loop.call_later(max(0, at_ns - now) / NS_PER_S, call)
        self._planned = []

    async def send(self, command: Command) -> SendOutcome:
        if self._is_cut():
            return NotSent(reason="not connected")
        self.written.append((self._clock.now_ns(), command))
        if late_s := self.late_s(command):
            # It left in time; the venue knows no ``send_before``.
            held = command
            if isinstance(command, SubmitOrder):
                held = replace(command, send_before=command.send_before + late_s * NS_PER_S)
            asyncio.get_running_loop().call_later(late_s, self.by_hand, held)
        elif not self.is_lost(command):
            outcome = await self.behind.send(command)
            if not self.hangs(command):
                return outcome
        if self.hangs(command):
            await self._clock.sleep_until(self._clock.now_ns() + WRITE_HANGS_NS)
            raise TimeoutError("no answer")
        return Sent(at=self._clock.now_ns())

    async def snapshot(self, account_id: str) -> AccountSnapshot:
        self._reach()
        return await self.behind.snapshot(account_id)

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        self._reach()
        return await self.behind.mass_status(account_id, since_ns, after)

    def heartbeat_at(self) -> int:
        return self.behind.heartbeat_at()

    async def close(self) -> None:
        await self.behind.close()

    def _is_cut(self) -> bool:
        return any(begins <= self._clock.now_ns() < ends for begins, ends in self.cuts)

    def _reach(self) -> None:
        if self._is_cut():
            raise BrokerUnreachable("no connection")


def agree(book: Book, wire: Wire, *, strangers: tuple[str, ...] = ()) -> None:
    """Every order and position of the book is the venue's own, and nothing was sent twice."""
    holds(book)
    ids = [command.client_order_id for command in wire.submits()]
    assert len(ids) == len(set(ids)), "an order was sent twice"
    theirs = wire.orders
    assert set(theirs) <= {*book.orders, *strangers}
    for name, order in book.orders.items():
        if name not in theirs:
            assert order.cum_qty == ZERO
            continue
        record = theirs[name]
        assert Decimal(record["cumulative_quantity"]) == order.cum_qty
        assert Decimal(record["fees"]) == order.fees
        if order.cum_qty:
            assert abs(Decimal(record["average_price"]) - order.notional / order.cum_qty) < TINY
        if order.state is not OrderState.IN_DOUBT:
            assert record["status"] == order.state.value
        assert order.inferred is None, "every fill is an execution of the venue"
    dump: Any = wire.behind.dump()
    for account_id in book.configuration.accounts:
        held = {
            ticket: Decimal(position["quantity"])
            for ticket, position in dump["accounts"][account_id]["positions"].items()
            if ticket not in strangers
        }
        ours: dict[str, Decimal] = {}
        for position in book.positions.get(account_id, {}).values():
            for ticket, quantity in position.tickets.items():
                ours[ticket] = ours.get(ticket, ZERO) + quantity
        assert ours == held
