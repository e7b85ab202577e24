"""A venue that does what a test says, with books of its own that outlive a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from stretto.core.effects import CancelOrder, Command, QueryOrder, SubmitOrder
from stretto.core.terms.account import AccountSnapshot, PositionMode
from stretto.core.terms.report import ExecType, OrdStatus, StatusAnswer
from stretto.core.terms.venue import MassStatus, OrderView, PositionView, VenueCapabilities
from stretto.core.values import ZERO
from stretto.ports import Clock, NotSent, SendOutcome, Sent, VenueMessage
from tests.builders import VENUE, a_snapshot, report_of


@dataclass
class ScriptedVenue:
    """A broker that keeps its orders over sessions and does with a submit what ``script`` says:
    ``fill``, ``part`` (half), ``rest`` (accepts only), ``reject``, ``silent`` (fills, says
    nothing), ``lost`` (never arrives), ``not_sent``; a coroutine function is awaited instead; an
    exception is raised, before anything arrives, or, as (action, exception), after it.
    """

    clock: Clock
    script: Callable[[SubmitOrder], Any] = lambda _: "fill"
    venue: str = VENUE
    submits: list[str] = field(default_factory=list)
    submitted_at: dict[str, int] = field(default_factory=dict)
    queries: list[tuple[int, str]] = field(default_factory=list)
    orders: dict[str, tuple[SubmitOrder, OrdStatus, Decimal]] = field(default_factory=dict)
    sink: Callable[[VenueMessage], None] | None = None
    closed: int = 0

    async def connect(self, sink: Callable[[VenueMessage], None]) -> None:
        self.sink = sink

    async def close(self) -> None:
        self.sink = None
        self.closed += 1

    def heartbeat_at(self) -> int:
        return self.clock.now_ns()

    async def snapshot(self, account_id: str) -> AccountSnapshot:
        return a_snapshot(account_id, self.clock.now_ns())

    @property
    def capabilities(self) -> VenueCapabilities:
        return VenueCapabilities()

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        assert after is None, "this venue knows times only"
        now = self.clock.now_ns()
        views = [
            OrderView(
                report=report_of(
                    order, ExecType.ORDER_STATUS, status, cum=cum, exec_id=f"m{number}", at=now
                ),
                symbol=order.symbol,
                side=order.side,
                order_type=order.order_type,
                time_in_force=order.time_in_force,
                role=order.role,
            )
            for number, (order, status, cum) in enumerate(self.orders.values())
            if order.account_id == account_id
        ]
        live = (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
        return MassStatus(
            account_id=account_id,
            venue=self.venue,
            at=now,
            since=since_ns,
            complete=True,
            account=a_snapshot(account_id, now),
            position_mode=PositionMode.HEDGING,
            orders=tuple(v for v in views if v.report.ord_status in live),
            orders_done=tuple(v for v in views if v.report.ord_status not in live),
            positions=self.positions(account_id),
        )

    def positions(self, account_id: str) -> tuple[PositionView, ...]:
        """What the account's orders filled, one ticket each."""
        return tuple(
            PositionView(
                position_id=f"T-{name}",
                symbol=order.symbol,
                side=order.side,
                quantity=cum,
                average_price=Decimal("1.10010"),
                stop_loss=order.stop_loss,
                take_profit=order.take_profit,
            )
            for name, (order, _, cum) in self.orders.items()
            if cum and order.account_id == account_id
        )

    async def send(self, command: Command) -> SendOutcome:
        if isinstance(command, QueryOrder):
            self._answer(command)
        elif isinstance(command, SubmitOrder):
            action = self.script(command)
            if isinstance(action, BaseException):
                raise action
            if action == "not_sent":
                return NotSent(reason="no connection")
            self.submits.append(command.client_order_id)
            self.submitted_at[command.client_order_id] = self.clock.now_ns()
            then = None
            if isinstance(action, tuple):
                action, then = action
            if callable(action):
                await action()
            elif action != "lost":
                self._take(command, action)
            if then is not None:
                raise then
        else:
            assert isinstance(command, CancelOrder)
        return Sent(at=self.clock.now_ns())

    def filled(self, account_id: str) -> Decimal:
        """Signed quantity the venue filled for an account."""
        mine = [o for o in self.orders.values() if o[0].account_id == account_id]
        return sum((cum * command.side.sign for command, _, cum in mine), ZERO)

    def _take(self, command: SubmitOrder, action: str) -> None:
        cum, status = ZERO, OrdStatus.NEW
        if action == "reject":
            status = OrdStatus.REJECTED
        elif action == "part":
            cum, status = command.quantity / 2, OrdStatus.PARTIALLY_FILLED
        elif action in ("fill", "silent"):
            cum, status = command.quantity, OrdStatus.FILLED
        self.orders[command.client_order_id] = (command, status, cum)
        if action == "silent":
            return
        kind = ExecType.REJECTED if status is OrdStatus.REJECTED else ExecType.NEW
        first = status if status is OrdStatus.REJECTED else OrdStatus.NEW
        self._say(report_of(command, kind, first, at=self.clock.now_ns()))
        if cum:
            self._say(
                report_of(
                    command, ExecType.TRADE, status, cum=cum, last=cum, at=self.clock.now_ns()
                )
            )

    def _answer(self, command: QueryOrder) -> None:
        now = self.clock.now_ns()
        self.queries.append((now, command.client_order_id))
        known = self.orders.get(command.client_order_id)
        report = None
        if known is not None:
            order, status, cum = known
            exec_id = f"q{len(self.queries)}"
            report = report_of(
                order, ExecType.ORDER_STATUS, status, cum=cum, exec_id=exec_id, at=now
            )
        self._say(
            StatusAnswer(
                client_order_id=command.client_order_id,
                account_id=command.account_id,
                known=report is not None,
                transact_at=now,
                report=report,
            )
        )

    def _say(self, message: VenueMessage) -> None:
        if self.sink is not None:
            self.sink(message)
