"""A desk at a simulated venue, for tests: a small market, virtual time, and short orders."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from stretto.brokers.sim import SimVenue
from stretto.brokers.sim_config import SimAccount, SimVenueConfig, frictionless
from stretto.brokers.sim_faults import FaultPlan
from stretto.brokers.sim_memory import CommandLog
from stretto.core.terms.account import PositionMode, SymbolTerms
from stretto.core.terms.market import Instrument
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrderType,
    ProtectionAnswer,
    StatusAnswer,
)
from stretto.core.values import NS_PER_S, Side, parse_iso
from stretto.market import Calendars, SeriesMarket, VenueHours
from stretto.market.series import QuoteSeries
from stretto.ports import (
    AmendProtection,
    Broker,
    CancelOrder,
    QueryOrder,
    ReplaceOrder,
    SendOutcome,
    SubmitOrder,
    VenueMessage,
)
from stretto.runtime.clock import LoopClock, VirtualTimeLoop
from tests.unit.market.series_maker import series_of

START = parse_iso("2014-05-05T12:00:00Z")
LOT = Decimal(100_000)
Rows = Sequence[tuple[int, int, int]]

INSTRUMENTS = {
    "EURUSD": Instrument(
        symbol="EURUSD",
        base_currency="EUR",
        quote_currency="USD",
        pip=Decimal("0.0001"),
        tick=Decimal("0.00001"),
    ),
    "USDJPY": Instrument(
        symbol="USDJPY",
        base_currency="USD",
        quote_currency="JPY",
        pip=Decimal("0.01"),
        tick=Decimal("0.001"),
    ),
}


def terms(symbol: str) -> SymbolTerms:
    return SymbolTerms(
        venue_symbol=f"{symbol}.x",
        contract_size=LOT,
        lot_step=Decimal("0.01"),
        lot_min=Decimal("0.01"),
        lot_max=Decimal(50),
        margin_rate=Decimal("0.02"),
        commission_per_lot=Decimal("3.5"),
        stop_distance_min=Decimal("0.0001"),
    )


def account(
    account_id: str = "A1",
    balance: int = 100_000,
    mode: PositionMode = PositionMode.HEDGING,
    currency: str = "USD",
) -> SimAccount:
    return SimAccount(
        account_id=account_id,
        currency=currency,
        balance=Decimal(balance),
        symbols={symbol: terms(symbol) for symbol in INSTRUMENTS},
        position_mode=mode,
    )


def ticks(*points: tuple[float, int, int]) -> list[tuple[int, int, int]]:
    """(seconds from START, bid, ask) in 1e-5 as rows of a series."""
    return [(START + round(s * NS_PER_S), bid, ask) for s, bid, ask in points]


def wave(seconds: int = 7_200, swing: int = 100) -> list[tuple[int, int, int]]:
    """One tick a second; the bid walks between 1.38000 and 1.38000 + swing points and back."""
    rows = []
    for second in range(-600, seconds):
        place = second % (2 * swing)
        bid = 138_000 + min(place, 2 * swing - place)
        rows.append((START + second * NS_PER_S, bid, bid + 10))
    return rows


def market(eurusd: Rows | None = None) -> SeriesMarket:
    yen: QuoteSeries = series_of("USDJPY", [(START - 60 * NS_PER_S, 100_000, 100_010)], digits=3)
    return SeriesMarket({"EURUSD": series_of("EURUSD", eurusd or wave()), "USDJPY": yen})


@dataclass
class Desk:
    """A connected venue and everything it said. ``broker`` is how it is reached: the venue itself,
    or a connection to it.
    """

    venue: SimVenue
    clock: LoopClock
    broker: Broker
    said: list[VenueMessage] = field(default_factory=list)
    said_at: list[int] = field(default_factory=list)

    def hear(self, message: VenueMessage) -> None:
        self.said.append(message)
        self.said_at.append(self.clock.now_ns())

    async def submit(self, order_id: str, **changes: Any) -> SendOutcome:
        return await self.broker.send(order(order_id, **changes))

    async def cancel(self, order_id: str, account_id: str = "A1") -> SendOutcome:
        return await self.broker.send(
            CancelOrder(client_order_id=order_id, account_id=account_id, venue="sim")
        )

    async def query(self, order_id: str, account_id: str = "A1") -> SendOutcome:
        return await self.broker.send(
            QueryOrder(client_order_id=order_id, account_id=account_id, venue="sim")
        )

    async def replace(self, order_id: str, quantity: Any, **prices: Any) -> SendOutcome:
        """``quantity`` is the whole order quantity."""
        return await self.broker.send(
            ReplaceOrder(
                client_order_id=order_id,
                account_id="A1",
                venue="sim",
                quantity=Decimal(quantity),
                send_before=1 << 62,
                **{name: Decimal(price) for name, price in prices.items()},
            )
        )

    async def amend(
        self, request_id: str, position_id: str, symbol: str = "EURUSD", **levels: Any
    ) -> SendOutcome:
        return await self.broker.send(
            AmendProtection(
                client_order_id=request_id,
                account_id="A1",
                venue="sim",
                symbol=symbol,
                send_before=1 << 62,
                position_id=position_id,
                **{name: Decimal(level) for name, level in levels.items()},
            )
        )

    async def until(self, seconds: float) -> None:
        """Let virtual time pass to ``seconds`` after START."""
        await self.clock.sleep_until(START + round(seconds * NS_PER_S))

    def reports(self, order_id: str | None = None) -> list[ExecutionReport]:
        return [
            message
            for message in self.said
            if isinstance(message, ExecutionReport)
            and (order_id is None or message.client_order_id == order_id)
        ]

    def trades(self, order_id: str | None = None) -> list[ExecutionReport]:
        return [r for r in self.reports(order_id) if r.exec_type is ExecType.TRADE]

    def kinds(self, order_id: str) -> list[str]:
        return [report.exec_type.value for report in self.reports(order_id)]

    def rejects(self) -> list[CancelReject]:
        return [message for message in self.said if isinstance(message, CancelReject)]

    def answers(self) -> list[StatusAnswer]:
        return [message for message in self.said if isinstance(message, StatusAnswer)]

    def amended(self) -> list[ProtectionAnswer]:
        return [message for message in self.said if isinstance(message, ProtectionAnswer)]

    def order(self, order_id: str) -> Any:
        """The order in the venue's own books."""
        orders: Any = self.venue.dump()["orders"]
        return orders[order_id]

    def books(self, account_id: str = "A1") -> Any:
        accounts: Any = self.venue.dump()["accounts"]
        return accounts[account_id]


