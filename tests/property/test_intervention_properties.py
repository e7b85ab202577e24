"""People who ask for anything at any time: nothing is lost, and after a kill nothing enters."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core import events as ev
from stretto.core.effects import CancelOrder, QueryOrder, SubmitOrder
from stretto.core.engine import effects_of
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.killing import KillScope, covering
from stretto.core.terms.report import OrderRole
from tests.book_invariants import replays, restored, spaced
from tests.builders import S
from tests.property.book_world import ACTIONS, World

SCOPES = (
    (KillScope.BOOK, ""),
    (KillScope.FIRM, "firm"),
    (KillScope.ACCOUNT, "a1"),
    (KillScope.SYMBOL, "EURUSD"),
    (KillScope.GROUP, "none"),
)


class Desk(World):
    """A world in which people ask for things, mostly for what is there."""

    refused = 0

    def feed(self, item: ev.Input, reads: Any = None) -> tuple[ev.Event, ...]:
        events = super().feed(item, reads)
        if events:
            self._after_kill()
        return events

    def _after_kill(self) -> None:
        """DESIGN §8.11, for the entry just made: under a switch nothing leaves but cancels."""
        switches = list(self.book.kills.values())
        for command in effects_of(self.book, self.entries[-1]):
            if not switches or isinstance(command, CancelOrder | QueryOrder):
                continue
            account = self.book.configuration.accounts[command.account_id]
            order = self.book.orders[command.client_order_id]
            assert order.role is not OrderRole.ENTRY or (
                covering(switches, account, order.symbol) is None
            ), "an entry left under a kill switch"
            assert isinstance(command, SubmitOrder)

    def ask(self, action: iv.Action, number: int) -> None:
        """Under an id that was sometimes used before."""
        item = ev.Intervened(
            request_id=f"r{number % 97}", actor="ada", reason=f"reason {number % 2}", action=action
        )
        before = restored(self.book)
        events = self.feed(item)
        if events and isinstance(events[0], ev.InterventionRefused):
            self.refused += 1
            assert len(events) == 1
            assert self.book.allocations == before.allocations
            assert self.book.orders == before.orders
            assert self.book.kills == before.kills

    def execution(self, number: int) -> None:
        known = [*sorted(self.book.executions), "nowhere"]
        name = known[number % len(known)]
        account = ("", "a0", "a1", "a2", "nobody")[number // 8 % 5]
        price = Decimal("1.10000") - Decimal(number % 9 - 2).scaleb(-4)
        size = Decimal(1_000 * (number % 12))
        actions: tuple[iv.Action, ...] = (
            iv.Pause(execution_id=name),
            iv.Resume(execution_id=name),
            iv.CancelRemaining(execution_id=name, account_id=account),
            iv.AcceptPartial(execution_id=name, account_id=account),
            iv.RetryNow(execution_id=name, account_id=account),
            iv.ChangePrice(execution_id=name, account_id=account, limit_price=price),
            iv.ChangeSize(execution_id=name, account_id=account, quantity=size),
            iv.Approve(execution_id=name),
        )
        self.ask(actions[number // 40 % len(actions)], number)

    def doubt(self, number: int) -> None:
        """A person's word on an order; only what the venue would say itself."""
        for side in self.sides:
            order = self.book.orders[side.order.client_order_id]
            if order.state.value == "in_doubt" and side.cum == order.cum_qty:
                fate = iv.Fate.DEAD if side.status.value == "rejected" else iv.Fate.WORKING
                self.ask(
                    iv.ResolveInDoubt(
                        client_order_id=order.client_order_id, fate=fate, evidence="seen"
                    ),
                    number,
                )
                return

    def scope(self, number: int) -> None:
        scope, name = SCOPES[number // 3 % len(SCOPES)]
        if number % 3:
            self.ask(iv.Release(scope=scope, name=name), number)
        else:
            self.ask(iv.Kill(scope=scope, name=name), number)

    def account(self, number: int) -> None:
        name = ("a0", "a1", "nobody")[number // 4 % 3]
        if number % 4 == 3:
            until = self.now + number * S // 100
            self.ask(
                iv.ExcludeAccount(account_id=name, until=until if number % 5 else None), number
            )
        elif number % 4 == 2:
            self.ask(iv.RestoreAccount(account_id=name), number)
        elif number % 2:
            self.ask(iv.HaltAccount(account_id=name), number)
        else:
            self.ask(iv.ReleaseAccount(account_id=name), number)


STEPS: tuple[Callable[[Any, int], None], ...] = (
    *ACTIONS, Desk.execution, Desk.execution, Desk.execution, Desk.execution, Desk.doubt,
    Desk.scope, Desk.account,
)  # fmt: skip


@pytest.mark.requirement("R5.5")
@given(
    st.lists(
        st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 10_000)), min_size=10, max_size=60
    )
)
def test_whatever_people_ask_every_unit_is_accounted_for(steps: list[tuple[int, int]]) -> None:
    desk = Desk()
    desk.signal(4)
    desk.signal(1)
    for action, number in steps:
        STEPS[action](desk, number)
        desk.now += 1
    while desk.pipe:
        desk.feed(ev.VenueReported(report=desk.pipe.pop(0)))
    desk.timers_until(desk.now + 3_600 * S)
    restored(desk.book)
    replays(desk.book, desk.entries)
    spaced(desk.entries)
    for a in desk.book.allocations.values():
        assert not a.pending, "past the signal's validity nothing waits any more"
    refusals = [
        event.denied.rule
        for entry in desk.entries
        for event in entry.events
        if isinstance(event, ev.InterventionRefused)
    ]
    assert len(refusals) == desk.refused
    assert set(refusals) <= set(Denial)
