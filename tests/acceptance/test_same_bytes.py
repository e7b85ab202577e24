"""The demo's journal is the same, byte for byte, whatever the process and the processor.

Runs the installed command as a user does; the chain head covers every stored byte before it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.cli_runner import STRETTO
from tests.command_line import run_here_json

# OpenBLAS chooses its kernels by these names; their sums differ where rounding is not kept exact.
ENVIRONMENTS = [
    {"PYTHONHASHSEED": "0", "OPENBLAS_CORETYPE": "Prescott"},
    {"PYTHONHASHSEED": "1", "OPENBLAS_CORETYPE": "Haswell"},
    {"PYTHONHASHSEED": "4711", "OPENBLAS_CORETYPE": "SkylakeX"},
]


DEMO = ("demo", "--accounts", "12", "--signals", "20")


def run_demo(database: Path, environment: dict[str, str]) -> dict[str, object]:
    """The JSON object that ``stretto demo`` prints."""
    result = subprocess.run(
        [STRETTO, *DEMO, "--json", "--seed", "7", "--db", database],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    summary = json.loads(result.stdout)
    assert isinstance(summary, dict)
    return summary


@pytest.mark.timeout(300)
def test_the_chain_head_does_not_depend_on_the_machine(tmp_path: Path) -> None:
    summaries = [
        run_demo(tmp_path / f"{number}.sqlite", environment)
        for number, environment in enumerate(ENVIRONMENTS)
    ]
    for summary in summaries:
        del summary["db"]
    assert summaries[0] == summaries[1] == summaries[2]
    # Not the same because nothing happened.
    assert summaries[0]["fills"] > 0  # type: ignore[operator]  # an int, or the line fails
    other = run_here_json(*DEMO, "--seed", "8", "--db", tmp_path / "other.sqlite")
    assert other["chain_head"] != summaries[0]["chain_head"]
