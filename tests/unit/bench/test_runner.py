"""The runner of the benchmarks: all of them, those that are named, each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import NAMES, main
from bench.scale import scaled

ROOT = Path(__file__).resolve().parents[3]


def test_no_benchmark_is_left_out() -> None:
    assert {f"bench_{name}" for name in NAMES} == {
        path.stem for path in (ROOT / "bench").glob("bench_*.py")
    }


def test_a_benchmark_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["plan", "nonsense"])
    assert stopped.value.code == 2
    assert "there is no benchmark 'nonsense'" in capsys.readouterr().err


def test_quick_is_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench"])
    assert scaled(100, 3) == 100
    monkeypatch.setattr(sys, "argv", ["bench", "--quick"])
    assert scaled(100, 3) == 3


def test_only_the_named_benchmark_runs_and_prints_its_table() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "timing"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}/src{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("==")] == ["== timing"]
    assert "release times: 1,000 accounts" in done.stdout
