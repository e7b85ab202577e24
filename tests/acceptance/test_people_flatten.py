"""A person has a running book flattened from another process, and it says flat when it is."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.cli_runner import SIGNAL, STRETTO, stretto, stretto_json
from tests.acceptance.test_cli_run import paced_book
from tests.acceptance.test_people_reach_a_book import WHO, audit

pytestmark = [pytest.mark.requirement("P7"), pytest.mark.requirement("R5.5")]


def running(folder: Path, db: Path) -> subprocess.Popen[str]:
    """A run at ten times real time, in which an order was filled; it goes on until its standard
    input ends.
    """
    run = subprocess.Popen(
        [STRETTO, "run", paced_book(folder), "--signals", "-", "--db", db, "--speed", "10"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdin is not None
    assert run.stdout is not None
    run.stdin.write(json.dumps(json.loads(SIGNAL.read_text(encoding="utf-8"))) + "\n")
    run.stdin.flush()
    for line in run.stdout:
        if "  fill " in line:
            break
    return run


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_book_is_flat_once_its_venues_have_shown_it(tmp_path: Path, is_killed: bool) -> None:
    db = tmp_path / "book.sqlite"
    run = running(tmp_path, db)
    asked = stretto_json("flatten", "--db", db, *WHO, "--request-id", "f1")
    assert asked["running"] is True
    assert asked["action"] == "flatten"
    (began, *_) = audit(db, "flatten_begun")
    assert began[0] == asked["entry"]
    assert not [s for s, _ in audit(db, "flattened") if s <= asked["entry"]]
    if is_killed:
        run.send_signal(signal.SIGKILL)
    out, err = run.communicate(timeout=120)
    if is_killed:
        stretto("resume", "--db", db)
    else:
        assert run.returncode == 0, out + err
    flat = audit(db, "flattened")
    assert len(flat) == len(audit(db, "flatten_begun"))
    view = stretto_json("accounts", "--db", db)
    assert view["kill_switches"] == []
    for line in view["accounts"]:
        assert (line["flattening"], line["not_flat"], line["positions"]) == ("", "", [])
    (first, *_) = stretto_json("status", "--db", db)["executions"]
    assert first["status"] != "working"
    refused = stretto_json("flatten", "--db", db, *WHO, code=6)
    assert refused["error"]["refused"] == "nothing_to_flatten"
    stretto("verify", "--db", db)


def test_a_kill_switch_in_force_is_shown_until_it_is_released(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    stretto("demo", "--accounts", "3", "--signals", "1", "--db", db)
    stretto("kill", "symbol", "EURUSD", "--db", db, *WHO)
    stretto("kill", "book", "--db", db, *WHO)
    (book, symbol) = stretto_json("accounts", "--db", db)["kill_switches"]
    assert (book["scope"], symbol["name"], symbol["actor"]) == ("book", "EURUSD", "ada")
    said = "kill switch in force: symbol EURUSD, by ada: news"
    assert said in stretto("accounts", "--db", db).stdout
    summary = stretto_json("resume", "--db", db)
    assert [each["scope"] for each in summary["kill_switches"]] == ["symbol", "book"]
    stretto("release", "book", "--db", db, *WHO)
    (left,) = stretto_json("accounts", "--db", db)["kill_switches"]
    assert left["scope"] == "symbol"
    assert said in stretto("resume", "--db", db).stdout


def test_what_is_flattened_while_nobody_runs_the_book_waits_and_is_not_in_doubt(
    tmp_path: Path,
) -> None:
    db = tmp_path / "book.sqlite"
    stretto("demo", "--accounts", "3", "--signals", "1", "--seed", "2", "--db", db)
    asked = stretto_json("flatten", "--db", db, *WHO)
    assert asked["running"] is False
    (first, *_) = stretto_json("status", "--db", db)["executions"]
    assert first["execution_strategy"] == "exit"
    sums = first["quantities"]
    assert sums["in_doubt"] == sums["working"] == 0
    assert sums["pending"] == sums["intended"] > 0
    stretto("verify", "--db", db)
    assert stretto_json("resume", "--db", db)["in_doubt"] == 0
