"""Small quote series for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stretto.market.series import QuoteSeries


def series_of(symbol: str, rows: Sequence[tuple[int, int, int]], digits: int = 5) -> QuoteSeries:
    """A series of (at_ns, bid, ask), prices in 10**-digits."""
    columns = [np.array([row[i] for row in rows], dtype=np.int64) for i in range(3)]
    return QuoteSeries(symbol, columns[0], columns[1], columns[2], digits)
