"""What stops entries now is shown beside the executions, and what was taken back is not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.cli.app import run_command

Run = Callable[..., Any]
WHO = ("--actor", "ada", "--reason", "news")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command on one demo's database: its JSON object, or its words."""
    db = tmp_path / "b.sqlite"
    assert run_command(["demo", "--accounts", "3", "--signals", "1", "--db", str(db)]) == 0

    def call(*arguments: str, words: bool = False) -> Any:
        capsys.readouterr()
        form = () if words else ("--json",)
        assert run_command([*arguments, "--db", str(db), *form]) == 0
        out = capsys.readouterr().out
        return out if words else json.loads(out)

    return call


@pytest.mark.requirement("P7")
def test_kill_switches_and_halts_in_force_stand_in_the_list_of_executions(run: Run) -> None:
    found = run("status")
    assert (found["kill_switches"], found["accounts_halted"]) == ([], [])
    (account, *_) = [line["account_id"] for line in run("accounts")["accounts"]]
    run("kill", "symbol", "EURUSD", *WHO)
    run("account", "halt", account, *WHO)
    found = run("status")
    ((switch,), (halted,)) = found["kill_switches"], found["accounts_halted"]
    assert (switch["scope"], switch["name"], switch["actor"]) == ("symbol", "EURUSD", "ada")
    assert (halted["account_id"], halted["reason"]) == (account, "ada: news")
    words = run("status", words=True)
    assert "kill switch in force: symbol EURUSD, by ada: news" in words
    assert f"halted: {account}: ada: news" in words
    assert [each["account_id"] for each in run("resume")["accounts_halted"]] == [account]


def test_a_halt_that_a_person_released_is_not_among_those_in_force(run: Run) -> None:
    (account, *_) = [line["account_id"] for line in run("accounts")["accounts"]]
    run("account", "halt", account, *WHO)
    run("account", "release", account, *WHO)
    assert run("status")["accounts_halted"] == []
    summary = run("resume")
    assert summary["accounts_halted"] == []
    assert f"halted: {account}" not in run("resume", words=True)


@pytest.mark.requirement("P2")
def test_the_table_of_accounts_says_when_each_was_last_compared(run: Run, tmp_path: Path) -> None:
    before = _compared(tmp_path)
    assert None not in before
    run("rebuild")
    assert _compared(tmp_path) == before


def _compared(folder: Path) -> list[str | None]:
    """Of each account, by its id."""
    connection = sqlite3.connect(folder / "b.sqlite")
    try:
        found = connection.execute(
            "SELECT compared_at FROM trading_accounts ORDER BY account_id"
        ).fetchall()
    finally:
        connection.close()
    return [row[0] for row in found]
