"""The command in this process says what one of its own says, and cannot hide how it ended."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stretto.cli import app
from tests.acceptance.cli_runner import STRETTO
from tests.command_line import run_here

ENVIRONMENT = {"NO_COLOR": "1", "COLUMNS": "70"}


@pytest.mark.parametrize(
    ("command", "arguments", "code"),
    [
        ((str(STRETTO),), ("--help",), 0),
        ((str(STRETTO),), ("verify", "--db", "none.sqlite", "--json"), 3),
        ((sys.executable, "-m", "stretto"), ("status", "--nonsense"), 2),
    ],
)
def test_a_process_of_its_own_says_the_same(
    command: tuple[str, ...], arguments: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    own = subprocess.run(
        [*command, *arguments],
        env={**os.environ, **ENVIRONMENT},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    here = run_here(*arguments, environment=ENVIRONMENT, directory=tmp_path)
    assert (here.stdout, here.stderr) == (own.stdout, own.stderr)
    assert here.returncode == own.returncode == code
    assert here.stdout + here.stderr
    assert Path.cwd() != tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts something else in the place of every command."""

    def put(what: Any) -> None:
        monkeypatch.setattr(app, "run_command", what)

    return put


def test_what_nobody_catches_shows_its_traceback(command: Any) -> None:
    def breaks(_: list[str]) -> int:
        raise RuntimeError("planted")

    command(breaks)
    ended = run_here("status")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback")
    assert ended.stderr.endswith("RuntimeError: planted\n")


def test_what_is_logged_and_written_past_python_is_seen(command: Any) -> None:
    def writes(arguments: list[str]) -> int:
        os.write(2, b"one\n")
        logging.getLogger("asyncio").error("two")
        os.write(1, sys.stdin.read().encode() + os.environ["SAID"].encode())
        return len(arguments)

    command(writes)
    ended = run_here("a", "b", standard_input="three ", environment={"SAID": "four"})
    assert (ended.returncode, ended.stdout) == (2, "three four")
    assert ended.stderr == "one\ntwo\n"
    assert "SAID" not in os.environ


def test_what_is_left_open_fails(command: Any, tmp_path: Path) -> None:
    left = []

    def opens(_: list[str]) -> int:
        left.append((tmp_path / "left").open("w"))
        return 0

    command(opens)
    with pytest.raises(AssertionError, match="leaves open"):
        run_here("status")
    left[0].close()


@pytest.mark.parametrize("code", [130, 143])
def test_whoever_interrupts_the_tests_is_heard(command: Any, code: int) -> None:
    command(lambda _: code)
    with pytest.raises(KeyboardInterrupt):
        run_here("status")
