"""``stretto plan``, ``run`` and ``resume`` on the example book, stops and bad input included."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.cli_runner import (
    BOOK,
    SIGNAL,
    SIGNALS,
    STRETTO,
    assert_identity,
    stretto,
    stretto_json,
    unused_book,
)
from tests.acceptance.test_killed import entries
from tests.venue_process import wait_until

pytestmark = pytest.mark.timeout(300)
FACTORS = {
    "margin_score",
    "risk_budget_score",
    "health_score",
    "performance_score",
    "correlation_score",
}


@pytest.mark.requirement("P10")
def test_a_plan_explains_everything_and_writes_nothing(tmp_path: Path) -> None:
    db = tmp_path / "none.sqlite"
    book = unused_book(tmp_path)
    missing = stretto("plan", SIGNAL, "--config", book, "--db", db, code=3)
    assert missing.stderr == f"stretto: {db}: there is no such database\n"
    plan = stretto_json("plan", SIGNAL, "--config", book)
    assert not db.exists()
    assert plan["dry_run"] is True
    assert plan["journal_entry"] == 0
    assert plan["intended_quantity"] == sum(
        share["position_size"] for share in plan["distribution_plan"]
    )
    rationale = plan["account_selection_rationale"]
    assert all(set(each["factors"]) == FACTORS for each in rationale["candidates"])
    refused = {refusal["account_id"] for refusal in rationale["refusals"]}
    selected = {each["account_id"] for each in plan["selected_accounts"]}
    assert selected
    assert not selected & refused
    assert len(selected | refused) == 12, "every account is accounted for"
    assert all(refusal["would_pass"] for refusal in rationale["refusals"])
    assert {each["account_id"] for each in plan["timing_plan"]} == selected
    said = stretto("plan", SIGNAL, "--config", book).stdout
    assert "Nothing was written or sent" in said
    assert all(account in said for account in selected | refused)


@pytest.mark.requirement("P10")
def test_a_plan_on_a_journal_leaves_it_as_it_was(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    ran = stretto_json("run", BOOK, "--signals", SIGNALS, "--db", db)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    plan = stretto_json("plan", SIGNAL, "--config", BOOK, "--db", db, code=6)
    assert plan["journal_entry"] == ran["journal_entries"]
    assert plan["refused_rule"] == "expired", "the book's time has gone past it"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_from_a_file_and_from_standard_input_is_the_same(tmp_path: Path) -> None:
    first = stretto_json("run", BOOK, "--signals", SIGNALS, "--db", tmp_path / "a.sqlite")
    text = SIGNALS.read_text(encoding="utf-8")
    second = stretto_json(
        "run", BOOK, "--signals", "-", "--db", tmp_path / "b.sqlite", standard_input=text
    )
    assert_identity(first)
    assert first["executions"] == first["signals"] == 3
    assert second["chain_head"] == first["chain_head"]


@pytest.mark.requirement("P3")
def test_a_signal_that_was_handled_is_not_handled_again(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    first = stretto_json("run", BOOK, "--signals", SIGNALS, "--db", db)
    again = stretto_json("run", BOOK, "--signals", SIGNALS, "--db", db)
    for name in ("executions", "orders", "intended", "filled"):
        assert again[name] == first[name]


def test_malformed_lines_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    text = '{"signal_id": "x"}\n{bad\n' + SIGNALS.read_text(encoding="utf-8")
    said = stretto("run", BOOK, "--signals", "-", "--db", db, code=2, standard_input=text)
    assert "standard input:1: " in said.stderr
    assert "standard input:2: " in said.stderr
    assert len(stretto_json("status", "--db", db)["executions"]) == 3


def test_one_malformed_signal_of_a_file_stops_before_anything_is_written(tmp_path: Path) -> None:
    signals = tmp_path / "s.jsonl"
    signals.write_text(SIGNALS.read_text(encoding="utf-8") + '{"size": 0}\n', encoding="utf-8")
    said = stretto("run", BOOK, "--signals", signals, "--db", tmp_path / "x.sqlite", code=2)
    assert f"{signals}:4" in said.stderr
    assert not (tmp_path / "x.sqlite").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('currency = "USD"', 'currency = "dollar"'), "book.currency"),
        (("day = 2014-05-02", "day = 2014-05-32"), "line"),
        (("[policy]", "[polizy]"), "polizy"),
    ],
)
def test_a_wrong_configuration_names_file_and_key(
    change: tuple[str, str], said: str, tmp_path: Path
) -> None:
    book = tmp_path / "book.toml"
    book.write_text(BOOK.read_text(encoding="utf-8").replace(*change, 1), encoding="utf-8")
    for command in (["plan", SIGNAL, "--config", book], ["run", book, "--signals", SIGNALS]):
        error = stretto(*command, "--db", tmp_path / "x.sqlite", code=2).stderr
        assert str(book) in error
        assert said in error
    assert not (tmp_path / "x.sqlite").exists()


def paced_book(folder: Path) -> Path:
    """The example book, opening five seconds before the signal."""
    book = folder / "book.toml"
    text = BOOK.read_text(encoding="utf-8")
    changed = text.replace("day = 2014-05-02", "day = 2014-05-02\nstart = 2014-05-02T08:59:59Z", 1)
    assert changed != text
    book.write_text(changed, encoding="utf-8")
    return book


def stopped(folder: Path, db: Path, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    """A run that is sent a signal of the system while releases are still to come."""
    run = subprocess.Popen(
        [STRETTO, "run", paced_book(folder), "--signals", SIGNAL, "--db", db, "--speed", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    read = []
    for line in run.stdout:
        read.append(line)
        if "  fill " in line:
            break
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    return subprocess.CompletedProcess([], run.returncode, "".join(read) + out, err)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_saves_says_how_to_go_on_and_goes_on(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    db = tmp_path / "book.sqlite"
    ended = stopped(tmp_path, db, number)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert f"stretto resume --db {db}" in ended.stderr
    (line,) = stretto_json("status", "--db", db)["executions"]
    assert line["status"] == "working"
    assert line["quantities"]["pending"] > 0
    resumed = stretto_json("resume", "--db", db)
    assert_identity(resumed)
    assert resumed["pending"] == resumed["working"] == resumed["in_doubt"] == 0
    assert resumed["intended"] == line["quantities"]["intended"]
    assert resumed["orders"] == 6, "each once"


@pytest.mark.parametrize("delay_ms", [0, 60, 150, 300, 500, 800])
def test_ctrl_c_never_shows_a_traceback(delay_ms: int, tmp_path: Path) -> None:
    """Nor while it is still importing what it is made of."""
    # What a process in the background starts is told to ignore it.
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    started = f"{heeds}; import stretto.cli; print(1, flush=True); stretto.cli.main()"
    command = ["-c", started, "demo", "--signals", "200", "--db", str(tmp_path / "d.sqlite")]
    with subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "1\n"
        time.sleep(0.02 + delay_ms / 1_000)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert "Traceback" not in err


def test_what_is_past_its_window_after_a_downtime_expires(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    stopped(tmp_path, db, signal.SIGKILL)
    (before,) = stretto_json("status", "--db", db)["executions"]
    resumed = stretto_json("resume", "--db", db, "--downtime", "90")
    assert_identity(resumed)
    assert resumed["pending"] == 0
    assert resumed["abandoned"] == before["quantities"]["pending"] > 0
    one = stretto_json("status", before["execution_id"], "--db", db)
    reasons = {each["failure_reason"] for each in one["allocations"] if each["abandoned"]}
    assert reasons == {"window_passed"}


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    first = subprocess.Popen(
        [STRETTO, "run", paced_book(tmp_path), "--signals", "-", "--db", db, "--speed", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert wait_until(lambda: entries(db), 60)
    said = stretto("run", BOOK, "--signals", SIGNALS, "--db", db, code=3)
    assert "another writer" in said.stderr
    assert "a book has one writer" in stretto("rebuild", "--db", db, code=3).stderr
    assert "a book has one writer" in stretto("resume", "--db", db, code=3).stderr
    out, err = first.communicate("", timeout=60)
    assert first.returncode == 0, out + err


def test_a_reader_that_goes_away_leaves_no_complaint(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    stretto("run", BOOK, "--signals", SIGNALS, "--db", db)
    with subprocess.Popen(
        [STRETTO, "export", "--db", db, "--table", "journal", "--format", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as export:
        assert export.stdout is not None
        assert export.stderr is not None
        assert json.dumps("account_id").encode() in export.stdout.read(30)
        export.stdout.close()
        assert export.stderr.read() == b""
        assert export.wait() == 141
