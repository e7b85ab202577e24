"""What every test shares: the marks, the hypothesis profiles, the way to the real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# `ci` draws the same examples on every run, so that a red build is red again; no deadline, because
# a busy machine is no failure. STRETTO_HYPOTHESIS=thorough looks further, with new examples.
settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("STRETTO_HYPOTHESIS", "ci"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory of real quotes and daily bars; the test is skipped where there is none."""
    root = os.environ.get("STRETTO_DATA")
    if not root:
        pytest.skip("STRETTO_DATA is not set: no real quotes here")
    data = Path(root) / "data"
    if not data.is_dir():
        pytest.skip(f"STRETTO_DATA has no data directory: {data}")
    return data
