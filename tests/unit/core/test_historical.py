"""The sieve over historical correlations: it misses nothing, and keeping it changes nothing."""

from __future__ import annotations

import numpy as np

from stretto.core.correlations.factors import History, history
from stretto.core.correlations.historical import UNKNOWN, HistoricalCorrelations
from stretto.core.values import PPM

ACCOUNTS, BARS, BARS_MIN = 70, 60, 20
EVERYBODY = np.arange(ACCOUNTS)


def a_history(seed: int, *, gaps: bool) -> History:
    """Accounts in groups of like returns, some with bars in which they were not active."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 0.01, (7, BARS))
    returns = common[EVERYBODY % 7] + rng.normal(0, 0.006, (ACCOUNTS, BARS))
    if gaps:
        returns[rng.random(returns.shape) < 0.3] = np.nan
        returns[3, 10:] = np.nan  # too few to be judged at all
    return history(returns, rng.normal(0, 0.01, (BARS, 3)))


def test_the_sieve_misses_no_pair() -> None:
    for gaps in (False, True):
        past = HistoricalCorrelations(a_history(1, gaps=gaps), EVERYBODY, BARS_MIN)
        exact = past.correlations(EVERYBODY)
        for least in (0.3, 0.7, 0.95):
            near = past.near(least)
            over = (exact != UNKNOWN) & (np.abs(exact) > least * PPM + 1)
            assert near[over].all()
            assert not (gaps and near[3].any())
            assert over.any()
            assert near.sum() < near.size / 2


def test_what_is_kept_of_some_candidates_serves_others_beside_them() -> None:
    for gaps in (False, True):
        bars = a_history(2, gaps=gaps)
        for least, places in ((0.7, [5]), (0.7, [4, 5, 69]), (0.4, [69, 0]), (0.7, [0, 3, 5])):
            accounts = np.array(places)
            kept = HistoricalCorrelations(bars, accounts, BARS_MIN).near(least)
            fresh = HistoricalCorrelations(a_history(2, gaps=gaps), EVERYBODY, BARS_MIN)
            assert (kept == fresh.near(least)[accounts]).all()
