"""What size would have let the best excluded account in (DESIGN §4.4). Decides nothing."""

from __future__ import annotations

import numpy as np

from stretto.core.allocation import Allocated, Setting
from stretto.core.correlation import Trade, size_that_would_pass
from stretto.core.exposures import returns_of
from stretto.core.placing import trade_delta
from stretto.core.values import PPM, floor_to_step, plain


def resize_hint(allocated: Allocated, setting: Setting) -> str:
    """A sentence on the best candidate that a correlation excluded; empty where there is none."""
    projection, factors = allocated.projection, allocated.factors
    if projection is None or factors is None:
        return ""
    chosen = frozenset(allocated.chosen)
    mask = sum(1 << place for place in allocated.chosen)
    excluded = [
        place
        for place, each in enumerate(allocated.candidates)
        if place not in chosen
        and (projection.blocked[place] is not None or projection.conflicts[place] & mask)
        and each.placed.sized.size > 0
    ]
    if not excluded:
        return ""
    best = min(excluded, key=lambda place: allocated.candidates[place].order)
    scored = allocated.candidates[best]
    accounts = projection.accounts
    returns = returns_of(setting.book)
    trading = accounts[sorted(chosen)]
    others = np.union1d(trading, np.flatnonzero(factors.exposed))
    others = others[others != accounts[best]]
    share = size_that_would_pass(
        factors,
        Trade(
            symbol=returns.symbol_names.index(setting.signal.symbol),
            accounts=accounts,
            delta=np.array([trade_delta(c.placed, setting.context) for c in allocated.candidates]),
        ),
        best,
        others=others,
        trading=np.isin(others, trading),
        threshold=setting.book.configuration.policy.correlation_threshold,
    )
    terms = scored.placed.screened.trade.terms
    if terms is None:
        return ""
    size = floor_to_step(scored.placed.sized.size * share / PPM, terms.step)
    if size < terms.minimum or size <= 0:
        return f"no size of this trade would have let {scored.account_id} in"
    return f"{scored.account_id} would have passed with at most {plain(size)} base units"
