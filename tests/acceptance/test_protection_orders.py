"""A session at venues that attach no stops: a stop triggers, and its target is cancelled."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.cli_runner import BOOK, stretto_json

CAPABILITIES = """
[venues.east.capabilities]
attached_stops = false

[venues.west.capabilities]
attached_stops = false
replaces_orders = false

[rulebooks]
"""
SIGNAL = {
    "signal_id": "s1", "strategy_id": "trend", "action": "open", "symbol": "EURUSD", "side": "buy",
    "size": {"mode": "per_account", "quantity": 20000},
    "stop_distance": 0.0003, "take_profit": 1.3855,
    "generated_at": "2014-05-02T09:00:00Z", "valid_until": "2014-05-02T09:15:00Z",
}  # fmt: skip


@pytest.mark.requirement("P5")
@pytest.mark.timeout(300)
def test_stops_that_are_orders_follow_the_position_and_cancel_their_targets(tmp_path: Path) -> None:
    book, signals, db = (tmp_path / name for name in ("book.toml", "signals.jsonl", "b.sqlite"))
    text = BOOK.read_text(encoding="utf-8").replace("[rulebooks]\n", CAPABILITIES, 1)
    book.write_text(text, encoding="utf-8")
    signals.write_text(json.dumps(SIGNAL) + "\n", encoding="utf-8")
    ended = stretto_json(
        "run", book, "--signals", signals, "--db", db,
        "--until", "2014-05-02T09:02:00Z",
    )  # fmt: skip
    assert ended["interventions"] == []
    assert ended["filled"] == ended["intended"] > 0
    found = stretto_json("status", "s1", "--db", db)
    by_role: dict[str, list[dict[str, str]]] = {}
    for order in found["orders"]:
        by_role.setdefault(order["role"], []).append(order)
    stopped = sum(Decimal(str(order.get("cum_qty", 0))) for order in by_role["stop_loss"])
    assert stopped == ended["filled"], "every position ended at its stop"
    assert {order["state"] for order in by_role["take_profit"]} == {"canceled"}
    assert {order["state"] for order in by_role["stop_loss"]} <= {"filled", "canceled"}
    assert all(not order.get("stop_loss") for order in by_role["entry"]), "none was attached"
    confirmed = [e for e in found["timeline"] if e["event_type"] == "stop_checked"]
    assert len(confirmed) == len(found["allocations"])
