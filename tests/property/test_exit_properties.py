"""A position is the sum of its fills: entries, exits, closes of the venue's own, and their busts.

Exits, amends and the venue's own closes and busts happen among all else that a book meets.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core import events as ev
from stretto.core.effects import AmendProtection
from stretto.core.orders.order import OrderState
from stretto.core.orders.order_table import UNANSWERED
from stretto.core.terms.exit_signal import ExitSignal
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.report import (
    ExecType,
    ExecutionReport,
    OrderRole,
    ProtectionAnswer,
)
from stretto.core.terms.signal import Action, Share
from stretto.core.values import ZERO
from tests.book_invariants import replays, restored
from tests.builders import S
from tests.property.book_world import ACTIONS, VenueSide, World

LIMITS = (Decimal("1.09990"), Decimal("1.09950"), Decimal("1.10000"))


class ExitWorld(World):
    """A world in which signals are closed, reduced and amended, and venues take closes back."""

    def __init__(self, config: BookConfig | None = None) -> None:
        self.own: list[ExecutionReport] = []
        super().__init__(config)

    def feed(self, item: ev.Input, reads: Any = None) -> tuple[ev.Event, ...]:
        if isinstance(item, ev.VenueReported) and not item.report.client_order_id:
            self.own.append(item.report)
        return super().feed(item, reads)

    def _say(self, side: VenueSide, kind: ExecType, last: Decimal = ZERO, **more: Any) -> None:
        super()._say(side, kind, last, **more)
        if side.order.role is OrderRole.EXIT:  # it names the ticket that it closes
            ticket = side.order.position_id
            self.pipe[-1] = msgspec.structs.replace(self.pipe[-1], position_id=ticket)

    def bust_close(self, number: int) -> None:
        """The venue takes a close of its own back, sometimes twice, sometimes under two names."""
        closes = [each for each in self.own if each.exec_type is ExecType.TRADE]
        if not closes:
            return
        close = closes[number % len(closes)]
        bust = msgspec.structs.replace(
            close,
            exec_id=f"bust-{number % 3}-{close.exec_id}",
            exec_type=ExecType.TRADE_CANCEL,
            exec_ref_id=close.exec_id,
            last_qty=ZERO,
            last_px=ZERO,
            transact_at=self.now,
        )
        self.feed(ev.VenueReported(report=bust))

    def exit(self, number: int) -> None:
        """A close, a reduce or an amend of one of the signals."""
        action = (Action.CLOSE, Action.REDUCE, Action.AMEND)[number % 3]
        found = ExitSignal(
            signal_id=f"x{number % 17}",
            strategy_id="strategy",
            action=action,
            refers_to="s4" if number % 2 else f"s{number // 3 % 7}",
            generated_at=self.now,
            size=Share(fraction=Decimal("0.5")) if action is Action.REDUCE else None,
            take_profit=Decimal(1 + number % 3) if action is Action.AMEND and number % 4 else None,
            limit_price=LIMITS[number % 4] if action is Action.AMEND and number % 4 < 3 else None,
        )
        self.feed(ev.ExitReceived(exit=found))

    def set_levels(self, number: int) -> None:
        """The venue answers a request about levels, perhaps an old one."""
        asked = [c for c in self.commands if isinstance(c, AmendProtection)]
        if not asked:
            return
        request = asked[number % len(asked)]
        answer = ProtectionAnswer(
            client_order_id=request.client_order_id,
            account_id=request.account_id,
            position_id=request.position_id,
            accepted=number % 4 > 0,
            transact_at=self.now,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            reject_code=("off_quotes", "invalid_stops")[number // 4 % 2],
        )
        self.feed(ev.ProtectionAnswered(answer=answer))


STEPS: tuple[Callable[[Any, int], None], ...] = (
    *ACTIONS, ExitWorld.exit, ExitWorld.exit, ExitWorld.exit, ExitWorld.set_levels,
    ExitWorld.bust_close, ExitWorld.bust_close, World.close,
)  # fmt: skip


def waits(world: ExitWorld, amend: str) -> bool:
    """True where an order that a person was asked about, or has no answer, is still to get it."""
    book = world.book
    names = [n for a in book.allocations.values() if a.repricing == amend for n in a.order_ids]
    orders = [book.orders[name] for name in names]
    return any(
        o.state in (*UNANSWERED, OrderState.PENDING_NEW) or o.client_order_id in book.interventions
        for o in orders
    )


@pytest.mark.requirement("P5")
@given(
    st.lists(
        st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 10_000)), min_size=10, max_size=60
    )
)
def test_a_position_is_the_sum_of_entries_exits_venue_closes_and_busts(
    steps: list[tuple[int, int]],
) -> None:
    world = ExitWorld()
    world.signal(4)  # at once, so that there is something to happen to
    for action, number in steps:
        STEPS[action](world, number)
        world.now += 1
    while world.pipe:
        world.feed(ev.VenueReported(report=world.pipe.pop(0)))
    world.timers_until(world.now + 40_000 * S)
    assert world.book.is_at_rest
    for name, execution in world.book.executions.items():
        amends = execution.signal.action is Action.AMEND
        assert not amends or execution.status in ("completed", "abandoned") or waits(world, name)
    restored(world.book)
    replays(world.book, world.entries)
