"""Time and loops of simulated processes: clocks, a loop that can stand still, and how one ends.

Knows nothing of the domain, and of faults only the clock's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from stretto.core.errors import InvariantViolated
from stretto.core.values import NS_PER_S
from stretto.runtime.clock import VirtualTimeLoop
from stretto.simulation.schedule import Schedule, Struck

Result = TypeVar("Result")


class StageLoop(VirtualTimeLoop):
    """An event loop that can stand still while time passes. No descriptor is ever ready in a
    simulation, so that none is polled.
    """

    def __init__(self, start_ns: int) -> None:
        super().__init__(start_ns)
        selector: Any = self._selector  # type: ignore[attr-defined]
        selector.select = self._selected

    def _selected(self, timeout: float | None = None) -> tuple[()]:
        if timeout is None or timeout > 0:
            self._wait(timeout)
        return ()

    def stall(self, length_ns: int) -> None:
        """Let time pass without running anything that becomes due in it."""
        self._elapsed_ns += length_ns


class TrueClock:
    """The venues' time, over all processes."""

    def __init__(self, at_ns: int) -> None:
        self.loop: StageLoop | None = None
        self._at = at_ns

    def now_ns(self) -> int:
        """Nanoseconds UTC."""
        loop = self.loop
        if loop is not None:
            self._at = max(self._at, loop.start_ns + loop._elapsed_ns)
        return self._at

    async def sleep_until(self, at_ns: int) -> None:
        """Return at or after ``at_ns``."""
        while (left := at_ns - self.now_ns()) > 0:
            await asyncio.sleep(left / NS_PER_S)


class MachineClock:
    """The process's clock, which may be ahead of the venues' or behind."""

    def __init__(self, clock: TrueClock, schedule: Schedule) -> None:
        self.occurred: list[Struck] = []
        self._clock = clock
        self._changes = list(reversed(schedule.clock))
        self._offset_ns = 0

    @property
    def offset_ns(self) -> int:
        """How far it is ahead now."""
        return self._offset_at(self._clock.now_ns())

    def _offset_at(self, now: int) -> int:
        while self._changes and self._changes[-1].at <= now:
            change = self._changes.pop()
            self._offset_ns = change.offset_ns
            self.occurred.append(Struck(change.at, "clock"))
        return self._offset_ns

    def now_ns(self) -> int:
        """Nanoseconds UTC, as the machine has them."""
        now = self._clock.now_ns()
        return now + self._offset_at(now)

    async def sleep_until(self, at_ns: int) -> None:
        """Return at or after ``at_ns`` of this clock."""
        while (left := at_ns - self.now_ns()) > 0:
            await asyncio.sleep(left / NS_PER_S)


def at_once(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: Result = ended.value
        return result
    raise InvariantViolated("a coroutine that must not wait waits")


def error_of(context: dict[str, Any]) -> BaseException:
    """What went wrong in a callback, as the loop's exception handler is told of it."""
    found = context.get("exception")
    return found if isinstance(found, BaseException) else RuntimeError(str(context.get("message")))


def unwind(loop: StageLoop) -> None:
    """Let the tasks of a dead process end; none of them reaches the world any more."""
    while tasks := sorted(asyncio.all_tasks(loop), key=lambda task: int(task.get_name()[5:])):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(_ended(tasks))


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        with contextlib.suppress(BaseException):
            await task
