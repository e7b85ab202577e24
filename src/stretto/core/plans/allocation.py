"""Who takes part and with how much: sizes, pair by pair correlation, copy rules, best subset.

Joins ``placing``, ``correlation`` and ``subset`` (DESIGN §4.4, §4.5). A total is shared out again
until everybody it is shared to may take part. Knows nothing of time of release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

import numpy as np

from stretto.core.book import Book
from stretto.core.correlations.correlation import Projection, Trade, project
from stretto.core.correlations.factors import BookFactors, book_factors
from stretto.core.executions.exposures import exposures_of, history_of, returns_of
from stretto.core.gate.scoring import complete, order_key
from stretto.core.gate.trade import TradeContext
from stretto.core.limits import (
    CORRELATED_CANDIDATES_MAX,
    CORRELATION_BARS_MIN,
    SCORE_BAND,
    TOTAL_ROUNDS_MAX,
)
from stretto.core.plans.exclusions import copy_conflicts, why_blocked, why_not_chosen, without_share
from stretto.core.plans.placing import Placed, place_each, place_total, trade_delta
from stretto.core.plans.screening import Screened, accounts_cap
from stretto.core.subsets.subset import Subset, best_subset
from stretto.core.subsets.subset_problem import bits
from stretto.core.terms.market import Reads
from stretto.core.terms.plan import Beyond, Factors
from stretto.core.terms.policy import Policy
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import Signal, Total
from stretto.core.values import PPM, plain, ppm_to_decimal

# Within a band of the score the earlier in the order is preferred: its place counts, but all places
# together weigh less than one band.
_PLACE = CORRELATED_CANDIDATES_MAX
_BAND = _PLACE * _PLACE + 1


class Scored(NamedTuple):
    """A candidate with its final size and its whole score."""

    placed: Placed
    factors: Factors
    total: int
    confidence: int

    @property
    def account_id(self) -> str:
        """The candidate's account."""
        return self.placed.screened.view.account.account_id

    @property
    def order(self) -> tuple[int, int, str]:
        """Sorts best first: band of the score, rotation, id."""
        return order_key(self.total, self.placed.screened.rotation, self.account_id)


class Allocated(NamedTuple):
    """The outcome. ``ranked``: all places in ``candidates``, best first, ``chosen`` those that take
    part; ``trade``, ``projection`` and ``subset`` of the last round; ``refused`` is set where
    nobody may take part.
    """

    candidates: list[Scored]
    ranked: tuple[int, ...]
    chosen: tuple[int, ...]
    refusals: list[Refusal]
    beyond: Beyond | None
    trade: Trade | None
    projection: Projection | None
    factors: BookFactors | None
    subset: Subset | None
    refused: Refusal | None


class Setting(NamedTuple):
    """What allocation needs beside the candidates."""

    book: Book
    signal: Signal
    context: TradeContext
    reads: Reads
    execution_id: str


def allocate(setting: Setting, screened: list[Screened]) -> Allocated:
    """Sizes, correlation and the best passing subset of everyone who passed the gate."""
    refusals: list[Refusal] = []
    pool, beyond = _best_by_other_factors(screened, setting.context)
    factors, column, refused = factors_for(setting)
    if refused is not None or factors is None:
        return _nothing(refusals, beyond, refused)
    pool = with_known_covariance(setting, factors, pool, refusals)
    rounds = 0
    while True:
        placed, without = _placed(setting, pool)
        if isinstance(placed, Refusal):
            return _nothing(refusals, beyond, placed)
        if not placed:
            return _nothing(refusals + without, beyond, _nobody(len(screened)))
        outcome = _choose(setting, factors, column, placed)
        left = _left(pool, outcome)
        if len(outcome.chosen) == len(placed) or not left or not _is_total(setting):
            told = refusals + without + outcome.refusals
            return outcome._replace(refusals=told, beyond=beyond)
        refusals += outcome.refusals
        rounds += 1
        if rounds >= TOTAL_ROUNDS_MAX and outcome.chosen:
            refusals += without
            left = [outcome.candidates[place].placed.screened for place in outcome.chosen]
        pool = left


def _nothing(refusals: list[Refusal], beyond: Beyond | None, refused: Refusal | None) -> Allocated:
    return Allocated([], (), (), refusals, beyond, None, None, None, None, refused)


def _is_total(setting: Setting) -> bool:
    return isinstance(setting.signal.size, Total)


