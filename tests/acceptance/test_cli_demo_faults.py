"""``stretto demo --faults``: it ends in good order, and the venues' own books are sound."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stretto.brokers.sim_faults import GROUPS
from stretto.cli import app
from tests.acceptance.cli_runner import assert_identity, stretto_json

pytestmark = pytest.mark.timeout(300)


def _demo(folder: Path, *more: object) -> dict[str, Any]:
    folder.mkdir()
    found = stretto_json(
        "demo", "--accounts", 12, "--signals", 8, "--seed", 7, "--db", folder / "demo.sqlite",
        "--venue-dump", folder / "venues.json", *more,
    )  # fmt: skip
    found["dump"] = (folder / "venues.json").read_text(encoding="utf-8")
    return found


@pytest.mark.requirement("P10")
def test_with_every_fault_the_demo_ends_and_every_unit_is_accounted_for(tmp_path: Path) -> None:
    found = _demo(tmp_path / "one", "--faults", "all")
    assert_identity(found)
    again = _demo(tmp_path / "two", "--faults", "all")
    assert again["chain_head"] == found["chain_head"]
    assert again["dump"] == found["dump"]
    occurred: set[str] = set()
    for venue in json.loads(found["dump"])["venues"].values():
        occurred.update(fault["kind"] for fault in venue["faults"])
        orders = [*venue["orders"].values(), *venue["venue_orders"].values()]
        for name, account in venue["accounts"].items():
            filled = sum(
                Decimal(order["cumulative_quantity"]) * (1 if order["side"] == "buy" else -1)
                for order in orders
                if order["account_id"] == name
            )
            held = sum(Decimal(p["quantity"]) for p in account["positions"].values())
            assert held == filled
            money = Decimal(account["initial_balance"]) + Decimal(account["realized"])
            assert Decimal(account["balance"]) == money - Decimal(account["fees"])
    assert len(occurred) > 8


def test_only_the_faults_named_occur(tmp_path: Path) -> None:
    found = _demo(tmp_path / "one", "--faults", "duplicate, reorder")
    named = {kind.value for group in ("duplicate", "reorder") for kind in GROUPS[group]}
    venues = json.loads(found["dump"])["venues"].values()
    occurred = {fault["kind"] for venue in venues for fault in venue["faults"]}
    assert occurred
    assert occurred <= named


def test_a_fault_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "demo.sqlite"
    assert app.run_command(["demo", "--db", str(db), "--faults", "all,gremlins"]) == 2
    said = capsys.readouterr().err
    assert "--faults: there is no fault 'gremlins'" in said
    assert "ratelimit" in said
    assert not db.exists()
