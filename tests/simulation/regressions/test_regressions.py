"""Seeds that once broke an invariant hold, and each is also held by a test of its own."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from stretto.simulation.schedule import faults_named
from stretto.simulation.stage import simulate

ROOT = Path(__file__).resolve().parents[3]
SEEDS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("seeds.toml").read_text(encoding="utf-8")
)["seed"]


@pytest.mark.parametrize("entry", SEEDS, ids=lambda entry: str(entry["seed"]))
def test_a_seed_that_failed_holds(entry: dict[str, Any]) -> None:
    faults = str(entry.get("faults", "all")).split(",")
    outcome = simulate(entry["seed"], entry["hours"], faults_named(faults))
    assert outcome.broken is None


@pytest.mark.parametrize("entry", SEEDS, ids=lambda entry: str(entry["seed"]))
def test_what_a_seed_showed_has_a_test_of_its_own(entry: dict[str, Any]) -> None:
    path, name = entry["test"].split("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
