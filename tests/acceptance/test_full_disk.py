"""A demo whose files cannot grow stops with one message, and goes on when there is room."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.cli_runner import assert_identity
from tests.acceptance.test_killed import _assert_each_order_was_sent_once
from tests.command_line import run_here_json

DEMO = ("demo", "--accounts", "6", "--signals", "4", "--seed", "3", "--db")


def in_little_room(db: Path, room: int) -> subprocess.CompletedProcess[str]:
    """The demo in a process none of whose files may grow beyond ``room`` bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    return subprocess.run(
        [sys.executable, "-m", "stretto", *DEMO, str(db), "--json"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("room", [700_000, 1_200_000])
def test_a_full_disk_halts_with_one_message_and_resume_goes_on(tmp_path: Path, room: int) -> None:
    db = tmp_path / "book.sqlite"
    ended = in_little_room(db, room)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    (said, *more) = [line for line in ended.stderr.splitlines() if line.startswith("stretto: ")]
    assert not more
    assert "the disk" in said
    assert "Traceback" not in ended.stderr
    assert f"continue with: stretto resume --db {db}" in ended.stderr
    assert json.loads(ended.stdout)["error"]["kind"] == "journal_unavailable"
    before = run_here_json("verify", "--db", db)
    assert before["intact"]
    assert before["entries"] > 20, "it was to stop in the middle"
    summary = run_here_json("resume", "--db", db)
    assert summary["journal_entries"] > before["entries"]
    assert_identity(summary)
    assert summary["intended"] > 0
    assert run_here_json("verify", "--db", db)["intact"]
    assert run_here_json("rebuild", "--db", db)["identical"]
    _assert_each_order_was_sent_once(db, summary)