def _left(pool: list[Screened], outcome: Allocated) -> list[Screened]:
    """Who may still have a share of a total: all but those that were given one and may not take
    part with it. Who had none takes their places.
    """
    chosen = frozenset(outcome.chosen)
    dropped = {each.account_id for at, each in enumerate(outcome.candidates) if at not in chosen}
    return [s for s in pool if s.view.account.account_id not in dropped]


def _best_by_other_factors(
    screened: list[Screened], context: TradeContext
) -> tuple[list[Screened], Beyond | None]:
    """The candidates worth correlating, best first, and those behind them. They come by id."""
    weight_of_all = context.weights[5]
    # As ``order_key`` does, without the correlation that is not known yet; equals stay by id.
    keys = [(-(s.base.weighted // weight_of_all // SCORE_BAND), s.rotation) for s in screened]
    ranked = [screened[place] for place in sorted(range(len(keys)), key=keys.__getitem__)]
    pool, left = ranked[:CORRELATED_CANDIDATES_MAX], ranked[CORRELATED_CANDIDATES_MAX:]
    if not left:
        return pool, None
    margin, budget, health, performance, weighted, _ = zip(*[s.base for s in left], strict=True)
    return pool, Beyond(
        places_max=CORRELATED_CANDIDATES_MAX,
        account_id=tuple([s.view.account.account_id for s in left]),
        score=tuple([each // weight_of_all for each in weighted]),
        margin_score=margin,
        risk_budget_score=budget,
        health_score=health,
        performance_score=performance,
    )


def factors_for(
    setting: Setting, leaving: Mapping[tuple[str, str], Decimal] | None = None
) -> tuple[BookFactors | None, int, Refusal | None]:
    """The book's factor rows as it stands but for what is ``leaving``, the traded symbol's column,
    or covariance_unknown.
    """
    book = setting.book
    returns = returns_of(book)
    column = returns.symbol_names.index(setting.signal.symbol)
    bars = history_of(book, returns)
    if not bars.covariance_known(column):
        return None, column, _unknown(setting.signal.symbol, int(bars.symbol_bars[column]))
    exposures = exposures_of(book, setting.reads, returns, leaving)
    if exposures.unvalued is not None:
        account_id, symbol = exposures.unvalued
        at = returns.symbol_names.index(symbol)
        return None, column, _unknown(symbol, int(bars.symbol_bars[at]), account_id)
    kept = book.cache.get("factors")
    before = kept[1] if kept is not None and isinstance(kept[1], BookFactors) else None
    factors = book_factors(bars, exposures.values, before)
    book.cache["factors"] = (bars, factors)
    return factors, column, None


def _unknown(symbol: str, bars: int, account_id: str = "") -> Refusal:
    return Refusal(
        rule=Rule.COVARIANCE_UNKNOWN,
        account_id=account_id,
        compared={"symbol": symbol, "bars": str(bars), "bars_min": str(CORRELATION_BARS_MIN)},
        would_pass=f"at least {CORRELATION_BARS_MIN} bars and a quote of {symbol}",
    )


def with_known_covariance(
    setting: Setting, factors: BookFactors, pool: list[Screened], refusals: list[Refusal]
) -> list[Screened]:
    """Leave out who holds something that cannot be correlated: unknown means no."""
    returns = returns_of(setting.book)
    column = {name: at for at, name in enumerate(returns.symbol_names)}
    kept = []
    for s in pool:
        blind = sorted(
            p.symbol
            for p in s.view.positions
            if p.symbol not in column
            or p.symbol not in setting.reads.quotes
            or not factors.history.covariance_known(column[p.symbol])
        )
        if blind:
            bars = factors.history.symbol_bars[column[blind[0]]] if blind[0] in column else 0
            refusals.append(_unknown(blind[0], int(bars), s.view.account.account_id))
        else:
            kept.append(s)
    return kept


def _placed(setting: Setting, pool: list[Screened]) -> tuple[list[Placed] | Refusal, list[Refusal]]:
    """The candidates at their sizes, or why a total cannot be shared; and who has no size."""
    size, config = setting.signal.size, setting.book.configuration
    if isinstance(size, Total):
        cap = accounts_cap(setting.signal, config.policy.accounts_max)
        shared = place_total(
            pool, size, cap, setting.context, config.book_key, setting.execution_id
        )
        if isinstance(shared, Refusal):
            return shared, []
        return shared, without_share(pool, shared, size, cap)
    return place_each(pool, setting.context, config.book_key, setting.execution_id)


def _choose(setting: Setting, factors: BookFactors, column: int, placed: list[Placed]) -> Allocated:
    """Correlate the candidates at their sizes and take the best subset that passes."""
    returns = returns_of(setting.book)
    ids = [p.screened.view.account.account_id for p in placed]
    trade = Trade(
        symbol=column,
        accounts=np.array([returns.row_of[name] for name in ids], np.int64),
        delta=np.array([trade_delta(p, setting.context) for p in placed], np.float64),
    )
    policy = setting.book.configuration.policy
    projection = project(factors, trade, threshold=policy.correlation_threshold)
    context = setting.context
    seen = (factors.history.bars[trade.accounts] > 0).tolist()
    scored = []
    for each, largest, observed in zip(placed, projection.largest, seen, strict=True):
        base = each.screened.base
        whole = complete(base, PPM - largest, context, correlation_observed=observed)
        scored.append(Scored(each, *whole))
    keys = [each.order for each in scored]
    order = sorted(range(len(scored)), key=keys.__getitem__)
    free = [place for place in order if projection.blocked[place] is None]
    copies = copy_conflicts([s.placed.screened.view for s in scored])
    subset = _subset(setting, policy, scored, free, projection, copies)
    chosen = [free[at] for at in subset.selected]
    refusals = why_blocked(projection, ids, returns.account_ids, policy.correlation_threshold)
    taken = frozenset(chosen)
    left = [place for place in free if place not in taken]
    refusals += why_not_chosen(
        projection, copies, scored_views(scored), left, chosen, policy, setting.signal
    )
    refused = None if chosen else _nothing_passes(projection, policy.correlation_threshold)
    return Allocated(
        candidates=scored,
        ranked=tuple(order),
        chosen=tuple([place for place in order if place in taken]),
        refusals=refusals,
        beyond=None,
        trade=trade,
        projection=projection,
        factors=factors,
        subset=subset,
        refused=refused,
    )


def scored_views(scored: Sequence[Scored]) -> list[Screened]:
    """What was screened of each candidate, in order."""
    return [each.placed.screened for each in scored]


def _subset(
    setting: Setting,
    policy: Policy,
    scored: list[Scored],
    free: list[int],
    projection: Projection,
    copies: list[int],
) -> Subset:
    owners = {name: at for at, name in enumerate(sorted({_owner(scored[p]) for p in free}))}
    bit_of = {place: 1 << at for at, place in enumerate(free)}
    conflicts = []
    for place in free:
        excluded = bits(projection.conflicts[place] | copies[place])
        conflicts.append(sum(bit_of.get(other, 0) for other in excluded))
    weights = [
        scored[place].total // SCORE_BAND * _BAND + (_PLACE - at) for at, place in enumerate(free)
    ]
    notional = setting.context.notional_book
    remaining = setting.context.exposure_remaining
    capped = remaining is not None and notional is not None
    return best_subset(
        weights,
        conflicts,
        accounts_max=accounts_cap(setting.signal, policy.accounts_max),
        owner=[owners[_owner(scored[place])] for place in free],
        owner_max=policy.owner_accounts_max,
        quantity=[_ceil(scored[place].placed.sized.size * notional * PPM) for place in free]
        if capped and notional is not None
        else None,
        quantity_max=int(remaining * PPM) if capped and remaining is not None else None,
        nodes_max=policy.subset_nodes_max,
    )


def score_and_bound(subset: Subset) -> tuple[int, int]:
    """The subset's total score and its bound, both in whole bands of 0.02, 1e-6."""
    return subset.score // _BAND * SCORE_BAND, subset.bound // _BAND * SCORE_BAND


def _ceil(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _owner(scored: Scored) -> str:
    return scored.placed.screened.view.account.owner


def _nobody(screened: int) -> Refusal:
    return Refusal(
        rule=Rule.NO_ELIGIBLE_ACCOUNT,
        compared={"accounts_that_passed_the_gate": str(screened), "accounts_with_a_size": "0"},
        would_pass="at least one account that can take a size inside all its limits",
    )


def _nothing_passes(projection: Projection, threshold: int) -> Refusal:
    pairs = [pair for pair in projection.blocked if pair is not None]
    if not pairs:  # what the exposure cap leaves is less than the smallest of the trades
        return _nobody(len(projection.blocked))
    worst = max((abs(pair.worst) for pair in pairs), default=0)
    return Refusal(
        rule=Rule.CORRELATION_THRESHOLD_EXCEEDED,
        compared={
            "candidates": str(len(projection.blocked)),
            "pairs_over_the_threshold": str(len(pairs)),
            "largest_correlation": str(ppm_to_decimal(worst)),
            "threshold": plain(ppm_to_decimal(threshold)),
        },
        would_pass=f"a correlation of at most {plain(ppm_to_decimal(threshold))} with the book",
    )
