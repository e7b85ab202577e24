"""Virtual time: jumps, never early, and stands still loudly when nothing is scheduled."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest

from stretto.core.errors import InvariantViolated
from stretto.core.values import NS_PER_S
from stretto.runtime.clock import LoopClock, PacedLoop, VirtualTimeLoop

START = 1_398_988_800 * NS_PER_S


def run(loop: VirtualTimeLoop, coroutine: object) -> object:
    try:
        return loop.run_until_complete(coroutine)  # type: ignore[arg-type]
    finally:
        loop.close()


def test_a_day_takes_no_time_and_sleeps_are_never_early() -> None:
    loop = VirtualTimeLoop(START)
    clock = LoopClock(loop)

    async def sleeper() -> list[int]:
        early = []
        for step in range(1, 500):
            due = clock.now_ns() + step * 345_678_901
            await clock.sleep_until(due)
            early.append(clock.now_ns() - due)
        return early

    began = time.monotonic()
    overshoot = run(loop, sleeper())
    assert isinstance(overshoot, list)
    assert min(overshoot) >= 0
    assert max(overshoot) < 1_000
    assert loop.now_ns() - START > 86_400 * NS_PER_S / 4
    assert time.monotonic() - began < 5


def test_tasks_interleave_by_virtual_time() -> None:
    loop = VirtualTimeLoop(START)
    seen: list[str] = []

    async def speaker(name: str, every: float) -> None:
        for _ in range(3):
            await asyncio.sleep(every)
            seen.append(name)

    async def both() -> None:
        await asyncio.gather(speaker("slow", 3.0), speaker("fast", 2.0))

    run(loop, both())
    assert seen[:2] == ["fast", "slow"]
    assert sorted(seen) == ["fast"] * 3 + ["slow"] * 3
    assert seen[-1] == "slow"


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    loop = VirtualTimeLoop(START)

    async def forever() -> None:
        await loop.create_future()

    with pytest.raises(InvariantViolated, match="virtual time stands still"):
        run(loop, forever())


def test_paced_time_passes_at_its_multiple_of_real_time() -> None:
    loop = PacedLoop(START, Decimal(600))
    clock = LoopClock(loop)

    async def minute() -> int:
        due = clock.now_ns() + 60 * NS_PER_S
        await clock.sleep_until(due)
        return clock.now_ns() - due

    began = time.monotonic()
    overshoot = loop.run_until_complete(minute())
    loop.close()
    assert overshoot >= 0
    assert 0.09 < time.monotonic() - began < 5
