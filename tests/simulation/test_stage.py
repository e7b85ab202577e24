"""What the stage does to a process: it dies where the schedule says, comes back, is overtaken."""

from __future__ import annotations

from typing import Any

import pytest

from stretto.core.values import NS_PER_S
from stretto.journal.memory import MemoryJournal
from stretto.simulation.drawn import DrawnWorld, draw_world
from stretto.simulation.outcome import Outcome
from stretto.simulation.schedule import (
    Boundary,
    ClockChange,
    Crash,
    DiskFailure,
    Pause,
    Schedule,
    Takeover,
)
from stretto.simulation.stage import perform

SEED, HOURS = 4, 6


@pytest.fixture(scope="module")
def world() -> DrawnWorld:
    return draw_world(SEED, HOURS)


def performed(world: DrawnWorld, **faults: Any) -> Outcome:
    outcome = perform(
        SEED, HOURS, world, Schedule(venue_faults={}, rate_ppm=0, yields=False, **faults)
    )
    assert outcome.broken is None
    return outcome


def busy_at(world: DrawnWorld) -> int:
    return world.arrivals[0][0]


@pytest.mark.parametrize("boundary", list(Boundary))
def test_a_process_that_dies_at_a_boundary_comes_back(
    world: DrawnWorld, boundary: Boundary
) -> None:
    crash = Crash(at=busy_at(world), boundary=boundary, down_ns=NS_PER_S)
    crashes = [crash]
    if boundary is Boundary.CONNECT:  # which only a process that starts passes
        crashes.append(Crash(at=busy_at(world), boundary=Boundary.ENTRY))
    outcome = performed(world, crashes=tuple(crashes))
    assert outcome.faults[f"crash {boundary.value}"] == 1
    assert outcome.lives == 1 + len(crashes)


@pytest.mark.parametrize("boundary", [b for b in Boundary if b.value.startswith("append")])
def test_a_disk_that_is_full_for_a_while_ends_processes_until_there_is_room(
    world: DrawnWorld, boundary: Boundary
) -> None:
    at = busy_at(world)
    failure = DiskFailure(at=at, boundary=boundary, until=at + 20 * NS_PER_S)
    outcome = performed(world, disk=(failure,))
    assert outcome.faults[f"disk {boundary.value}"] == outcome.lives - 1 >= 2


def test_a_writer_that_wakes_after_its_successor_took_over_appends_nothing(
    world: DrawnWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    append = MemoryJournal.append

    def noting(self: MemoryJournal, *arguments: Any) -> None:
        try:
            append(self, *arguments)
        except Exception as error:
            refused.append(str(error))
            raise

    monkeypatch.setattr(MemoryJournal, "append", noting)
    takeover = Takeover(at=busy_at(world), after_ns=NS_PER_S, wakes_ns=NS_PER_S)
    outcome = performed(world, takeovers=(takeover,))
    assert outcome.lives == 2
    assert [text for text in refused if "another writer went on" in text]


def test_a_clock_that_jumps_and_a_process_that_stands_still_change_nothing_for_good(
    world: DrawnWorld,
) -> None:
    at = busy_at(world)
    clock = (
        ClockChange(at=at, offset_ns=90 * NS_PER_S),
        ClockChange(at=at + 60 * NS_PER_S, offset_ns=-3 * NS_PER_S),
        ClockChange(at=at + 300 * NS_PER_S, offset_ns=0),
    )
    outcome = performed(world, clock=clock, pauses=(Pause(at=at, length_ns=7 * NS_PER_S),))
    assert outcome.faults == {"clock": 3, "pause": 1}
    assert outcome.lives == 1
