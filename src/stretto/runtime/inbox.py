"""The writer's inbox: inputs wait in lanes and leave in their order of urgency (DESIGN §3).

Venue reports and the book's own timers never wait behind signals, and only signals are refused when
the lane is full; exits leave before them. Knows nothing of what an input means beyond its lane.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from stretto.core.events import ExitReceived, Input, Intervened, SignalReceived
from stretto.core.limits import INBOX_SIGNALS_MAX


class Inbox:
    """Four lanes: people's requests, what the world reports, exits, and signals that open something
    (bounded).
    """

    __slots__ = ("_exits", "_people", "_reports", "_signals", "signals_max")

    def __init__(self, signals_max: int = INBOX_SIGNALS_MAX) -> None:
        self._people: deque[Input] = deque()
        self._reports: deque[Input] = deque()
        self._exits: deque[Input] = deque()
        self._signals: deque[Input] = deque()
        self.signals_max = signals_max

    def __len__(self) -> int:
        lanes = (self._people, self._reports, self._exits, self._signals)
        return sum(len(lane) for lane in lanes)

    @property
    def reports_waiting(self) -> bool:
        """True where something other than a signal waits."""
        return bool(self._people or self._reports)

    def put(self, item: Input) -> bool:
        """Queue an input; False where it is a signal and the lane is full."""
        if isinstance(item, SignalReceived):
            if len(self._signals) >= self.signals_max:
                return False
            self._signals.append(item)
        elif isinstance(item, ExitReceived):
            self._exits.append(item)
        elif isinstance(item, Intervened):
            self._people.append(item)
        else:
            self._reports.append(item)
        return True

    def take_person(self) -> Input | None:
        """The oldest request of a person, or None: a kill waits behind nothing."""
        return self._people.popleft() if self._people else None

    def take_report(self) -> Input | None:
        """The oldest report, or None."""
        return self._reports.popleft() if self._reports else None

    def reports(self) -> Iterator[Input]:
        """The reports that wait, oldest first; they stay."""
        return iter(self._reports)

    @property
    def exits_waiting(self) -> bool:
        """True where an exit waits."""
        return bool(self._exits)

    def take_exit(self) -> Input | None:
        """The oldest exit, or None."""
        return self._exits.popleft() if self._exits else None

    def take_signal(self) -> Input | None:
        """The oldest signal, or None."""
        return self._signals.popleft() if self._signals else None
