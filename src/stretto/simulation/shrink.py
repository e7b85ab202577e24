"""Drops what does not matter from a seed that breaks an invariant: faults, signals, requests.

Delta debugging (Zeller and Hildebrandt, 2002): halves of what is left go first, then ever smaller
parts, as long as the same invariant breaks. Knows how to leave things out, not what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from stretto.simulation.drawn import DrawnWorld
from stretto.simulation.outcome import Outcome
from stretto.simulation.schedule import Schedule
from stretto.simulation.stage import perform

RUNS_MAX = 300


class Item(NamedTuple):
    """One thing that can be left out: what it is, and its place among its like."""

    kind: str
    place: int
    venue: str = ""


class Shrunk(NamedTuple):
    """What is left of a world and its schedule, what it comes to, and after how many runs."""

    world: DrawnWorld
    schedule: Schedule
    outcome: Outcome
    runs: int


def shrink(seed: int, hours: int, world: DrawnWorld, schedule: Schedule) -> Shrunk:
    """The world and schedule without what is not needed to break the same invariant."""
    return _Shrinker(seed, hours, world, schedule).shrunk()


class _Shrinker:
    def __init__(self, seed: int, hours: int, world: DrawnWorld, schedule: Schedule) -> None:
        self._seed, self._hours = seed, hours
        self._world, self._schedule = world, schedule
        self._runs = 0

    def shrunk(self) -> Shrunk:
        """Everything, then ever smaller parts of it left out."""
        items = items_of(self._world, self._schedule)
        whole = self._performed(items)
        if whole.broken is None:
            return Shrunk(self._world, self._schedule, whole, self._runs)
        number, outcome = whole.broken.invariant, whole

        def breaks(kept: Sequence[Item]) -> bool:
            nonlocal outcome
            found = self._performed(kept)
            if found.broken is None or found.broken.invariant != number:
                return False
            outcome = found
            return True

        items = minimal(items, breaks, lambda: self._runs < RUNS_MAX)
        world, schedule = with_only(self._world, self._schedule, items)
        return Shrunk(world, schedule, outcome, self._runs)

    def _performed(self, kept: Sequence[Item]) -> Outcome:
        self._runs += 1
        world, schedule = with_only(self._world, self._schedule, kept)
        return perform(self._seed, self._hours, world, schedule)


def minimal(
    items: Sequence[Item],
    breaks: Callable[[Sequence[Item]], bool],
    goes_on: Callable[[], bool] = lambda: True,
) -> list[Item]:
    """As few of the items as ``breaks`` still holds for, as far as leaving out one part after
    another finds; stops where ``goes_on`` says so.
    """
    kept, size = list(items), max(1, len(items) // 2)
    while kept and goes_on():
        place, dropped = 0, False
        while place < len(kept) and goes_on():
            rest = kept[:place] + kept[place + size :]
            if breaks(rest):
                kept, dropped = rest, True
            else:
                place += size
        if size == 1 and not dropped:
            break
        size = max(1, size // 2)
    return kept


def items_of(world: DrawnWorld, schedule: Schedule) -> list[Item]:
    """Everything that can be left out."""
    items = [
        Item("venue", place, venue)
        for venue, kinds in sorted(schedule.venue_faults.items())
        for place in range(len(kinds))
    ]
    for kind in ("crashes", "disk", "clock", "pauses"):
        items += [Item(kind, place) for place in range(len(getattr(schedule, kind)))]
    items += [Item("yields", 0)] if schedule.yields else []
    items += [Item("arrivals", place) for place in range(len(world.arrivals))]
    return items + [Item("requests", place) for place in range(len(world.requests))]


def with_only(
    world: DrawnWorld, schedule: Schedule, kept: Sequence[Item]
) -> tuple[DrawnWorld, Schedule]:
    """World and schedule with nothing but these items."""
    chosen = dict.fromkeys(kept)

    def some(kind: str, every: Sequence[object], venue: str = "") -> tuple[object, ...]:
        return tuple(each for place, each in enumerate(every) if Item(kind, place, venue) in chosen)

    faults = {venue: some("venue", kinds, venue) for venue, kinds in schedule.venue_faults.items()}
    parts = {
        kind: some(kind, getattr(schedule, kind)) for kind in ("crashes", "disk", "clock", "pauses")
    }
    less = replace(
        schedule,
        venue_faults=faults,
        yields=schedule.yields and Item("yields", 0) in chosen,
        **parts,
    )
    fewer = world._replace(
        arrivals=some("arrivals", world.arrivals),  # type: ignore[arg-type]
        requests=some("requests", world.requests),  # type: ignore[arg-type]
    )
    return fewer, less
