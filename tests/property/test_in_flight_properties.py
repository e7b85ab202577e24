"""However positions close, fill and expire meanwhile: nothing is sent into a breach."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.core import events as ev
from stretto.core.book import CORRELATION_BREACH
from stretto.core.orders.order import Order, OrderState
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.signal import PerAccount
from stretto.core.values import ZERO, Side
from tests.book_invariants import holds, replays, restored
from tests.builders import (
    BALANCE,
    SYMBOLS,
    Desk,
    S,
    a_config,
    a_signal,
    bars_of,
    names,
    returns_like,
)
from tests.unit.core.correlation_samples import correlation, covariance

pytestmark = [pytest.mark.requirement("R2.5"), pytest.mark.timeout(300)]
ACCOUNTS = names(4)
MID = 1.10005
ROUNDING = 1e-5
CLOSES = [[float(bar.close) for bar in bars_of(symbol)] for symbol in SYMBOLS]
SYMBOL_RETURNS = np.array([[b / a - 1 for a, b in pairwise(c)] for c in CLOSES]).T
RETURNS = np.array([[bar.return_ppb / 1e9 for bar in returns_like(n)] for n in ACCOUNTS])


class InFlight(Desk):
    """A desk that judges every intent by the plain formula of DESIGN §4.4."""

    def __init__(self) -> None:
        self.breaches = 0
        self.judged = 0
        super().__init__(a_config(len(ACCOUNTS)))

    def feed(self, item: ev.Input, reads: object = None) -> tuple[ev.Event, ...]:
        events = super().feed(item)
        for event in events:
            if isinstance(event, ev.OrderIntended):
                self._judge(event.order)
            self.breaches += isinstance(event, ev.CorrelationBreached)
        holds(self.book)
        return events

    def _judge(self, order: Order) -> None:
        execution = self.book.executions[order.execution_id]
        moved = [n for n, seq in self.book.shifted.items() if seq > execution.decision_seq]
        if not moved:
            return
        exposure = self._exposure()
        sent = float(order.quantity) * order.side.sign * MID / float(BALANCE)
        at, column = ACCOUNTS.index(order.account_id), SYMBOLS.index(order.symbol)
        without = exposure.copy()
        without[at, column] -= sent
        after, before = (
            np.abs(correlation(covariance(RETURNS, SYMBOL_RETURNS, x))[at])
            for x in (exposure, without)
        )
        for other, name in enumerate(ACCOUNTS):
            if other == at or not exposure[other].any():
                continue
            if order.account_id in moved or name in moved:
                self.judged += 1
                is_over = after[other] > 0.7 + ROUNDING
                assert not (is_over and after[other] > before[other] + ROUNDING), (order, name)

    def _exposure(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """What positions and what is on its way make, without what a breach holds."""
        quantity = np.zeros((len(ACCOUNTS), len(SYMBOLS)))
        for name, held in self.book.positions.items():
            for position in held.values():
                place = ACCOUNTS.index(name), SYMBOLS.index(position.symbol)
                quantity[place] += float(position.quantity)
        for a in self.book.allocations.values():
            execution = self.book.executions[a.execution_id]
            coming = a.intended - a.filled - a.abandoned
            coming -= a.pending if a.held == CORRELATION_BREACH else ZERO
            place = ACCOUNTS.index(a.account_id), SYMBOLS.index(execution.signal.symbol)
            quantity[place] += float(coming) * execution.side.sign
        return quantity * MID / float(BALANCE)

    def signal(self, number: int) -> None:
        self.feed(
            ev.SignalReceived(
                signal=a_signal(
                    f"s{number}-{self.now}", self.now,
                    symbol=SYMBOLS[number % 2],
                    side=Side.BUY if number % 3 else Side.SELL,
                    size=PerAccount(quantity=Decimal((50_000, 150_000, 400_000)[number % 7 % 3])),
                    stop_distance=Decimal("0.0003"),
                )
            )
        )  # fmt: skip

    def advance(self, number: int) -> None:
        self.timers_until(self.now + (S, 3 * S, 8 * S, 40 * S)[number % 4])

    def settle(self, number: int) -> None:
        """The venue fills an order, or lets it expire."""
        live = [o for o in self.book.orders.values() if o.state is OrderState.SUBMITTING]
        if not live:
            return
        order = live[number % len(live)]
        self.send(order)
        cum = order.quantity
        if number % 4:
            self.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=cum, last=cum)
        else:
            self.report(order, ExecType.EXPIRED, OrdStatus.EXPIRED)

    def close(self, number: int) -> None:
        """The venue closes a position at its stop."""
        held = [p for n in sorted(self.book.positions) for p in self.book.positions[n].values()]
        if not held:
            return
        position = held[number % len(held)]
        quantity = abs(position.quantity)
        report = ExecutionReport(
            client_order_id="",
            account_id=position.account_id,
            exec_id=f"close-{len(self.entries)}",
            exec_type=ExecType.TRADE,
            ord_status=OrdStatus.FILLED,
            cum_qty=quantity,
            leaves_qty=ZERO,
            avg_px=Decimal("1.1"),
            order_qty=quantity,
            trading_day="2024-03-15",
            transact_at=self.now,
            last_qty=quantity,
            last_px=Decimal("1.1"),
            position_id=position.position_id,
            text="stop_loss",
        )
        self.feed(ev.VenueReported(report=report))


MOVES = ("signal", "advance", "settle", "settle", "close")
STEPS = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 999)), min_size=10, max_size=60)


@settings(max_examples=60)
@given(STEPS)
def test_nothing_is_sent_into_a_breach(steps: list[tuple[str, int]]) -> None:
    desk = InFlight()
    for name, number in steps:
        getattr(desk, name)(number)
    restored(desk.book)
    desk.timers_until(desk.now + 1_900 * S)
    assert all(a.held != CORRELATION_BREACH or a.ended for a in desk.book.allocations.values())
    assert desk.book.breaches == {}
    replays(desk.book, desk.entries)


def test_the_moves_above_do_lead_to_breaches() -> None:
    draw = np.random.default_rng(3)
    breaches = judged = 0
    for _ in range(20):
        desk = InFlight()
        for _ in range(50):
            getattr(desk, MOVES[draw.integers(len(MOVES))])(int(draw.integers(1_000)))
        breaches, judged = breaches + desk.breaches, judged + desk.judged
    assert breaches > 0
    assert judged > 20, judged
