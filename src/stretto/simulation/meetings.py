"""Which faults met orders in which states: the (order state, fault) pairs of a seed.

Is told of entries as they become durable, and of every fault before the next entry: what struck
meanwhile met the orders as the last entry left them. Knows neither venues nor schedules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from stretto.core import events as ev
from stretto.core.orders.order import TERMINAL, OrderState

_CHANGING = (ev.OrderAdvanced, ev.CancelRequested, ev.ReplaceRequested)


class Fault(Protocol):
    """Something that struck: when (ns UTC), what, and whom; empty where it concerns nobody."""

    @property
    def at(self) -> int:
        """When."""
        ...

    @property
    def kind(self) -> str:
        """Its name."""
        ...

    @property
    def subject(self) -> str:
        """Names of orders or accounts in it."""
        ...


class Meetings:
    """The state of every order, and what struck it; ``faults`` are lists that grow."""

    def __init__(self, faults: Sequence[Sequence[Fault]]) -> None:
        self.orders = 0
        self.fills = 0
        self.executions = 0
        self.pairs: dict[str, None] = {}
        self._faults = faults
        self._known = [0] * len(faults)
        self._states: dict[str, OrderState] = {}
        self._counts: Counter[str] = Counter()
        self._live: dict[str, dict[str, None]] = {}

    def struck(self) -> list[tuple[int, str, str]]:
        """Everything that struck so far, in order of time."""
        self._meet()
        return sorted((f.at, str(f.kind), f.subject) for faults in self._faults for f in faults)

    def appended(self, entry: ev.Entry) -> None:
        """Note what an entry changed in any order's state."""
        self._meet()
        for event in entry.events:
            if isinstance(event, ev.OrderIntended):
                self.orders += 1
                self._note(event.order.client_order_id, event.order.account_id, event.order.state)
            elif isinstance(event, _CHANGING):
                state = event.changes.state
                if isinstance(state, OrderState):
                    self._note(event.client_order_id, event.account_id, state)
            elif isinstance(event, ev.FillBooked):
                self.fills += 1
            elif isinstance(event, ev.SignalPlanned):
                self.executions += 1

    def shows(self, state: str) -> bool:
        """True where an order is in the state."""
        return self._counts[state] > 0

    def _note(self, name: str, account_id: str, state: OrderState) -> None:
        if name in self._states:
            self._counts[self._states[name]] -= 1
        self._counts[state] += 1
        self._states[name] = state
        live = self._live.setdefault(account_id, {})
        if state in TERMINAL:
            live.pop(name, None)
        else:
            live[name] = None

    def _meet(self) -> None:
        """What struck since the last entry met the orders as that left them."""
        for place, faults in enumerate(self._faults):
            if len(faults) > self._known[place]:
                for fault in faults[self._known[place] :]:
                    self._met(fault.kind, fault.subject)
                self._known[place] = len(faults)

    def _met(self, fault: str, subject: str) -> None:
        """It met the order that its subject names, or every live order of the account that it
        names, or every live one where it is empty.
        """
        words = subject.split()
        named = [word for word in words if word in self._states]
        if not named:
            accounts = [word for word in words if word in self._live] if words else self._live
            named = [name for account_id in accounts for name in self._live[account_id]]
        for name in named:
            self.pairs[f"{self._states[name].value} {fault}"] = None
