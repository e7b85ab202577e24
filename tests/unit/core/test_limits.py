"""The numbers of the design, and that a contradiction among them stops the import."""

from __future__ import annotations

from pathlib import Path

import pytest

from stretto.core import limits
from stretto.core.errors import InvariantViolated
from stretto.core.values import NS_PER_S, PPM

SOURCE = Path(limits.__file__).read_text(encoding="utf-8")


def test_score_weights_are_those_of_the_design() -> None:
    weights = (
        limits.WEIGHT_MARGIN,
        limits.WEIGHT_RISK_BUDGET,
        limits.WEIGHT_HEALTH,
        limits.WEIGHT_PERFORMANCE,
        limits.WEIGHT_CORRELATION,
    )
    assert weights == (300_000, 250_000, 200_000, 150_000, 100_000)
    assert sum(weights) == PPM


def test_bounds_are_those_of_the_design() -> None:
    assert limits.CORRELATION_THRESHOLD == 700_000
    assert (limits.CORRELATION_WINDOW_BARS, limits.CORRELATION_HALF_LIFE_BARS) == (60, 20)
    assert (limits.CORRELATED_CANDIDATES_MAX, limits.SUBSET_NODES_MAX) == (200, 12_000)
    assert (limits.DISPERSION_MIN, limits.DISPERSION_MAX) == (50_000, 150_000)
    assert (limits.DELAY_MIN_NS, limits.DELAY_MAX_NS) == (NS_PER_S, 30 * NS_PER_S)
    assert limits.SEND_BEFORE_NS == 2 * NS_PER_S
    assert limits.MARGIN_LEVEL_MIN == 1_200_000


def test_queries_of_an_order_in_doubt_double_up_to_32_seconds() -> None:
    delays = [limits.QUERY_DELAY_FIRST_NS << attempt for attempt in range(limits.QUERIES_MAX)]
    assert delays == [seconds * NS_PER_S for seconds in (2, 4, 8, 16, 32)]


@pytest.mark.parametrize(
    ("line", "planted", "message"),
    [
        ("WEIGHT_MARGIN = 300_000", "WEIGHT_MARGIN = 300_001", "weights must sum to one"),
        ("DISPERSION_MIN = 50_000", "DISPERSION_MIN = 150_000", "dispersion band"),
        ("CORRELATION_BARS_MIN = 20", "CORRELATION_BARS_MIN = 61", "must fit the window"),
        ("SEND_BEFORE_NS = 2 *", "SEND_BEFORE_NS = 5 *", "unsendable before it is in doubt"),
        ("DELAY_MIN_NS = 1 *", "DELAY_MIN_NS = 30 *", "delay window must not be empty"),
        ("GAP_MAX_NS = 1 *", "GAP_MAX_NS = 15 *", "gap must fit"),
        ("HEALTH_LATENCY = 200", "HEALTH_LATENCY = 201", "parts of health must sum to one"),
        ("DRAWDOWN_HIGH = 800_000", "DRAWDOWN_HIGH = 500_000", "drawdown band"),
        ("DRAWDOWN_SCORE_ABOVE = 1", "DRAWDOWN_SCORE_ABOVE = 5", "must not score higher"),
        ("HISTORY_SHARE = 500_000", "HISTORY_SHARE = 1_000_001", "history's share"),
        ("SUBSET_NODES_MAX = 12_000", "SUBSET_NODES_MAX = 560", "leave nodes for the search"),
        ("TOTAL_VISITS_MAX = 10_000", "TOTAL_VISITS_MAX = 6_143", "cover every set"),
        ("COMPRESSED_GAP_NS_MIN = 1 *", "COMPRESSED_GAP_NS_MIN = 0 *", "compressed gap"),
        ("COMPRESSED_GAP_NS_MIN = 1 *", "COMPRESSED_GAP_NS_MIN = 2 *", "all accounts must find"),
        ("CLUSTERING_WINDOW_NS = 7 *", "CLUSTERING_WINDOW_NS = 1 + 7 *", "whole days"),
    ],
)
def test_a_contradiction_stops_the_import(line: str, planted: str, message: str) -> None:
    assert SOURCE.count(f"\n{line}") == 1
    code = compile(SOURCE.replace(f"\n{line}", f"\n{planted}"), "limits.py", "exec")
    with pytest.raises(InvariantViolated, match=message):
        exec(code, {"__name__": "limits_with_a_contradiction"})  # noqa: S102 - the file under test
