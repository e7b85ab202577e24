"""What a plan promises can be read off the command line, and off the journal's tables."""

from __future__ import annotations

import json
import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli_runner import SIGNAL, stretto, stretto_json, unused_book


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The dry run of the example signal over the example book."""
    folder = tmp_path_factory.mktemp("plan")
    return stretto_json("plan", SIGNAL, "--config", unused_book(folder))


@pytest.fixture(scope="module")
def journaled(tmp_path_factory: pytest.TempPathFactory) -> list[sqlite3.Row]:
    """The decisions of a demo, as its query table keeps them."""
    db = tmp_path_factory.mktemp("demo") / "demo.sqlite"
    stretto("demo", "--accounts", 12, "--signals", 30, "--seed", 5, "--db", db)
    connection = sqlite3.connect(db)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute("SELECT * FROM execution_decisions").fetchall()
    finally:
        connection.close()


@pytest.mark.requirement("R1.1", "R1.2", "R1.3")
def test_every_candidate_shows_margin_risk_and_health(plan: dict[str, Any]) -> None:
    candidates = plan["account_selection_rationale"]["candidates"]
    assert len(candidates) == 10
    for each in candidates:
        assert each["required_margin"] > 0
        assert each["risk"] > 0
        for name in ("margin_score", "risk_budget_score", "health_score"):
            assert 0 <= each["factors"][name] <= 1
    margins = {each["factors"]["margin_score"] for each in candidates}
    risks = {each["factors"]["risk_budget_score"] for each in candidates}
    assert len(margins) > 1, "accounts of different balance have different room"
    assert len(risks) > 1


@pytest.mark.requirement("R1.4", "R6.1")
def test_accounts_in_trouble_are_left_out_by_name(plan: dict[str, Any]) -> None:
    refusals = {
        each["account_id"]: each for each in plan["account_selection_rationale"]["refusals"]
    }
    assert refusals["northfield-3"]["rule"] == "account_status"
    assert refusals["northfield-3"]["compared"]["status"] == "suspended"
    assert refusals["granite-4"]["compared"]["status"] == "close_only"
    assert refusals["granite-4"]["would_pass"] == "status active"


@pytest.mark.requirement("U4")
def test_the_firms_clause_is_cited_with_what_would_have_passed(plan: dict[str, Any]) -> None:
    copies = [
        each
        for each in plan["account_selection_rationale"]["refusals"]
        if each["rule"] == "copy_policy"
    ]
    assert [each["account_id"] for each in copies] == ["harbour-5"]
    clause = "One trader may not place the same trade in more than one account, here or elsewhere."
    assert copies[0]["clause"] == clause
    assert copies[0]["compared"]["permission"] == "forbidden"
    assert copies[0]["would_pass"] == "without this signal in account granite-1"


@pytest.mark.requirement("R2.1", "R2.2", "U2")
def test_the_chosen_subset_stays_under_the_threshold_and_states_its_bound(
    plan: dict[str, Any],
) -> None:
    analysis = plan["correlation_analysis"]
    assert analysis["analysed"] == len(plan["account_selection_rationale"]["candidates"])
    assert 0 < analysis["expected_correlation"] <= analysis["threshold"] == 0.7
    assert analysis["proven"] is True
    assert analysis["score"] == analysis["bound"]
    chosen = [each["account_id"] for each in plan["selected_accounts"]]
    assert analysis["suggested_accounts"] == chosen


@pytest.mark.requirement("R2.3")
def test_sizes_differ_from_the_base_by_what_is_stated(plan: dict[str, Any]) -> None:
    for share in plan["distribution_plan"]:
        deviation = share["position_size"] / share["base_size"] - 1
        assert deviation == pytest.approx(share["variance_applied"], abs=1e-6)
        assert 0.05 <= abs(share["variance_applied"]) <= 0.15
    assert len({share["variance_applied"] for share in plan["distribution_plan"]}) > 1


@pytest.mark.requirement("R3.1", "R3.2", "R3.3", "R3.6")
def test_delays_are_drawn_from_buckets_adapted_and_spaced(plan: dict[str, Any]) -> None:
    delays = [each["delay_s"] for each in plan["timing_plan"]]
    assert all(1 <= delay < 30 for delay in delays)
    gaps = [later - sooner for sooner, later in pairwise(sorted(delays))]
    assert min(gaps) >= 0.999, "releases of a symbol keep a second between them"
    said = [each["timing_rationale"] for each in plan["timing_plan"]]
    assert all("market urgency" in text and " s in " in text for text in said)
    paces = {text.split("pace ")[1].split(",")[0] for text in said}
    assert len(paces) > 1, "the example's accounts have paces of their own"


@pytest.mark.requirement("R2.4")
def test_profiles_are_stated_and_shape_size_pace_and_aggression(plan: dict[str, Any]) -> None:
    inputs = plan["decision_inputs"]
    base = {each["account_id"]: each["base_size"] for each in plan["distribution_plan"]}
    why = {each["account_id"]: each["timing_rationale"] for each in plan["timing_plan"]}
    assert inputs["size_factor"].keys() == inputs["aggression"].keys() == base.keys()
    for account_id, factor in inputs["size_factor"].items():
        assert base[account_id] == 20_000 * factor
    for account_id, pace in inputs["pace"].items():
        assert f"× pace {pace:g}," in why[account_id]
    assert inputs["aggression"]["granite-3"] == 0.6
    assert inputs["aggression"]["harbour-3"] == 1


@pytest.mark.requirement("R3.4")
def test_an_immediate_signal_goes_at_once_and_says_so(tmp_path: Path) -> None:
    signal = json.loads(SIGNAL.read_text(encoding="utf-8")) | {"urgency": "immediate"}
    changed = tmp_path / "signal.json"
    changed.write_text(json.dumps(signal), encoding="utf-8")
    plan = stretto_json("plan", changed, "--config", unused_book(tmp_path))
    assert plan["execution_strategy"] == "immediate"
    assert {each["delay_s"] for each in plan["timing_plan"]} == {0}


@pytest.mark.requirement("R2.6", "R6.1", "D1")
def test_what_was_decided_is_in_the_table_with_its_reasons(journaled: list[sqlite3.Row]) -> None:
    assert len(journaled) == 30
    rules = set()
    for row in journaled:
        rationale = json.loads(row["account_selection_rationale"])
        rules |= {each["rule"] for each in rationale["refusals"]}
        if row["refused_rule"] is None:
            analysis = json.loads(row["correlation_analysis"])
            assert analysis["expected_correlation"] <= analysis["threshold"]
            assert json.loads(row["selected_accounts"])
            assert json.loads(row["distribution_plan"])
            assert json.loads(row["timing_plan"])
        else:
            rules.add(row["refused_rule"])
    assert rules & {"same_bet", "opposite_bet", "correlation_threshold_exceeded"}
