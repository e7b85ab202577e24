"""Signals that nothing is done about: named with their place, and an exit code of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli_runner import BOOK, SIGNAL, SIGNALS, stretto, unused_book

pytestmark = pytest.mark.timeout(300)
SOUND: dict[str, Any] = json.loads(SIGNAL.read_text(encoding="utf-8"))
REFUSED: dict[str, dict[str, Any]] = {
    "expired": {"valid_until": "2014-05-02T08:59:59Z"},
    "unknown_instrument": {"symbol": "XAUUSD"},
    "size_not_positive": {"size": {"mode": "per_account", "quantity": 0}},
    "stop_on_wrong_side": {"stop_loss": 1.9},
    "no_eligible_account": {"size": {"mode": "per_account", "quantity": 7}},
}


def lines(path: Path, *signals: dict[str, Any]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(each) + "\n" for each in signals), encoding="utf-8")
    return path


def different(rule: str) -> dict[str, Any]:
    """A signal that is refused by this rule, and by none before it."""
    changed = {name: value for name, value in SOUND.items() if name != "stop_distance"}
    return {**changed, "signal_id": f"is-{rule}", **REFUSED[rule]}


@pytest.mark.requirement("R1.5")
def test_refused_signals_are_named_with_their_lines_and_the_others_are_handled(
    tmp_path: Path,
) -> None:
    other = {**SOUND, "stop_loss": "1.3"}
    path = lines(tmp_path / "s.jsonl", SOUND, *map(different, REFUSED), other, SOUND)
    run = ("run", BOOK, "--signals", path, "--db", tmp_path / "book.sqlite")
    said = stretto(*run, code=6)
    assert SOUND["signal_id"] in said.stdout
    told = [line for line in said.stderr.splitlines() if line.startswith("stretto:")]
    first = f"the same signal as {path}:1; it changes nothing"
    expected = [(len(REFUSED) + 3, "duplicate_signal: " + first)]
    expected += [(2 + number, rule) for number, rule in enumerate(REFUSED)]
    expected += [(len(REFUSED) + 2, "duplicate_signal: signal_id")]
    assert len(told) == len(expected)
    for number, text in expected:
        of_line = [line for line in told if f"{path}:{number}: signal " in line]
        assert len(of_line) == 1, told
        assert f": refused: {text}" in of_line[0]
    assert "size_not_representable" in next(line for line in told if "no_eligible" in line)
    again = stretto(*run, "--json", code=6)
    assert [each["rule"] for each in json.loads(again.stdout)["signals_refused_now"]] == [
        "duplicate_signal",
        "duplicate_signal",
    ], "of the rest nothing is new: only what stands twice is told again"


def test_from_standard_input_too_and_malformed_lines_come_first(tmp_path: Path) -> None:
    text = json.dumps(SOUND) + "\n" + json.dumps(SOUND) + "\n"
    run = ("run", BOOK, "--signals", "-", "--db", tmp_path / "book.sqlite")
    said = stretto(*run, code=6, standard_input=text).stderr
    assert "stretto: standard input:2: signal " in said
    assert "the same signal as standard input:1; it changes nothing" in said
    said = stretto(*run, code=2, standard_input="{\n" + json.dumps(different("expired"))).stderr
    assert "stretto: standard input:1: is no JSON" in said
    assert "stretto: standard input:2: signal is-expired: refused: expired: now" in said


def test_signals_that_were_all_handled_end_with_nothing_said(tmp_path: Path) -> None:
    said = stretto("run", BOOK, "--signals", SIGNALS, "--db", tmp_path / "book.sqlite")
    assert said.stderr == ""


@pytest.mark.parametrize("rule", REFUSED)
def test_a_plan_that_is_refused_says_so_with_its_exit_code(rule: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(different(rule)), encoding="utf-8")
    book = unused_book(tmp_path)
    said = stretto("plan", path, "--config", book, code=6)
    (line,) = said.stderr.splitlines()
    assert line.startswith(f"stretto: {path}: signal is-{rule}: refused: {rule}: ")
    assert ": : " not in said.stdout + said.stderr
    found = json.loads(stretto("plan", path, "--config", book, "--json", code=6).stdout)
    assert found["is_refused"] is True


def test_a_demo_refuses_as_its_scenario_has_it(tmp_path: Path) -> None:
    db = tmp_path / "demo.sqlite"
    demo = stretto("demo", "--accounts", 12, "--signals", 12, "--seed", 7, "--db", db, "--json")
    assert json.loads(demo.stdout)["signals_refused"] > 0
    stretto("resume", "--db", db)
