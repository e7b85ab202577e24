"""What size would have let the best excluded account in (DESIGN §4.4). Decides nothing."""

from __future__ import annotations

import numpy as np

from stretto.core.correlations.correlation import size_that_would_pass
from stretto.core.plans.allocation import Allocated, Setting
from stretto.core.values import PPM, floor_to_step, plain


def resize_hint(allocated: Allocated, setting: Setting) -> str:
    """A sentence on the best candidate that a correlation excluded; empty where there is none."""
    projection, factors, trade = allocated.projection, allocated.factors, allocated.trade
    if projection is None or factors is None or trade is None:
        return ""
    chosen = frozenset(allocated.chosen)
    mask = sum(1 << place for place in allocated.chosen)
    excluded = (
        place
        for place in allocated.ranked
        if place not in chosen
        and (projection.blocked[place] is not None or projection.conflicts[place] & mask)
        and allocated.candidates[place].placed.sized.size > 0
    )
    best = next(excluded, None)
    if best is None:
        return ""
    scored = allocated.candidates[best]
    takes_it = np.zeros_like(factors.exposed)
    takes_it[trade.accounts[list(allocated.chosen)]] = True
    against = factors.exposed | takes_it
    against[trade.accounts[best]] = False
    others = np.flatnonzero(against)
    share = size_that_would_pass(
        factors,
        trade,
        best,
        others=others,
        trading=takes_it[others],
        threshold=setting.book.configuration.policy.correlation_threshold,
    )
    terms = scored.placed.screened.trade.terms
    if terms is None:
        return ""
    size = floor_to_step(scored.placed.sized.size * share / PPM, terms.step)
    if size < terms.minimum or size <= 0:
        return f"no size of this trade would have let {scored.account_id} in"
    return f"{scored.account_id} would have passed with at most {plain(size)} base units"
