"""While a book runs, the collector looks rarely; afterwards it is as it was, whatever happened."""

from __future__ import annotations

import gc

import pytest

from stretto.runtime.collector import (
    REST_OBJECTS,
    THRESHOLDS,
    collect_at_rest,
    collecting_rarely,
)


def test_it_looks_rarely_and_not_at_what_was_there() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with collecting_rarely():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > frozen
        with pytest.raises(ZeroDivisionError), collecting_rarely():
            _ = 1 // 0
        assert gc.get_threshold() == THRESHOLDS
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_rest_is_used_once_it_is_worth_it_and_what_is_kept_is_not_looked_at_again() -> None:
    kept: list[list[int]] = []
    collect_at_rest()
    assert gc.get_freeze_count() == 0, "only where the collector looks rarely"
    with collecting_rarely():
        collect_at_rest()
        frozen = gc.get_freeze_count()
        circle: list[object] = []
        circle.append(circle)
        del circle
        collect_at_rest()
        assert gc.get_freeze_count() == frozen, "little was made"
        kept += [[number] for number in range(2 * REST_OBJECTS)]
        collect_at_rest()
        assert gc.get_freeze_count() >= frozen + REST_OBJECTS
        assert gc.get_count()[0] < REST_OBJECTS // 10
    assert gc.get_freeze_count() == 0
