"""Paced and virtual time behind one ``Clock`` (see ``ports``).

The virtual event loop runs asyncio code unchanged and jumps to the next timer when nothing is
ready, so that a trading day takes seconds and always the same ones. Knows nothing of the domain.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from stretto.core.errors import InvariantViolated
from stretto.core.values import NS_PER_S


class _Selector(selectors.BaseSelector):
    """Polls real descriptors; how it waits for the next timer is the loop's affair."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.wait: Callable[[float | None], float | None] = lambda timeout: timeout

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return self._real.select(0)
        return self._real.select(self.wait(timeout))

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class SessionLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own, in seconds since ``start_ns`` (ns UTC)."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns
        selector = _Selector()
        super().__init__(selector)
        self._clock_resolution = 1e-9
        selector.wait = self._wait

    def elapsed_ns(self) -> int:
        """Nanoseconds of this loop's time since its start."""
        raise InvariantViolated("a session loop needs a source of time")

    def _wait(self, timeout: float | None) -> float | None:
        return timeout

    def time(self) -> float:
        """Seconds of this loop's time since its start."""
        return self.elapsed_ns() / NS_PER_S

    def now_ns(self) -> int:
        """This loop's time, nanoseconds UTC."""
        return self.start_ns + self.elapsed_ns()


class VirtualTimeLoop(SessionLoop):
    """Time passes only between events: where the loop would sleep, it jumps to the next timer."""

    def __init__(self, start_ns: int) -> None:
        self._elapsed_ns = 0
        super().__init__(start_ns)

    def elapsed_ns(self) -> int:
        """Virtual nanoseconds since the start."""
        return self._elapsed_ns

    def _wait(self, timeout: float | None) -> float | None:
        if timeout is None:
            raise InvariantViolated("virtual time stands still: nothing is scheduled to happen")
        when = self._scheduled[0]._when  # type: ignore[attr-defined]
        self._elapsed_ns = max(self._elapsed_ns, math.ceil(when * NS_PER_S))
        return 0


class PacedLoop(SessionLoop):
    """Time passes ``speed`` times as fast as on the wall, since the machine's monotonic clock
    showed ``began_ns``; by default, since now. Loops of one machine that began together agree.
    """

    def __init__(self, start_ns: int, speed: Decimal, began_ns: int | None = None) -> None:
        self._numerator, self._denominator = speed.as_integer_ratio()
        self.began_ns = time.monotonic_ns() if began_ns is None else began_ns
        super().__init__(start_ns)

    def begin(self) -> None:
        """Let time begin now, whatever passed before; for a loop with nothing scheduled yet."""
        self.began_ns = time.monotonic_ns()

    def elapsed_ns(self) -> int:
        """Nanoseconds since the start, real time times speed."""
        return (time.monotonic_ns() - self.began_ns) * self._numerator // self._denominator

    def _wait(self, timeout: float | None) -> float | None:
        return None if timeout is None else timeout * self._denominator / self._numerator


class LoopClock:
    """The clock of a ``SessionLoop``."""

    def __init__(self, loop: SessionLoop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        """The loop's time, nanoseconds UTC."""
        return self._loop.now_ns()

    async def sleep_until(self, at_ns: int) -> None:
        """Return at or after ``at_ns``."""
        while (left := at_ns - self.now_ns()) > 0:
            await asyncio.sleep(left / NS_PER_S)
