"""Wall and virtual time behind one ``Clock`` (see ``ports``).

The virtual event loop runs asyncio code unchanged and jumps to the next timer when nothing is
ready, so that a trading day takes seconds and always the same ones. Knows nothing of the domain.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Mapping
from typing import Any

from stretto.core.errors import InvariantViolated
from stretto.core.values import NS_PER_S


class WallClock:
    """The machine's UTC clock."""

    def now_ns(self) -> int:
        """Nanoseconds UTC."""
        return time.time_ns()

    async def sleep_until(self, at_ns: int) -> None:
        """Return at or after ``at_ns``."""
        while (left := at_ns - self.now_ns()) > 0:
            await asyncio.sleep(left / NS_PER_S)


class _JumpingSelector(selectors.BaseSelector):
    """Polls real descriptors; where the loop would sleep, it moves virtual time instead."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.loop: VirtualTimeLoop | None = None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        ready = self._real.select(0)
        if ready or self.loop is None:
            return ready
        if timeout is None:
            raise InvariantViolated("virtual time stands still: nothing is scheduled to happen")
        self.loop.jump()
        return []

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time starts at ``start_ns`` (ns UTC) and passes only between events."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns
        self._elapsed_ns = 0
        selector = _JumpingSelector()
        super().__init__(selector)
        self._clock_resolution = 1e-9
        selector.loop = self

    def time(self) -> float:
        """Virtual seconds since the loop's start."""
        return self._elapsed_ns / NS_PER_S

    def now_ns(self) -> int:
        """Virtual nanoseconds UTC."""
        return self.start_ns + self._elapsed_ns

    def jump(self) -> None:
        """Move to the earliest scheduled call."""
        when = self._scheduled[0]._when  # type: ignore[attr-defined]
        self._elapsed_ns = max(self._elapsed_ns, math.ceil(when * NS_PER_S))


class VirtualClock:
    """The clock of a ``VirtualTimeLoop``."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        """Virtual nanoseconds UTC."""
        return self._loop.now_ns()

    async def sleep_until(self, at_ns: int) -> None:
        """Return at or after ``at_ns``."""
        while (left := at_ns - self.now_ns()) > 0:
            await asyncio.sleep(left / NS_PER_S)
