"""What the process does with memory that was freed."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

PAGES = """
import resource
{first}
import numpy as np
for turn in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    rooms = [np.ones(40_000) for _ in range(12)]
    del rooms
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(first: str) -> int:
    """Page faults of a third round that frees all it takes."""
    command = [sys.executable, "-c", PAGES.format(first=first)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(run.stdout)


def test_what_a_plan_frees_serves_the_next() -> None:
    pages = 12 * 40_000 * 8 // resource.getpagesize()
    if faults("") < pages // 2:
        pytest.skip("this allocator keeps what is freed by itself")
    assert faults("import stretto") < pages // 10
