"""``stretto demo`` and what reads its database, as an outside check uses them."""

from __future__ import annotations

import csv
import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli_runner import assert_identity, stretto, stretto_json

pytestmark = pytest.mark.timeout(300)
PROMISED = (
    "executions orders fills accounts signals signals_refused intended filled working in_doubt "
    "pending abandoned overfilled journal_entries chain_head db interventions refusals seconds"
).split()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of a demo; its database stays for the tests of this module."""
    folder = tmp_path_factory.mktemp("demo")
    found = stretto_json(
        "demo", "--accounts", 12, "--signals", 10, "--seed", 3,
        "--db", folder / "new" / "demo.sqlite", "--venue-dump", folder / "venues.json",
    )  # fmt: skip
    found["dump"] = json.loads((folder / "venues.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.requirement("U1")
def test_the_object_has_what_is_promised(demo: dict[str, Any]) -> None:
    assert set(PROMISED) <= set(demo)
    assert_identity(demo)
    assert demo["accounts"] == 12
    assert demo["signals"] == demo["executions"] + demo["signals_refused"] == 10
    assert demo["fills"] >= demo["executions"] > 0
    assert len(bytes.fromhex(demo["chain_head"])) == 32
    assert Path(demo["db"]).is_file()
    assert sum(demo["refusals"]["signal"].values()) == demo["signals_refused"]
    assert demo["in_doubt"] == demo["pending"] == 0


@pytest.mark.requirement("P10")
def test_the_paper_venues_filled_what_the_journal_says(demo: dict[str, Any]) -> None:
    venues = demo["dump"]["venues"].values()
    orders = [order for venue in venues for order in venue["orders"].values()]
    assert len(orders) == demo["orders"]
    filled = sum(Decimal(order["cumulative_quantity"]) for order in orders)
    assert filled == Decimal(str(demo["filled"])) + Decimal(str(demo["overfilled"]))


def test_verify_agrees_with_the_demo(demo: dict[str, Any]) -> None:
    found = stretto_json("verify", "--db", demo["db"])
    assert found["intact"] is True
    assert found["head"]["seq"] == found["entries"] == demo["journal_entries"]
    assert found["head"]["hash"] == demo["chain_head"]
    expected = f"{demo['journal_entries']}:{demo['chain_head']}"
    stretto("verify", "--db", demo["db"], "--expect", expected)
    other = f"{demo['journal_entries']}:{'0' * 64}"
    said = stretto("verify", "--db", demo["db"], "--expect", other, code=1)
    assert "not the expected one" in said.stderr


def test_status_lists_in_pages_and_shows_one_by_the_beginning_of_its_id(
    demo: dict[str, Any],
) -> None:
    whole = stretto_json("status", "--db", demo["db"])
    pages = [
        stretto_json("status", "--db", demo["db"], "--limit", 4, "--offset", offset)["executions"]
        for offset in (0, 4, 8, 12)
    ]
    assert [len(page) for page in pages] == [4, 4, 2, 0]
    assert [line for page in pages for line in page] == whole["executions"]
    planned = next(line for line in whole["executions"] if line["refused_rule"] is None)
    one = stretto_json("status", planned["execution_id"][:6].lower(), "--db", demo["db"])
    assert one["execution_id"] == planned["execution_id"]
    assert_identity(one)
    for allocation in one["allocations"]:
        assert_identity(allocation)
    assert len(one["order_times"]) == len(one["allocations"])
    for times in one["order_times"]:
        known = [times[name] for name in ("decided", "sent", "acknowledged", "recorded")]
        assert known == sorted(known), "each step comes after the one before"
    assert {event["event_type"] for event in one["timeline"]} >= {"signal_planned", "fill_booked"}


def test_accounts_show_money_room_and_why_not(demo: dict[str, Any]) -> None:
    found = stretto_json("accounts", "--db", demo["db"])
    assert len(found["accounts"]) == 12
    for account in found["accounts"]:
        assert isinstance(account["equity"], int | float)
        assert (account["status"] == "active") is (account["why"] == "")
    assert any(account["positions"] or account["load"] for account in found["accounts"])
    assert {"close_only", "suspended"} <= {account["mode"] for account in found["accounts"]}


def test_a_rebuild_is_identical_and_mends_what_was_changed(
    demo: dict[str, Any], tmp_path: Path
) -> None:
    first = stretto_json("rebuild", "--db", demo["db"])
    assert first["identical"] is True
    assert first["entries"] == demo["journal_entries"]
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(Path(demo["db"]).read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE execution_results SET filled_quantity = '0'")
    connection.close()
    assert stretto_json("rebuild", "--db", copy)["identical"] is False
    assert stretto_json("rebuild", "--db", copy)["digest_after"] == first["digest_after"]


def test_a_changed_entry_is_named(demo: dict[str, Any], tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(Path(demo["db"]).read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute(
            "UPDATE journal_entries SET payload = CAST(CAST(payload AS TEXT) || ' ' AS BLOB) "
            "WHERE seq = 30"
        )
    connection.close()
    said = stretto("verify", "--db", copy, code=1)
    assert "entry 30" in said.stderr
    assert stretto("verify", "--db", copy, "--json", code=1).stdout.count("\n") == 1
    for command in (["rebuild"], ["export", "--table", "journal", "--format", "csv"]):
        assert "entry 30" in stretto(*command, "--db", copy, code=3).stderr


def test_a_journal_whose_end_is_cut_off_is_found_out(demo: dict[str, Any], tmp_path: Path) -> None:
    copy, last = tmp_path / "copy.sqlite", demo["journal_entries"]
    copy.write_bytes(Path(demo["db"]).read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute("DELETE FROM journal_entries WHERE seq > ?", (last - 5,))
    connection.close()
    said = stretto("verify", "--db", copy, code=1).stderr
    assert "the end of the journal is missing" in said
    assert f"up to entry {last}, the journal ends at entry {last - 5}" in said
    found = json.loads(stretto("verify", "--db", copy, "--json", code=1).stdout)
    assert found["intact"] is False
    assert found["tables_written_until"] == last


def test_export_writes_every_row(demo: dict[str, Any], tmp_path: Path) -> None:
    target = tmp_path / "journal.jsonl"
    said = stretto_json(
        "export", "--db", demo["db"], "--table", "journal", "--format", "jsonl", "--output", target
    )
    lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert said["rows"] == len(lines) == demo["journal_entries"]
    assert lines[-1]["hash"] == demo["chain_head"]
    again = ["export", "--db", demo["db"], "--table", "trading_signals", "--format", "csv"]
    stretto(*again, "--output", target, "--overwrite")
    assert target.read_text(encoding="utf-8").startswith("book_id,")
    rows = stretto("export", "--db", demo["db"], "--table", "trading_accounts", "--format", "csv")
    assert len(list(csv.DictReader(rows.stdout.splitlines()))) == 12


def test_what_a_person_reads(demo: dict[str, Any]) -> None:
    db = demo["db"]
    assert "intended" in stretto("status", "--db", db).stdout
    assert "room" in stretto("accounts", "--db", db).stdout
    assert f"{demo['journal_entries']} entries, intact" in stretto("verify", "--db", db).stdout
    assert "byte for byte" in stretto("rebuild", "--db", db).stdout
    assert "nothing to resume" in stretto("resume", "--db", db).stdout
    assert stretto("--version").stdout.startswith("stretto ")
    assert "demo" in stretto("--help").stdout


def test_an_existing_database_is_kept_unless_forced(demo: dict[str, Any]) -> None:
    before = Path(demo["db"]).read_bytes()
    said = stretto("demo", "--db", demo["db"], code=2)
    assert "--force" in said.stderr
    assert Path(demo["db"]).read_bytes() == before


def test_recorded_quotes_make_the_market(real_data: Path, tmp_path: Path) -> None:
    euro, gold = (real_data / "quotes" / f"{name}-20140502.csv.gz" for name in ("EURUSD", "XAUUSD"))
    demo = stretto_json(
        "demo", "--accounts", 6, "--signals", 6, "--db", tmp_path / "q.sqlite",
        "--quotes", euro, "--quotes", gold,
    )  # fmt: skip
    assert_identity(demo)
    assert demo["fills"] > 0
    said = stretto("status", "--db", tmp_path / "q.sqlite").stdout
    assert "2014-05-02" in said


def test_a_text_in_a_number_is_named_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "EURUSD.csv"
    bad.write_text("time_utc,bid,ask\n2014-05-02T00:00:00Z,1.3,x\n", encoding="utf-8")
    said = stretto("demo", "--db", tmp_path / "d.sqlite", "--quotes", bad, "--json", code=2)
    assert json.loads(said.stdout)["error"]["place"] == f"{bad}:2"
    assert said.stderr.startswith(f"stretto: {bad}:2: ask is 'x'")
    assert not (tmp_path / "d.sqlite").exists()
