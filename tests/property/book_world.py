"""Coordinator, clock, connection and venue of a book, for hypothesis to play.

After every input the invariants of DESIGN §8 are recomputed from the records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.effects import CancelOrder, ReplaceOrder, SubmitOrder
from stretto.core.engine import decide
from stretto.core.evolve import begin, evolve, finish
from stretto.core.messages.together import together
from stretto.core.orders.order import Order
from stretto.core.terms.market import Reads
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrderType,
    OrdStatus,
    StatusAnswer,
    TimeInForce,
)
from stretto.core.terms.signal import Urgency
from stretto.core.values import ZERO, Side
from tests.book_invariants import holds, legal, restored
from tests.builders import SYMBOLS, Desk, S, a_config, a_signal, a_snapshot, report_of

PRICES = ("1.10010", "1.10020", "1.09990")
OUTCOMES = list(ev.SendOutcomeKind)
IMMEDIATE = Urgency.IMMEDIATE
ENDED = (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED)


@dataclass
class VenueSide:
    """One order as the venue has it."""

    order: Order
    quantity: Decimal
    status: OrdStatus = OrdStatus.PENDING_NEW
    fills: dict[str, Decimal] = field(default_factory=dict)
    said: int = 0
    closed: Decimal = ZERO

    @property
    def cum(self) -> Decimal:
        return sum(self.fills.values(), ZERO)


class World(Desk):
    """A desk with a venue whose words wait in ``pipe`` until they are delivered, in any order."""

    def __init__(self, config: BookConfig | None = None) -> None:
        self.sent: dict[str, None] = {}
        self.sides: list[VenueSide] = []
        self.unsent: list[Order] = []
        self.pipe: list[ExecutionReport] = []
        self.past: list[ExecutionReport] = []
        self.closes: dict[tuple[str, str], Decimal] = {}
        self.asked: list[CancelOrder | ReplaceOrder] = []
        super().__init__(config or a_config(3))

    def feed(self, item: ev.Input, reads: Any = None) -> tuple[ev.Event, ...]:
        orders = dict(self.book.orders)
        commands = len(self.commands)
        events = super().feed(item, reads)
        if events:
            legal(self.book, orders, self.entries[-1])
        for command in self.commands[commands:]:
            if isinstance(command, CancelOrder | ReplaceOrder):
                self.asked.append(command)
            if isinstance(command, SubmitOrder):
                assert command.client_order_id not in self.sent, "a second order of this id"
                self.sent[command.client_order_id] = None
                self.unsent.append(self.book.orders[command.client_order_id])
        for event in events:
            if isinstance(event, ev.FillBooked) and event.cause != "entry":
                key = (event.account_id, event.position_of or event.execution_id)
                moved = event.quantity * event.direction
                self.closes[key] = self.closes.get(key, ZERO) + moved
        holds(self.book)
        self._positions()
        return events

    def _positions(self) -> None:
        """DESIGN §8.8: a position is the sum of its fills."""
        for a in self.book.allocations.values():
            if self.book.executions[a.execution_id].closes:
                continue  # an exit moves the position of what it closes
            orders = [self.book.orders[name] for name in a.order_ids]
            entered = sum((order.cum_qty * order.side.sign for order in orders), ZERO)
            held = self.book.positions.get(a.account_id, {}).get(a.execution_id)
            expected = entered + self.closes.get((a.account_id, a.execution_id), ZERO)
            assert (held.quantity if held is not None else ZERO) == expected

    # --- what hypothesis may do

    def signal(self, number: int) -> None:
        at = self.now
        limit = number % 5 == 0
        self.feed(
            ev.SignalReceived(
                signal=a_signal(
                    f"s{number % 7}",
                    at,
                    symbol=SYMBOLS[number % 2],
                    side=Side.BUY if number % 3 else Side.SELL,
                    urgency=(IMMEDIATE, *tuple(Urgency)[:3])[number % 4],
                    order_type=OrderType.LIMIT if limit else OrderType.MARKET,
                    limit_price=Decimal("1.10000") if limit else None,
                    time_in_force=TimeInForce.IOC if number % 11 == 3 else TimeInForce.DAY,
                )
            )
        )

    def advance(self, number: int) -> None:
        self.timers_until(self.now + (0, S // 10, S, 4 * S, 11 * S, 45 * S, 120 * S)[number % 7])

    def stall(self, number: int) -> None:
        """The process stands still; whatever became due meanwhile is due at once."""
        self.now += (S, 7 * S, 13 * S, 20 * S, 29 * S, 41 * S)[number % 6]
        self.timers_until(self.now)

    def long_wait(self, number: int) -> None:
        """Partial fills come to their deadlines."""
        self.timers_until(self.now + (100 * S, 250 * S, 700 * S)[number % 3])

    def write(self, number: int) -> None:
        if not self.unsent:
            return
        order = self.unsent.pop(number % len(self.unsent))
        outcome = OUTCOMES[(0, 0, 0, 1, 2, 2)[number % 6]]
        self.send(order, outcome)
        if outcome is not ev.SendOutcomeKind.NOT_SENT:
            self.sides.append(VenueSide(order, order.quantity))

    def venue(self, number: int) -> None:
        if not self.sides:
            return
        side = self.sides[number % len(self.sides)]
        actions = (self._fill, self._fill, self._fill, self._end, self._restate, self._bust)
        actions[number // 7 % len(actions)](side, number // 42)

    def _say(self, side: VenueSide, kind: ExecType, last: Decimal = ZERO, **more: Any) -> None:
        side.said += 1
        report = report_of(
            side.order,
            kind,
            side.status,
            cum=side.cum,
            last=last,
            exec_id=f"{side.order.client_order_id}-{side.said}",
            at=self.now + side.said,
            order_qty=side.quantity,
            **more,
        )
        leaves = ZERO if side.status in ENDED else max(ZERO, side.quantity - side.cum)
        self.pipe.append(msgspec.structs.replace(report, leaves_qty=leaves))

    def _resting(self, side: VenueSide) -> OrdStatus:
        if side.status in ENDED[1:]:
            return side.status
        if side.cum >= side.quantity:
            return OrdStatus.FILLED
        return OrdStatus.PARTIALLY_FILLED if side.cum else OrdStatus.NEW

    def _fill(self, side: VenueSide, number: int) -> None:
        if side.status is OrdStatus.PENDING_NEW:
            side.status = OrdStatus.NEW
            self._say(side, ExecType.NEW)
        if side.status is OrdStatus.REJECTED:
            return
        # 1,000 to 6,000, sometimes beyond the order or after its end
        last = Decimal(1_000 * (1 + number % 6))
        if side.cum + last > side.quantity and number % 5:
            last = side.quantity - side.cum
        if last <= 0 or (side.status in ENDED and number % 4):
            return
        side.fills[f"{side.order.client_order_id}-{side.said + 1}"] = last
        side.status = self._resting(side)
        self._say(side, ExecType.TRADE, last, price=PRICES[number % 3])

    def _end(self, side: VenueSide, number: int) -> None:
        if side.status in ENDED:
            return
        endings = [
            (OrdStatus.CANCELED, ExecType.CANCELED),
            (OrdStatus.EXPIRED, ExecType.EXPIRED),
            (OrdStatus.DONE_FOR_DAY, ExecType.DONE_FOR_DAY),
        ]
        if side.status is OrdStatus.PENDING_NEW:
            endings.append((OrdStatus.REJECTED, ExecType.REJECTED))
        side.status, kind = endings[number % len(endings)]
        self._say(side, kind)
        if side.status is OrdStatus.DONE_FOR_DAY and number % 2:  # no leaves for the day
            self.pipe[-1] = msgspec.structs.replace(self.pipe[-1], leaves_qty=ZERO)

    def _restate(self, side: VenueSide, number: int) -> None:
        if side.status in ENDED or side.status is OrdStatus.PENDING_NEW:
            return
        side.quantity = max(side.cum + 1_000, Decimal(2_000 * (1 + number % 7)))
        side.status = self._resting(side)
        self._say(side, ExecType.RESTATED)

    def _bust(self, side: VenueSide, number: int) -> None:
        if not side.fills:
            return
        ref = sorted(side.fills)[number % len(side.fills)]
        del side.fills[ref]
        side.status = self._resting(side)
        self._say(side, ExecType.TRADE_CANCEL, exec_ref_id=ref)

    def request(self, number: int) -> None:
        """The oldest cancel or replace arrives (or is lost) and is answered in either way."""
        if not self.asked:
            return
        command = self.asked.pop(0)
        known = [s for s in self.sides if s.order.client_order_id == command.client_order_id]
        if number % 5 == 4 or not known:
            return
        side, is_replace = known[0], isinstance(command, ReplaceOrder)
        if number % 5 == 3 or side.status in ENDED or side.status is OrdStatus.PENDING_NEW:
            self.feed(
                ev.CancelRejected(
                    reject=CancelReject(
                        client_order_id=command.client_order_id,
                        account_id=command.account_id,
                        ord_status=side.status,
                        transact_at=self.now,
                        for_replace=is_replace,
                        reject_code="too_late_to_cancel",
                    )
                )
            )
        elif isinstance(command, ReplaceOrder):
            side.quantity = max(side.cum, command.quantity)
            side.status = self._resting(side)
            self._say(side, ExecType.REPLACED)
        else:
            side.status = OrdStatus.CANCELED
            self._say(side, ExecType.CANCELED)

    def deliver(self, number: int) -> None:
        """Mostly the oldest, sometimes any, sometimes never, sometimes one from the past again."""
        if number % 11 == 10 and self.past:
            self.feed(ev.VenueReported(report=self.past[number % len(self.past)]))
            return
        if not self.pipe:
            return
        report = self.pipe.pop(0 if number % 4 else number // 4 % len(self.pipe))
        if number % 13 == 12:
            return
        self.past.append(report)
        self.feed(ev.VenueReported(report=report))

    def burst(self, number: int) -> None:
        """The venue answers while the write is in hand: what waits is taken as the writer does."""
        if not self.unsent:
            return
        order = self.unsent.pop(number % len(self.unsent))
        side = VenueSide(order, order.quantity)
        self.sides.append(side)
        kept, self.pipe = self.pipe, []
        for turn in range(1 + number % 3):
            (self._fill, self._fill, self._fill, self._end)[(number + turn) % 4](side, number // 12)
        said, self.pipe = self.pipe, kept
        self.past += said
        sent = ev.SendReported(
            client_order_id=order.client_order_id, outcome=OUTCOMES[0], sent_at=self.now
        )
        waiting: list[ev.Input] = [sent, *(ev.VenueReported(report=report) for report in said)]
        twin = restored(self.book)
        for item in waiting:
            applied(twin, item, self.now)
        while waiting:
            taken = together(self.book, waiting[0], waiting[1:])
            self.feed(ev.OrderReported(messages=taken) if taken else waiting[0])
            del waiting[: len(taken) or 1]
        assert records(self.book) == records(twin), "taken together or one by one"

    def answer(self, number: int) -> None:
        if not self.sides:
            return
        side = self.sides[number % len(self.sides)]
        known = number % 3 > 0 and side.status is not OrdStatus.PENDING_NEW
        if known:
            self._say(side, ExecType.ORDER_STATUS)
        self.feed(
            ev.VenueAnswered(
                answer=StatusAnswer(
                    client_order_id=side.order.client_order_id,
                    account_id=side.order.account_id,
                    known=known,
                    transact_at=self.now,
                    report=self.pipe.pop() if known else None,
                )
            )
        )

    def close(self, number: int) -> None:
        """The venue closes (part of) a position, or more than there is."""
        held = [p for by in self.book.positions.values() for p in by.values() if p.position_id]
        if not held:
            return
        position = held[number % len(held)]
        quantity = abs(position.quantity) * (1, 1, 2)[number % 3] / (1, 2, 1)[number % 3]
        self.feed(
            ev.VenueReported(
                report=ExecutionReport(
                    client_order_id="",
                    account_id=position.account_id,
                    exec_id=f"close-{number}-{self.book.seq}",
                    exec_type=ExecType.TRADE,
                    ord_status=OrdStatus.FILLED,
                    cum_qty=quantity,
                    leaves_qty=ZERO,
                    avg_px=Decimal("1.2"),
                    order_qty=quantity,
                    trading_day="2024-03-15",
                    transact_at=self.now,
                    last_qty=quantity,
                    last_px=Decimal("1.2"),
                    position_id=position.position_id,
                    text="stop_loss",
                )
            )
        )

    def observe(self, number: int) -> None:
        at = self.now - (number % 3) * S
        equity = Decimal(100_000 - number % 500)
        self.feed(ev.AccountObserved(snapshot=a_snapshot(f"a{number % 3}", at, equity=equity)))

    def recover(self, number: int) -> None:
        """A new process: sometimes from a snapshot. What was not written never will be."""
        if number % 2:
            self.book = restored(self.book)
        self.unsent.clear()
        self.feed(ev.BookRecovered(engine_version="test"))


def applied(book: Book, item: ev.Input, at: int) -> None:
    """Decide and apply one input."""
    events = decide(book, item, Reads(), at)
    if events:
        begin(book, book.seq + 1, at)
        for event in events:
            evolve(book, event)
        finish(book)


def records(book: Book) -> bytes:
    """The book's records without the sequence of the entries that made them."""
    image = book.image()
    seen = {day: dict.fromkeys(known, 0) for day, known in image.reports_seen.items()}
    shifted = dict.fromkeys(image.shifted, 0)
    executions = {
        name: msgspec.structs.replace(execution, decision_seq=0)
        for name, execution in image.executions.items()
    }
    changed = msgspec.structs.replace(
        image, seq=0, reports_seen=seen, shifted=shifted, executions=executions
    )
    return msgspec.msgpack.encode(changed, order="deterministic")


ACTIONS: tuple[Callable[[World, int], None], ...] = (
    World.signal, World.advance, World.advance, World.write, World.write, World.venue, World.venue,
    World.venue, World.deliver, World.deliver, World.deliver, World.burst, World.burst,
    World.answer, World.close, World.observe, World.recover, World.stall, World.request,
    World.request, World.long_wait,
)  # fmt: skip