def order(order_id: str, **changes: Any) -> SubmitOrder:
    """A market order for one lot of EURUSD, with changes."""
    symbol = changes.get("symbol", "EURUSD")
    plain = SubmitOrder(
        client_order_id=order_id,
        account_id="A1",
        venue="sim",
        symbol=symbol,
        venue_symbol=f"{symbol}.x",
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=LOT,
        send_before=1 << 62,
    )
    decimals = {
        name: Decimal(value) if isinstance(value, str | int) else value
        for name, value in changes.items()
        if name.endswith(("price", "loss", "profit", "quantity", "slippage_max"))
    }
    return msgspec.structs.replace(plain, **{**changes, **decimals})


def at_desk(
    scenario: Callable[[Desk], Awaitable[None]],
    *,
    eurusd: Rows | None = None,
    accounts: Sequence[SimAccount] = (),
    config: SimVenueConfig | None = None,
    seed: int = 1,
    start: int = START,
    log: CommandLog | None = None,
    faults: FaultPlan | None = None,
    maintenance: Sequence[str] = (),
    wire: Callable[[SimVenue, LoopClock], AbstractAsyncContextManager[Broker]] | None = None,
) -> Desk:
    """Play a scenario at a fresh venue on virtual time, reached directly or over a ``wire``; the
    desk afterwards.
    """
    loop = (VirtualTimeLoop if wire is None else SocketTimeLoop)(start)
    clock = LoopClock(loop)
    feed = market(eurusd)
    venue = SimVenue(
        config or frictionless(),
        clock,
        feed,
        VenueHours(
            Calendars(INSTRUMENTS.values(), {"sim": maintenance} if maintenance else {}),
            "sim",
            INSTRUMENTS,
        ),
        INSTRUMENTS,
        accounts or [account()],
        seed,
        log,
        faults,
    )
    reached = contextlib.nullcontext(venue) if wire is None else wire(venue, clock)

    async def play() -> Desk:
        async with reached as broker:
            desk = Desk(venue, clock, broker)
            await broker.connect(desk.hear)
            await scenario(desk)
            await broker.close()
            return desk

    try:
        return loop.run_until_complete(play())
    finally:
        loop.close()


class SocketTimeLoop(VirtualTimeLoop):
    """Virtual time that stands still while a socket has something to read: both ends of the wire
    are here, so that nothing is ever on its way unseen.
    """

    def __init__(self, start_ns: int) -> None:
        super().__init__(start_ns)
        self._jump = super()._wait
        self._sockets = self._selector  # type: ignore[attr-defined]

    def _wait(self, timeout: float | None) -> float | None:
        return 0 if self._sockets.select(0) else self._jump(timeout)


def patient(**changes: Any) -> SimVenueConfig:
    """Deep and without chance, but with latency of 10 to 20 ms each way."""
    values: dict[str, Any] = {
        "latency_request_ns": (10_000_000, 20_000_000),
        "latency_report_ns": (10_000_000, 20_000_000),
        "depth_lots": Decimal(1_000_000),
        "requote_ppm": 0,
        "reject_ppm": {},
    }
    return SimVenueConfig(**{**values, **changes})
