"""``stretto venue`` in a process of its own, for tests that kill, stop or starve the book's."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.command_line import run_here_json

COMMAND = (sys.executable, "-m", "stretto")
READY_S_MAX = 60.0


@dataclass(frozen=True)
class VenueProcess:
    """A serving process, the book it serves, and every command that it was sent."""

    config: Path
    commands: Path
    process: subprocess.Popen[str]

    def dump(self) -> dict[str, Any]:
        """The venues' own books, asked for over the socket."""
        return run_here_json("venue-dump", self.config)

    def taken(self) -> list[dict[str, Any]]:
        """What arrived, in order: ``at`` and ``command``."""
        if not self.commands.exists():
            return []
        return [json.loads(line) for line in self.commands.read_text("utf-8").splitlines()]


@contextlib.contextmanager
def serving(config: Path, speed: str) -> Iterator[VenueProcess]:
    """Serve ``config`` until the block ends; it has to end in good order."""
    commands = config.with_name("commands.jsonl")
    process = subprocess.Popen(
        [*COMMAND, "venue", str(config), "--speed", speed, "--commands", str(commands)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert line.startswith("stretto: serving "), line + process.stderr.read()
        yield VenueProcess(config, commands, process)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=READY_S_MAX)
    assert (process.returncode, said) == (0, "")


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A directory whose path is short enough for a socket in it, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="stretto-") as folder:
        yield Path(folder)


def wait_until(is_so: Any, seconds: float) -> bool:
    """Poll until ``is_so()``; False where that took longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.002)
    return True
