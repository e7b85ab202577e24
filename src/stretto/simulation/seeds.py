"""Many seeds, in several processes of this machine, their outcomes in order.

Knows how to spread work, nothing of what a seed does.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from multiprocessing import get_context

from stretto.simulation.outcome import Outcome
from stretto.simulation.schedule import Named
from stretto.simulation.stage import simulate

Task = tuple[int, int, Named]


def outcomes(seeds: Sequence[int], hours: int, allowed: Named, jobs: int) -> Iterator[Outcome]:
    """The outcome of every seed, in their order; ``jobs`` at a time."""
    tasks = [(seed, hours, allowed) for seed in seeds]
    if jobs == 1 or len(tasks) < 2:
        yield from map(_one, tasks)
        return
    with get_context("spawn").Pool(min(jobs, len(tasks)), _until_told) as pool:
        yield from pool.imap(_one, tasks)


def _until_told() -> None:
    """An interrupt is for the process that handed out the work; it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _one(task: Task) -> Outcome:
    return simulate(*task)
