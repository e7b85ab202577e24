"""A person reaches a book: over its socket while another process runs it, or while nobody does."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stretto.runtime.control import PATH_BYTES_MAX, socket_path
from tests.acceptance.cli_runner import SIGNAL, STRETTO, assert_identity, stretto, stretto_json
from tests.acceptance.test_cli_run import paced_book, stopped
from tests.acceptance.test_killed import entries
from tests.venue_process import wait_until

pytestmark = pytest.mark.requirement("R5.5")
WHO = ("--actor", "ada", "--reason", "news")


def audit(db: Path, *kinds: str) -> list[tuple[int, str]]:
    """Entry and kind of the audit log's events, in order; all of them, or those named."""
    connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT seq, event_type FROM execution_audit_log ORDER BY seq, event_index"
        ).fetchall()
    finally:
        connection.close()
    return [(seq, kind) for seq, kind in rows if not kinds or kind in kinds]


def book_of(db: Path) -> str:
    connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    try:
        ((found,),) = connection.execute("SELECT DISTINCT book_id FROM journal_entries").fetchall()
    finally:
        connection.close()
    return str(found)


def running(folder: Path, db: Path) -> subprocess.Popen[str]:
    """A run in real time, in which the first order was filled."""
    run = subprocess.Popen(
        [STRETTO, "run", paced_book(folder), "--signals", SIGNAL, "--db", db, "--speed", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    for line in run.stdout:
        if "  fill " in line:
            break
    return run


def test_a_kill_from_another_process_stops_what_is_still_to_be_sent(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    run = running(tmp_path, db)
    control = socket_path(db, book_of(db))
    assert stat.S_IMODE(control.stat().st_mode) == 0o600
    killed = stretto_json("kill", "book", "--db", db, *WHO, "--request-id", "k1")
    again = stretto_json("kill", "book", "--db", db, *WHO, "--request-id", "k1")
    assert killed["running"] is True
    assert again["repeated"] is True
    assert again["entry"] == killed["entry"]
    assert killed["abandoned"] > 0
    refused = stretto_json("release", "symbol", "EURUSD", "--db", db, *WHO, code=6)
    assert refused["error"]["refused"] == "not_killed"
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, out + err
    assert not control.exists()
    assert "KILLED book, by ada: news" in out
    assert [s for s, _ in audit(db, "order_intended") if s > killed["entry"]] == []
    assert audit(db, "intervention_refused")
    (line,) = stretto_json("status", "--db", db)["executions"]
    one = stretto_json("status", line["execution_id"], "--db", db)
    assert_identity(one)
    reasons = {each["failure_reason"] for each in one["allocations"] if each["abandoned"]}
    assert reasons == {"kill_switch"}
    resumed = stretto_json("resume", "--db", db)
    assert resumed["pending"] == resumed["working"] == 0
    header = _header(db, killed["entry"])
    assert (header["kind"], header["actor"]) == ("intervened", "ada")
    stretto("verify", "--db", db)


def _header(db: Path, seq: int) -> dict[str, Any]:
    connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    try:
        (found,) = connection.execute(
            "SELECT header FROM journal_entries WHERE seq = ?", (seq,)
        ).fetchall()
    finally:
        connection.close()
    header = json.loads(found[0])
    assert isinstance(header, dict)
    return header


def test_a_book_that_does_not_run_takes_a_decision_and_acts_on_it_when_resumed(
    tmp_path: Path,
) -> None:
    db = tmp_path / "book.sqlite"
    stopped(tmp_path, db, signal.SIGKILL)
    (line,) = stretto_json("status", "--db", db)["executions"]
    execution = line["execution_id"]
    socket_path(db, book_of(db)).touch()  # what a killed process leaves
    paused = stretto_json("intervene", execution[:6], "pause", "--db", db, *WHO)
    assert paused["running"] is False
    refused = stretto_json("intervene", execution, "pause", "--db", db, *WHO, code=6)
    assert refused["error"]["refused"] == "already_paused"
    killed = stretto_json("kill", "book", "--db", db, *WHO)
    resumed = stretto_json("resume", "--db", db)
    assert resumed["pending"] == resumed["working"] == resumed["in_doubt"] == 0
    assert [s for s, _ in audit(db, "order_intended") if s > killed["entry"]] == []
    said = stretto("release", "book", "--db", db, *WHO).stdout
    assert "the next `stretto resume`" in said
    stretto("verify", "--db", db)


@pytest.mark.requirement("P9")
def test_a_plan_that_waits_is_listed_and_carried_out_once_approved(tmp_path: Path) -> None:
    db, book = tmp_path / "book.sqlite", paced_book(tmp_path)
    text = book.read_text(encoding="utf-8")
    book.write_text(text.replace("[policy]", "[policy]\napproval_always = true", 1), "utf-8")
    until = ("--until", "2014-05-02T09:01:00Z")
    stretto("run", book, "--signals", SIGNAL, "--db", db, *until)
    (plan,) = stretto_json("approvals", "--db", db)["approvals"]
    assert plan["awaits"] == ["every plan"]
    assert audit(db, "order_intended") == []
    approved = stretto_json("approve", plan["execution_id"], "--db", db, *WHO)
    assert approved["running"] is False
    assert stretto("approvals", "--db", db).stdout == "No plan waits for approval.\n"
    resumed = stretto_json("resume", "--db", db)
    assert_identity(resumed)
    assert resumed["filled"] > 0
    refused = stretto_json("reject", plan["execution_id"], "--db", db, *WHO, code=6)
    assert refused["error"]["refused"] == "execution_over"


def test_a_book_in_virtual_time_says_that_it_cannot_be_reached(tmp_path: Path) -> None:
    db = tmp_path / "book.sqlite"
    with subprocess.Popen(
        [STRETTO, "run", paced_book(tmp_path), "--signals", "-", "--db", db],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as run:
        assert run.stdin is not None
        run.stdin.write(SIGNAL.read_text(encoding="utf-8").replace("\n", " ") + "\n")
        run.stdin.flush()
        assert wait_until(lambda: entries(db), 60)
        error = stretto("kill", "book", "--db", db, *WHO, code=3).stderr
        run.stdin.close()
        run.wait(timeout=60)
    assert "cannot be reached" in error
    assert "--speed" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("intervene", "S", "reroute-to", "--account", "x"), "--to"),
        (("intervene", "S", "pause", "--price", "1"), "--price"),
        (("intervene", "nothing", "pause"), "nothing"),
        (("intervene", "S", "change-price", "--account", "x", "--price", "cheap"), "--price"),
        (("account", "halt", "x", "--until", "2024-01-01T00:00:00Z"), "--until"),
        (("account", "exclude", "x", "--until", "soon"), "--until"),
        (("kill", "continent"), "continent"),
    ],
)
def test_a_malformed_request_says_what_was_expected(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    db = tmp_path / "book.sqlite"
    stretto("demo", "--accounts", "3", "--signals", "1", "--db", db)
    (line,) = stretto_json("status", "--db", db)["executions"]
    named = [line["execution_id"] if each == "S" else each for each in arguments]
    assert said in stretto(*named, "--db", db, *WHO, code=2).stderr


def test_the_sockets_path_is_short_enough_wherever_the_database_lies(tmp_path: Path) -> None:
    near, far = tmp_path / "b.sqlite", tmp_path / ("x" * 120) / "b.sqlite"
    assert socket_path(near, "one") != socket_path(near, "two")
    for db in (near, far):
        assert len(str(socket_path(db, "one")).encode()) <= PATH_BYTES_MAX
