"""The simulator as its user meets it: seeds that hold, a seed that does not, the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from stretto.brokers.sim_faults import FaultKind
from stretto.cli.app import run_command
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import InvalidInput
from stretto.simulation import stage
from stretto.simulation.auditor import Auditor, InvariantBroken
from stretto.simulation.outcome import Outcome
from stretto.simulation.schedule import ProcessFault, faults_named
from stretto.simulation.stage import simulate

ROOT = Path(__file__).resolve().parents[2]
HASHES = """
import sys
from stretto.simulation.outcome import Outcome
from stretto.simulation.schedule import faults_named
from stretto.simulation.stage import simulate
for seed in map(int, sys.argv[1:]):
    print(simulate(seed, 2, faults_named(["all"])).journal_hash)
"""


def hashes(seeds: range, hash_seed: str) -> list[str]:
    """The journal hashes of seeds in a process of their own."""
    result = subprocess.run(
        [sys.executable, "-c", HASHES, *map(str, seeds)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return result.stdout.split()


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed() -> None:
    seeds = range(25, 30)  # 25 is on SQLite, the others in memory
    first = hashes(seeds, "1")
    assert len(set(first)) == len(seeds)
    assert first == hashes(seeds, "4711")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = run_command(["simulate", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_seeds_are_run_in_order_and_summed(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = printed(capsys, "--seeds", "3..5", "--hours", "3")
    assert code == 0
    assert [outcome["seed"] for outcome in found["seeds"]] == [3, 4, 5]
    for name in ("entries", "inputs", "lives", "orders", "fills", "simulated_s"):
        assert found["summary"][name] == sum(outcome[name] for outcome in found["seeds"])
    assert found["summary"]["simulated_s"] >= 3 * 3 * 3_600
    assert found["summary"]["seeds"] == 3
    visited = {name for outcome in found["seeds"] for name in outcome["pairs"]}
    assert set(found["summary"]["pairs"]) == visited
    coverage = found["summary"]["coverage"]
    assert coverage["contradicted"] == []
    assert coverage["visited"] + len(coverage["missing"]) == coverage["reachable"]
    assert not visited.intersection(coverage["missing"])


def test_an_interrupted_run_sums_up_what_it_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seeds: Sequence[int], *rest: Any) -> Iterator[Outcome]:
        yield Outcome(
            seed=seeds[0], hours=3, day="day, calm", journal_hash="ab" * 32, entries=7, inputs=9,
            lives=1, simulated_s=10_800, accounts=2, executions=1, orders=1, fills=1,
            faults={"pause": 1}, pairs=("new pause",),
        )  # fmt: skip
        raise KeyboardInterrupt

    monkeypatch.setattr("stretto.cli.simulate.outcomes", interrupted)
    assert run_command(["simulate", "--seeds", "1..1000", "--faults", "pause"]) == 130
    said = capsys.readouterr()
    assert "1 seeds, 0 with a broken invariant; 9 inputs handled" in said.out
    assert "1 of 6 reachable pairs visited" in said.out
    assert "missing: submitting pause, in_doubt pause" in said.out
    assert "interrupted after 1 of 1,000 seeds" in said.err


class Breaking(Auditor):
    """An auditor that finds something wrong with the fiftieth entry."""

    def appended(self, entry: ev.Entry, book: Book) -> None:
        super().appended(entry, book)
        if entry.seq == 50:
            raise InvariantBroken(8, "a position is not the sum of its fills", entry.seq)


def test_a_broken_invariant_ends_with_an_error_that_names_it_and_the_seed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "Auditor", Breaking)
    assert run_command(["simulate", "--seed", "3", "--hours", "3"]) == 1
    said = capsys.readouterr()
    assert "invariant 8 broken" in said.out
    assert "seed 3: invariant 8 broken after entry 50: a position is not the sum" in said.err
    assert "again: stretto simulate --seeds 3 --hours 3" in said.err


def test_an_error_of_the_engine_is_a_broken_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("stretto.runtime.writer.decide", raises)
    found = simulate(3, 3, faults_named([])).broken
    assert found is not None
    assert (found.invariant, found.text) == (0, "KeyError: 'a bug'")


@pytest.mark.parametrize("seeds", ["", "a", "5..3", "1..", "-1"])
def test_a_range_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], seeds: str) -> None:
    assert run_command(["simulate", f"--seeds={seeds}"]) == 2
    assert "--seeds" in capsys.readouterr().err


def test_faults_are_named_by_kind_group_or_process() -> None:
    found = faults_named(["crash", "partition", "stale"])
    assert found.process == (ProcessFault.CRASH,)
    assert FaultKind.PARTITION in found.venue
    assert FaultKind.STALE_VIEW in found.venue
    assert FaultKind.OVERFILL not in found.venue
    with pytest.raises(InvalidInput, match="there is no fault 'nonsense'"):
        faults_named(["nonsense"])


def test_without_faults_one_process_lives_to_the_end() -> None:
    found = simulate(4, 6, faults_named([]))
    assert found.broken is None
    assert found.lives == 1
    assert found.faults == {}
    assert found.orders
    assert found.fills
