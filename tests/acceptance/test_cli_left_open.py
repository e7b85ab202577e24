"""What is cut off, left open or put in the wrong database is said, with the way on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stretto.cli import render_status
from tests.acceptance.cli_runner import BOOK, SIGNAL, SIGNALS, stretto, stretto_json
from tests.acceptance.test_people_reach_a_book import audit


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("ended") / "book.sqlite"
    stretto("run", BOOK, "--signals", SIGNALS, "--db", db)
    return db


def damaged(ended: Path, tmp_path: Path, *statements: str) -> Path:
    db = tmp_path / "book.sqlite"
    for path in ended.parent.iterdir():
        shutil.copy(path, tmp_path / path.name)
    with closing(sqlite3.connect(db)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return db


@pytest.mark.parametrize("after", [0, 60])
def test_entries_missing_at_the_end_are_damage(ended: Path, tmp_path: Path, after: int) -> None:
    db = damaged(ended, tmp_path, f"DELETE FROM journal_entries WHERE seq > {after}")
    verified = stretto("verify", "--db", db, code=1)
    assert f"the journal ends at entry {after}" in verified.stderr
    for command in ("accounts", "resume", "rebuild"):
        refused = stretto(command, "--db", db, code=3)
        assert f"the journal ends at entry {after}" in refused.stderr
    assert "abandoned" in stretto("status", "--db", db).stdout, "the tables are still there"
    stretto("rebuild", "--db", db, "--accept-missing-end")
    assert "completed" not in stretto("status", "--db", db, code=0 if after else 2).stdout


def test_an_entry_damaged_before_the_snapshot_is_found_where_asked(
    ended: Path, tmp_path: Path
) -> None:
    db = damaged(ended, tmp_path, "UPDATE journal_entries SET payload = x'00' WHERE seq = 30")
    assert "entry 30" in stretto("resume", "--db", db, code=3).stderr
    more = ("resume", "--signals", "-", "--db", db)
    stretto(*more, standard_input="")
    assert "entry 30" in stretto(*more, "--verify", standard_input="", code=3).stderr


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE execution_results SET filled_quantity = 'many'",
        "UPDATE execution_decisions SET account_selection_rationale = '{'",
        "DROP TABLE execution_results",
    ],
)
def test_damaged_tables_name_the_command_that_mends_them(
    ended: Path, tmp_path: Path, damage: str
) -> None:
    db = damaged(ended, tmp_path, damage)
    assert f"stretto rebuild --db {db}" in stretto("status", "s1", "--db", db, code=3).stderr
    stretto("rebuild", "--db", db)
    stretto("status", "s1", "--db", db)


def test_a_book_of_another_name_is_not_added_unasked(ended: Path, tmp_path: Path) -> None:
    db = damaged(ended, tmp_path)
    typo = tmp_path / "typo.toml"
    text = BOOK.read_text(encoding="utf-8")
    typo.write_text(text.replace('id = "three-firms"', 'id = "three-frims"'), encoding="utf-8")
    run = ("run", typo, "--signals", SIGNALS, "--db", db)
    refused = stretto(*run, code=2).stderr
    assert "'three-frims'" in refused
    assert "'three-firms'" in refused
    assert "--new-book" in refused
    stretto(*run, "--new-book")
    stretto("verify", "--db", db, "--book", "three-frims")


def test_until_names_what_it_leaves_and_resume_goes_on(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    stopped = stretto(
        "run", BOOK, "--signals", SIGNALS, "--db", db, "--until", "2014-05-02T09:00:12Z", "--json"
    )
    fields = json.loads(stopped.stdout)
    assert fields["pending"] > 0
    assert fields["continue_with"] == f"stretto resume --db {db} --book three-firms"
    assert "pending" in stopped.stderr
    assert fields["continue_with"] in stopped.stderr
    went_on = stretto_json("resume", "--db", db)
    assert went_on["signals"] == went_on["executions"] == 3
    assert went_on["pending"] == 0
    assert "continue_with" not in went_on
    assert went_on["signals_turned_away"] == 0


def test_what_a_person_asks_about_a_resting_order_goes_out_at_the_next_resume(
    tmp_path: Path,
) -> None:
    db, signals = tmp_path / "book.sqlite", tmp_path / "signals.jsonl"
    resting = json.loads(SIGNAL.read_text(encoding="utf-8"))
    del resting["stop_distance"], resting["max_slippage"]
    resting |= {"order_type": "limit", "limit_price": 1.30, "stop_loss": 1.29}
    signals.write_text(json.dumps(resting), encoding="utf-8")
    ended = stretto("run", BOOK, "--signals", signals, "--db", db, "--json")
    fields = json.loads(ended.stdout)
    assert fields["working"] > 0
    assert f"working {fields['working']:,}" in ended.stderr
    assert fields["continue_with"] in ended.stderr
    asked = stretto_json("kill", "book", "--db", db, "--actor", "Ann", "--reason", "test")
    assert asked["cancels"] > 0
    went_on = stretto_json("resume", "--db", db)
    assert went_on["working"] == went_on["pending"] == went_on["in_doubt"] == 0
    assert went_on["abandoned"] == went_on["intended"]
    assert "continue_with" not in went_on


def test_a_flatten_after_the_end_of_a_session_goes_out_at_the_next_resume(
    ended: Path, tmp_path: Path
) -> None:
    db = damaged(ended, tmp_path)
    assert "nothing to resume" in stretto("resume", "--db", db).stdout
    stretto("flatten", "--db", db, "--actor", "Ann", "--reason", "test", "--request-id", "r1")
    went_on = stretto_json("resume", "--db", db)
    assert went_on["working"] == went_on["pending"] == went_on["in_doubt"] == 0
    assert audit(db, "flattened")
    assert len(audit(db, "flattened")) == len(audit(db, "flatten_begun"))
    assert "nothing to resume" in stretto("resume", "--db", db).stdout


def test_a_long_timeline_keeps_its_newest_events(
    ended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline = stretto_json("status", "s1", "--db", ended)["timeline"]
    monkeypatch.setattr(render_status, "TIMELINE_SHOWN_MAX", 3)
    shown = stretto("status", "s1", "--db", ended).stdout.partition("Timeline")[2]
    assert f"the newest; {len(timeline) - 3} before them: --json has all" in shown
    assert timeline[-1]["event_type"] in shown
    assert timeline[0]["event_type"] not in shown
