"""What the simulated venue has to do later, in order of time, on one timer of the event loop.

Knows nothing of what it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from stretto.core.values import NS_PER_S
from stretto.ports import Clock

# A timer is never asked for less: floating-point seconds could not tell it from now.
_TIMER_NS_MIN = 1_000


class Agenda:
    """Calls due at instants; of equal instants, the first put runs first. Each call is given the
    instant it was due, and runs never before it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[int, int, Callable[[int], None]]] = []
        self._put = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._running = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run what is due from now on, on ``loop``."""
        self._loop = loop
        self._arm()

    def stop(self) -> None:
        """Run nothing until started again; what is on the agenda stays."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def put(self, due_ns: int, call: Callable[[int], None]) -> None:
        """Run ``call`` at ``due_ns``."""
        self._put += 1
        heappush(self._entries, (due_ns, self._put, call))
        if not self._running and (self._timer is None or due_ns < self._timer_at):
            self._arm()

    def advance(self, until_ns: int) -> None:
        """Run everything due up to ``until_ns`` now, whether started or not."""
        self._running = True
        try:
            while self._entries and self._entries[0][0] <= until_ns:
                due, _, call = heappop(self._entries)
                call(due)
        finally:
            self._running = False
            self._arm()

    def _arm(self) -> None:
        if self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._entries:
            self._timer_at = self._entries[0][0]
            left = max(_TIMER_NS_MIN, self._timer_at - self._clock.now_ns())
            self._timer = self._loop.call_later(left / NS_PER_S, self._run)

    def _run(self) -> None:
        self._timer = None
        self._running = True
        now = self._clock.now_ns()
        try:
            while self._loop is not None and self._entries and self._entries[0][0] <= now:
                due, _, call = heappop(self._entries)
                call(due)
        finally:
            self._running = False
            self._arm()
