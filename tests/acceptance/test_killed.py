"""A demo is killed for real and resumed: nothing lost, nothing sent twice, both sides agree."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from stretto.brokers.sim_memory import CommandLog
from stretto.ports import SubmitOrder
from tests.acceptance.cli_runner import STRETTO, stretto

ENTRIES_BEFORE_THE_KILL = (40, 100, 180, 260)


def entries(db: Path) -> int:
    """The journal's last sequence, whoever is writing it."""
    if not db.exists():
        return 0
    try:
        connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return 0
    try:
        (count,) = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM journal_entries"
        ).fetchone()
        return int(count)
    except sqlite3.Error:
        return 0
    finally:
        connection.close()


def _killed_demo(db: Path, least: int) -> None:
    demo = subprocess.Popen(
        [STRETTO, "demo", "--accounts", "8", "--signals", "8", "--db", str(db), "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while entries(db) < least and demo.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    demo.send_signal(signal.SIGKILL)
    demo.wait()


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("least", ENTRIES_BEFORE_THE_KILL)
def test_a_killed_demo_goes_on_where_it_stood(tmp_path: Path, least: int) -> None:
    db = tmp_path / "book.sqlite"
    _killed_demo(db, least)
    before = entries(db)
    assert before >= least
    resumed = stretto("resume", "--db", db, "--json")
    summary = json.loads(resumed.stdout, parse_float=Decimal)
    assert summary["journal_entries"] > before
    assert summary["intended"] == sum(
        summary[part] for part in ("filled", "working", "in_doubt", "pending", "abandoned")
    )
    assert summary["intended"] > 0
    assert summary["in_doubt"] == 0 or summary["interventions"]
    stretto("verify", "--db", db)
    _assert_each_order_was_sent_once(db, summary)


def _assert_each_order_was_sent_once(db: Path, summary: dict[str, object]) -> None:
    sent: Counter[str] = Counter()
    for log in sorted(db.parent.glob("book.sqlite.venue-*.jsonl")):
        for taken in CommandLog(log).read():
            if isinstance(taken.command, SubmitOrder):
                sent[taken.command.client_order_id] += 1
    assert sent
    assert set(sent.values()) == {1}
    intended = _journaled_orders(db)
    assert set(sent) <= intended
    assert len(intended) == summary["orders"]


def _journaled_orders(db: Path) -> set[str]:
    connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    try:
        found = set()
        for (payload,) in connection.execute("SELECT payload FROM journal_entries ORDER BY seq"):
            for event in msgspec.json.decode(payload)["events"]:
                if event["type"] == "order_intended":
                    found.add(event["order"]["client_order_id"])
        return found
    finally:
        connection.close()
