"""Runs the real ``stretto`` command as a user does; ``STRETTO`` where a process is the point."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.command_line import run_here

STRETTO = Path(sys.executable).with_name("stretto")
ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "examples" / "three-firms.toml"
SIGNAL = ROOT / "examples" / "signals" / "eurusd-buy.json"
SIGNALS = ROOT / "examples" / "signals" / "three-signals.jsonl"
QUANTITIES = ("filled", "working", "in_doubt", "pending", "abandoned")


def stretto(
    *arguments: object, code: int = 0, standard_input: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command that must end with ``code``."""
    result = run_here(*arguments, standard_input=standard_input, environment={"NO_COLOR": "1"})
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result


def stretto_json(*arguments: object, code: int = 0, standard_input: str = "") -> dict[str, Any]:
    """The one JSON object that a command prints, and nothing else."""
    result = stretto(*arguments, "--json", code=code, standard_input=standard_input)
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def assert_identity(values: dict[str, Any]) -> None:
    """intended = filled + working + in_doubt + pending + abandoned, all of them JSON numbers."""
    for name in ("intended", "overfilled", *QUANTITIES):
        assert isinstance(values[name], int | float), f"{name} is no JSON number"
    assert values["intended"] == sum(values[name] for name in QUANTITIES)


def unused_book(folder: Path) -> Path:
    """The example book with a journal in ``folder`` that does not exist."""
    book = folder / "unused.toml"
    text = BOOK.read_text(encoding="utf-8")
    place = f'journal = "{(folder / "none.sqlite").as_posix()}"'
    changed = text.replace('journal = "three-firms.sqlite"', place, 1)
    assert changed != text
    book.write_text(changed, encoding="utf-8")
    return book
