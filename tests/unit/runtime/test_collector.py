"""While a book runs, the collector looks rarely; afterwards it is as it was, whatever happened."""

from __future__ import annotations

import gc

import pytest

from stretto.runtime.collector import THRESHOLDS, collecting_rarely


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
