"""The worst pair that one account would make too alike, by the rule of ``correlation``.

For what is judged on the way to the venue: few accounts, no subset. Knows nothing of events.
"""

from __future__ import annotations

import numpy as np

from stretto.core import limits
from stretto.core.correlations.correlation import PairCorrelation, in_ppm, pair_of
from stretto.core.correlations.factors import Floats, History, Indices, factor_rows
from stretto.core.correlations.historical import UNKNOWN, HistoricalCorrelations


def worst_raised(
    bars: History,
    account: int,
    exposure: Floats,
    others: Indices,
    standing: Floats,
    *,
    threshold: int = limits.CORRELATION_THRESHOLD,
    bars_min: int = limits.CORRELATION_BARS_MIN,
) -> PairCorrelation | None:
    """The rule for one candidate and the exposed accounts ``others`` alone: the worst pair whose
    |projected| or |historical| is above the threshold and whose |projected| the trade raises, the
    lowest place of equals. ``exposure`` (2 x S) is the account's without the trade and with it,
    ``standing`` (m x S) that of the others.
    """
    if not others.size:
        return None
    mine = factor_rows(bars, np.array([account, account]), exposure)
    before, projected = in_ppm(mine.T @ factor_rows(bars, others, standing))
    single = np.array([account])
    historical = HistoricalCorrelations(bars, single, bars_min).correlations(others)[0]
    known = np.where(historical == UNKNOWN, 0, np.abs(historical))
    worst = np.maximum(np.abs(projected), known)
    breaches = (worst > threshold) & (np.abs(projected) > np.abs(before))
    if not breaches.any():
        return None
    place = int(np.argmax(np.where(breaches, worst, -1)))
    return pair_of(
        account,
        int(others[place]),
        int(before[place]),
        int(projected[place]),
        int(historical[place]),
    )
