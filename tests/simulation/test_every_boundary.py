"""The process dies at any boundary of short scenarios, goes on, and ends agreeing with its venues.

Here each third boundary of each scenario, another third for each; all of them, also with longer
absences, on SQLite and twice over, in ``make test-long``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import msgspec
import pytest

from stretto.journal.steps import AppendStep
from stretto.simulation.schedule import Boundary
from tests.builders import S
from tests.simulation.boundaries import (
    SCENARIOS,
    Death,
    deaths_of,
    disk_failures_of,
    passed_by,
    run,
)

EACH = 3
NAMES = sorted(SCENARIOS)


def survives(name: str, *deaths: Death, down_ns: int = S, sqlite: bool = False) -> None:
    """The run ends as the auditor wants it, and each death really happened."""
    outcome = run(name, *deaths, down_ns=down_ns, sqlite=sqlite)
    told = f"{name}, dead at {deaths}, back after {down_ns / S} s"
    assert outcome.broken is None, f"{told}: {outcome.broken}"
    assert outcome.lives == 1 + len(deaths), told


def third(name: str, deaths: Iterable[Death]) -> list[Death]:
    """A third of the deaths, and the first of each kind."""
    offset = NAMES.index(name) % EACH
    return [
        death for place, death in enumerate(deaths) if place % EACH == offset or death.skipped == 0
    ]


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("name", NAMES)
def test_a_process_that_dies_at_a_boundary_loses_and_repeats_nothing(name: str) -> None:
    deaths = third(name, deaths_of(name))
    assert len(deaths) > 15
    for death in deaths:
        survives(name, death)


def test_the_scenarios_pass_every_kind_of_boundary() -> None:
    passed = {boundary for name in NAMES for boundary in passed_by(name).boundaries}
    assert passed == set(Boundary)
    appends = {boundary for boundary in passed if boundary.value.startswith("append")}
    assert len(appends) == len(AppendStep)


@pytest.mark.parametrize("name", ["an order that fills", "a close of what still rests"])
def test_a_disk_that_fails_at_a_step_of_an_append_loses_and_repeats_nothing(name: str) -> None:
    """Once each, and then full for twenty seconds, over several processes that try again."""
    for number, failure in enumerate(disk_failures_of(name)):
        outcome = run(name, disk=(failure,))
        assert outcome.broken is None, f"{name}, {failure}: {outcome.broken}"
        assert outcome.lives == 2
        if number % EACH == 0:
            full = msgspec.structs.replace(failure, until=failure.at + 20 * S)
            outcome = run(name, disk=(full,))
            assert outcome.broken is None, f"{name}, {full}: {outcome.broken}"
            assert outcome.lives > 2


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", NAMES)
def test_a_process_may_die_at_every_boundary_for_long_on_disk_and_again(name: str) -> None:
    deaths = deaths_of(name)
    for place, death in enumerate(deaths):
        for down_s in (1, 8, 45, 600):
            survives(name, death, down_ns=down_s * S)
        # A second death: the one that comes after half of what is left, and soon after the first.
        for other in (deaths[(place + len(deaths) // 2) % len(deaths)], deaths[place - 1]):
            if other.boundary is not death.boundary:
                outcome = run(name, death, other)
                assert outcome.broken is None, f"{name}, dead at {death}, {other}: {outcome.broken}"
    for death in deaths_of(name, sqlite=True):
        survives(name, death, sqlite=True)
    failures = disk_failures_of(name) + disk_failures_of(name, 20 * S)
    for failure in failures:
        outcome = run(name, disk=(failure,))
        assert outcome.broken is None, f"{name}, {failure}: {outcome.broken}"
    sys.stderr.write(f"\n{name}: {len(deaths)} boundaries, {len(failures)} failures of the disk\n")
