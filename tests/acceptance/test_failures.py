"""``stretto failures`` after a demo whose venues fail: the tables, the journal and it agree."""

from __future__ import annotations

import contextlib
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli_runner import assert_identity, stretto_json

pytestmark = pytest.mark.timeout(300)


@pytest.mark.requirement("R5.6")
def test_a_demo_with_suspensions_and_refusals_reroutes_excludes_and_counts(tmp_path: Path) -> None:
    db = tmp_path / "demo.sqlite"
    found = stretto_json(
        "demo", "--accounts", 30, "--signals", 20, "--seed", 3, "--db", db,
        "--faults", "suspend,reject,margin,ratelimit,timeout",
    )  # fmt: skip
    assert_identity(found)
    shown = stretto_json("failures", "--db", db)
    with contextlib.closing(sqlite3.connect(db)) as connection:
        _agree(shown, connection)


def _agree(shown: dict[str, Any], connection: sqlite3.Connection) -> None:
    failed = connection.execute(
        "SELECT json_extract(event_data, '$.failure_class'), account_id, COUNT(*) "
        "FROM execution_audit_log WHERE event_type = 'order_failed' GROUP BY 1, 2"
    ).fetchall()
    assert failed, "the faults must bite, or this shows nothing"
    counted = {
        (line["failure_class"], line["name"]): line["last_hour"] + line["day_before"]
        for line in shown["failures"]
        if line["scope"] == "account"
    }
    assert {key: counted[key] for key in counted if key[0] != "unknown_outcome"} == {
        (failure_class, account): count for failure_class, account, count in failed
    }
    excluded = connection.execute(
        "SELECT account_id FROM trading_accounts WHERE excluded_reason IS NOT NULL"
    ).fetchall()
    assert sorted(name for (name,) in excluded) == [
        line["account_id"] for line in shown["exclusions"]
    ]
    moved = connection.execute(
        "SELECT decision_id, account_id, json_extract(event_data, '$.quantity'), "
        "json_extract(event_data, '$.share.account_id') FROM execution_audit_log "
        "JOIN execution_results USING (book_id, account_id) "
        "WHERE event_type = 'remainder_rerouted' AND decision_id = execution_id"
    ).fetchall()
    for decision, account, quantity, to in moved:
        assert Decimal(quantity) > 0
        assert account != to
        (planned,) = connection.execute(
            "SELECT planned_quantity FROM execution_results "
            "WHERE decision_id = ? AND account_id = ?",
            (decision, to),
        ).fetchone()
        assert Decimal(planned) == 0
    assert moved, "something must have gone to another account"
