"""The nearest free instant that keeps a gap to everything already placed (DESIGN §4.6).

Plain integers on one axis; must not know accounts, delays' distribution or the clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from stretto.core.errors import check


class Occupied:
    """The instants that would break the gap, as disjoint, non-touching closed runs of integers.

    A placed instant t forbids the 2·gap − 1 integers of [t − gap + 1, t + gap − 1]. Two runs bound
    the window [start, end), so the integers just outside the run that holds a draw are the nearest
    free ones on either side, or outside the window.

    Always solvable: with m dispatches and gap = ⌊window / 2m⌋ ≥ 1, the at most m − 1 others forbid
    at most (m − 1)(2·gap − 1) < 2m·gap ≤ window integers, so one of the window's integers is free,
    wherever the others lie and in whatever order they were placed.
    """

    __slots__ = ("_ends", "_gap", "_starts")

    def __init__(self, starts: list[int], ends: list[int], gap: int) -> None:
        self._starts = starts
        self._ends = ends
        self._gap = gap

    @classmethod
    def of(cls, instants: Iterable[int], gap: int, start: int, end: int) -> Occupied:
        """Runs forbidden by ``instants`` and by the edges of [start, end)."""
        far = 2 * gap  # beyond every run that can reach the window
        starts, ends = [start - far], [start - 1]
        low, high, reach = start - gap, end + gap, gap - 1
        for at in sorted(instants):
            if low < at < high:
                if at - gap <= ends[-1]:
                    ends[-1] = max(ends[-1], at + reach)
                else:
                    starts.append(at - reach)
                    ends.append(at + reach)
        if end <= ends[-1] + 1:
            ends[-1] = end + far
        else:
            starts.append(end)
            ends.append(end + far)
        return cls(starts, ends, gap)

    def copy(self) -> Occupied:
        """An independent copy, for the next attempt."""
        return Occupied(self._starts.copy(), self._ends.copy(), self._gap)

    def take_nearest(self, wanted: int) -> int:
        """Occupy and return the free instant nearest to ``wanted``; the earlier of two."""
        starts, ends = self._starts, self._ends
        at = bisect_right(starts, wanted) - 1
        taken = wanted
        if wanted <= ends[at]:
            earlier, later = starts[at] - 1, ends[at] + 1
            has_earlier, has_later = at > 0, at < len(starts) - 1
            check(has_earlier or has_later, "the delay window holds no free instant")
            is_earlier = has_earlier and (not has_later or wanted - earlier <= later - wanted)
            taken = earlier if is_earlier else later
        self._occupy(taken)
        return taken

    def _occupy(self, taken: int) -> None:
        starts, ends = self._starts, self._ends
        first, last = taken - self._gap + 1, taken + self._gap - 1
        # Runs touching [first, last] are contiguous in the list: replace them by their union.
        low = bisect_right(ends, first - 2)
        high = bisect_right(starts, last + 1)
        if low == high:
            starts.insert(low, first)
            ends.insert(low, last)
            return
        starts[low:high] = [min(first, starts[low])]
        ends[low:high] = [max(last, ends[high - 1])]
