"""How evenly something was shared out: Jain's index, and places in an order (DESIGN §4.3).

Plain integers; all ratios in 1e-6. Must not know accounts, executions or the clock.
"""

from __future__ import annotations

from collections.abc import Sequence

from stretto.core.values import PPM


def jain_index_ppm(values: Sequence[int]) -> int | None:
    """(Σx)² / (n·Σx²), rounded down: 1 where all have the same, 1/n where one has everything. None
    where there is nothing to share out. Negative values have no meaning here.

    Source: Jain, Chiu and Hawe, "A quantitative measure of fairness and discrimination for resource
    allocation in shared computer systems", DEC-TR-301 (1984).
    """
    squares = sum(value * value for value in values)
    if not squares:
        return None
    total = sum(values)
    return total * total * PPM // (len(values) * squares)


def places_ppm(instants: Sequence[int]) -> list[int]:
    """Where each stands in the order of time: 0 is first, 1e6 last, 500,000 alone. Those at one
    instant share the mean of their places.
    """
    last = len(instants) - 1
    if last < 1:
        return [PPM // 2 for _ in instants]
    ordered = sorted(instants)
    first: dict[int, int] = {}
    for place, instant in enumerate(ordered):
        first.setdefault(instant, place)
    final = {instant: place for place, instant in enumerate(ordered)}
    return [(first[each] + final[each]) * PPM // (2 * last) for each in instants]
