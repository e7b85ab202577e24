"""A failing seed is easy to work on: what it needs is found, and its story is told."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from stretto.cli.app import run_command
from stretto.simulation.schedule import faults_named
from stretto.simulation.shrink import Item, items_of, minimal, shrink, with_only
from stretto.simulation.stage import drawn
from tests.simulation.defects.find import load


def items(count: int) -> list[Item]:
    return [Item("arrivals", place) for place in range(count)]


@pytest.mark.parametrize("needed", [{3}, {0, 99}, {5, 6, 7, 50}, set(range(100)), set()])
def test_exactly_what_is_needed_is_left(needed: set[int]) -> None:
    def breaks(kept: Sequence[Item]) -> bool:
        return needed <= {item.place for item in kept}

    assert {item.place for item in minimal(items(100), breaks)} == needed


def test_a_search_without_end_stops() -> None:
    left = [7]

    def goes_on() -> bool:
        left[0] -= 1
        return left[0] > 0

    assert len(minimal(items(1_000), lambda kept: Item("arrivals", 500) in kept, goes_on)) < 1_000


def test_what_is_kept_is_what_was_drawn() -> None:
    world, schedule = drawn(9, 24, faults_named(["all"]))
    every = items_of(world, schedule)
    assert with_only(world, schedule, every) == (
        world._replace(arrivals=tuple(world.arrivals), requests=tuple(world.requests)),
        schedule,
    )
    fewer, less = with_only(world, schedule, [])
    assert items_of(fewer, less) == []


def test_a_seed_that_breaks_is_shrunk_to_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    load()["keep-a-reservation-on-a-fill"].plant(monkeypatch)
    world, schedule = drawn(9, 2, faults_named(["all"]))
    shrunk = shrink(9, 2, world, schedule)
    assert shrunk.outcome.broken is not None
    assert shrunk.outcome.broken.invariant == 9
    left = items_of(shrunk.world, shrunk.schedule)
    assert [item.kind for item in left] == ["arrivals"], "one signal that fills is enough"


def test_explain_prints_the_timeline_to_the_break(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load()["keep-a-reservation-on-a-fill"].plant(monkeypatch)
    assert run_command(["simulate", "--seed", "9", "--hours", "2", "--explain"]) != 0
    printed = capsys.readouterr().out
    assert "Invariant 9 (margin and risk reserved before send" in printed
    assert "-> SubmitOrder" in printed
    assert "Needed: 1 of " in printed
    assert " books " in printed.partition("Needed")[0]


def test_explain_of_a_seed_that_holds_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["simulate", "--seed", "9", "--hours", "2", "--explain", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["broken"] is None
    assert found["timeline"][0]["text"].startswith("-- a process starts")
    assert run_command(["simulate", "--seeds", "1..2", "--explain"]) != 0
