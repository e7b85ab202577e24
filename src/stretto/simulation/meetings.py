"""Which faults met orders in which states: the (order state, fault) pairs of a seed.

Listens to entries and is told of faults afterwards. Knows neither venues nor schedules.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from stretto.core import events as ev
from stretto.core.order import TERMINAL, OrderState


class Meetings:
    """The states of every order in time, and what struck meanwhile."""

    def __init__(self) -> None:
        self.orders = 0
        self.fills = 0
        self.executions = 0
        self._at: dict[str, list[int]] = {}
        self._states: dict[str, list[OrderState]] = {}
        self._of_account: dict[str, list[str]] = {}

    def appended(self, entry: ev.Entry) -> None:
        """Note what an entry changed in any order's state."""
        for event in entry.events:
            if isinstance(event, ev.OrderIntended):
                name = event.order.client_order_id
                self.orders += 1
                self._at[name], self._states[name] = [entry.at], [event.order.state]
                self._of_account.setdefault(event.order.account_id, []).append(name)
            elif isinstance(event, ev.OrderAdvanced):
                state = event.changes.state
                if isinstance(state, OrderState):
                    self._at[event.client_order_id].append(entry.at)
                    self._states[event.client_order_id].append(state)
            elif isinstance(event, ev.FillBooked):
                self.fills += 1
            elif isinstance(event, ev.SignalPlanned):
                self.executions += 1

    def met(self, at_ns: int, fault: str, subject: str) -> list[str]:
        """Pairs of a fault: with the order that its subject names, or with every live order of the
        account that it names; with every live one where it is empty.
        """
        words = subject.split()
        named = [word for word in words if word in self._at]
        if not named and words:
            named = [name for word in words for name in self._of_account.get(word, ())]
            return self._pairs(at_ns, fault, named, live=True)
        return self._pairs(at_ns, fault, named or self._at, live=not named)

    def _pairs(self, at_ns: int, fault: str, names: Iterable[str], *, live: bool) -> list[str]:
        found: dict[str, None] = {}
        for name in names:
            place = bisect_right(self._at[name], at_ns) - 1
            if place < 0:
                continue
            state = self._states[name][place]
            if not (live and state in TERMINAL):
                found[f"{state.value} {fault}"] = None
        return list(found)
