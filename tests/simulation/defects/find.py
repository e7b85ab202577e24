"""Looks for seeds that catch the planted defects: ``python -m tests.simulation.defects.find``.

Prints for each what the first seeds come to; ``known.py`` keeps one for each. Names as arguments
restrict it; ``--from N`` and ``--upto N`` are the first and last seed tried.
"""

from __future__ import annotations

import importlib
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from stretto.simulation.outcome import Broken
from stretto.simulation.schedule import faults_named
from stretto.simulation.stage import simulate
from tests.simulation.defects.planting import DEFECTS, Defect

HOURS = 24
_PARTS = ("orders", "quantities", "gates", "runtime")
_SECONDS = 300


def load() -> dict[str, Defect]:
    """Every planted defect, by name."""
    for part in _PARTS:
        importlib.import_module(f"tests.simulation.defects.{part}")
    return DEFECTS


def caught(planted: Defect, seed: int) -> Broken | None:
    """What a seed finds broken with the defect in place."""
    patch = pytest.MonkeyPatch()
    try:
        planted.plant(patch)
        try:
            return simulate(seed, HOURS, faults_named(["all"])).broken
        except Exception as error:  # the stage raises what no part of Stretto should
            return Broken(invariant=0, text=f"{type(error).__name__}: {error}", seq=0)
    finally:
        patch.undo()


def tried(planted: Defect, seeds: list[int]) -> Iterator[tuple[int, Broken | None, float]]:
    """Each seed with what it found, and the processor time it took."""

    def hung(*_: Any) -> None:
        raise TimeoutError("no end")

    signal.signal(signal.SIGALRM, hung)
    for seed in seeds:
        signal.alarm(_SECONDS)
        began = time.process_time()
        found = caught(planted, seed)
        signal.alarm(0)
        yield seed, found, time.process_time() - began


def write(text: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Search, and print."""
    last = int(arguments[arguments.index("--upto") + 1]) if "--upto" in arguments else 60
    begin = int(arguments[arguments.index("--from") + 1]) if "--from" in arguments else 1
    names = [name for name in arguments if name in load()] or list(load())
    first = [9, 2, 5]
    for name in names:
        try:
            patch = pytest.MonkeyPatch()
            DEFECTS[name].plant(patch)
        except Exception as error:
            write(f"{name}: CANNOT BE PLANTED: {type(error).__name__}: {error}")
            continue
        finally:
            patch.undo()
        seeds = first + [seed for seed in range(begin, last + 1) if seed not in first]
        for seed, found, spent in tried(DEFECTS[name], seeds):
            if found is not None:
                mark = "" if found.invariant in DEFECTS[name].finds else " UNEXPECTED"
                write(f"{name}: {seed}  # {found.invariant}{mark} {spent:.2f}s {found.text[:150]}")
                if not mark and seed not in first:
                    first.append(seed)
                break
        else:
            write(f"{name}: NOT FOUND up to {last}")


if __name__ == "__main__":
    main(sys.argv[1:])
