"""The book's timers: one due time per key, derived from the state of what the key names.

A heap with lazy deletion beside the dictionary that is the truth. Knows nothing of clocks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator


class Timers:
    """Due times by key, ns UTC. Keys are ``kind:name``; setting a key again moves it."""

    __slots__ = ("_due", "_heap")

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(sorted(self._due.items()))

    def set(self, key: str, due_at: int | None) -> None:
        """Arm ``key`` for ``due_at``, or disarm it with None."""
        if due_at is None:
            self._due.pop(key, None)
            return
        if self._due.get(key) != due_at:
            self._due[key] = due_at
            heapq.heappush(self._heap, (due_at, key))

    def next_at(self) -> int | None:
        """Earliest due time, or None where nothing is armed."""
        while self._heap:
            due_at, key = self._heap[0]
            if self._due.get(key) == due_at:
                return due_at
            heapq.heappop(self._heap)
        return None

    def due(self, at_ns: int, limit: int) -> list[tuple[str, int]]:
        """Up to ``limit`` keys due at or before ``at_ns``, earliest first, then by key. They stay
        armed: only an event disarms them.
        """
        found: list[tuple[int, str]] = []
        while self._heap and len(found) < limit and self._heap[0][0] <= at_ns:
            due_at, key = heapq.heappop(self._heap)
            if self._due.get(key) == due_at and (not found or found[-1] != (due_at, key)):
                found.append((due_at, key))
        for item in found:
            heapq.heappush(self._heap, item)
        return [(key, due_at) for due_at, key in found]
