"""Projected correlation for any small book: the formula, exact sums, the rules of conflict."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.correlations.correlation import (
    PairCorrelation,
    Projection,
    Trade,
    project,
    size_that_would_pass,
)
from stretto.core.correlations.factors import BookFactors, Floats, book_factors, history
from tests.unit.core.correlation_samples import correlation, covariance, historical

pytestmark = pytest.mark.requirement("R2.1")

MINIMUM = 5


class Case(NamedTuple):
    """A book and a trade in it."""

    returns: Floats
    symbols: Floats
    exposure: Floats
    trade: Trade
    threshold: int

    @property
    def book(self) -> BookFactors:
        return book_factors(history(self.returns, self.symbols), self.exposure)

    def project(self) -> Projection:
        return project(self.book, self.trade, threshold=self.threshold, bars_min=MINIMUM)

    def rho(self, moved: list[int]) -> Floats:
        """By the formula, with the trade in the candidates at the places ``moved``."""
        exposure = self.exposure.copy()
        exposure[self.trade.accounts[moved], self.trade.symbol] += self.trade.delta[moved]
        return correlation(covariance(self.returns, self.symbols, exposure))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    accounts, symbols, bars = (
        draw(st.integers(low, high)) for low, high in ((2, 7), (1, 3), (3, 9))
    )
    size = draw(st.sampled_from([0.0001, 0.01, 0.3]))
    levels = st.integers(-4, 4).map(lambda level: level * size)
    gap = st.just(math.nan)

    def table(rows: int, columns: int, values: st.SearchStrategy[float]) -> Floats:
        row = st.lists(values, min_size=columns, max_size=columns)
        return np.array(draw(st.lists(row, min_size=rows, max_size=rows)), float)

    candidates = draw(st.lists(st.integers(0, accounts - 1), min_size=1, unique=True))
    deltas = table(1, len(candidates), st.sampled_from([-3.0, -0.5, 0.0, 0.5, 3.0]))[0]
    return Case(
        table(accounts, bars, levels | gap),
        table(bars, symbols, levels | gap),
        table(accounts, symbols, st.just(0.0) | st.floats(-20, 20, width=32)),
        Trade(
            symbol=draw(st.integers(0, symbols - 1)), accounts=np.array(candidates), delta=deltas
        ),
        draw(st.sampled_from([100_000, 700_000, 950_000])),
    )


def close(found: int, expected: float) -> bool:
    return abs(found - 1e6 * expected) <= 3


@given(cases())
def test_every_number_is_the_formulas(case: Case) -> None:
    seen = case.project()
    size = case.trade.accounts.size
    before, after = case.rho([]), case.rho(list(range(size)))
    for i in range(size):
        for j in range(i):
            pair = seen.pair(i, j)
            assert close(pair.before, before[pair.first, pair.second])
            assert close(pair.projected, after[pair.first, pair.second])
            rho, common = historical(case.returns, pair.first, pair.second)
            assert (pair.historical is None) == (common < MINIMUM)
            assert pair.historical is None or close(pair.historical, rho)


@given(cases())
def test_candidates_conflict_by_the_rule_and_only_then(case: Case) -> None:
    seen = case.project()
    size = case.trade.accounts.size
    for i in range(size):
        assert not seen.conflicts[i] >> i & 1
        for j in range(size):
            if i != j:
                pair = seen.pair(i, j)
                rule = abs(pair.projected) > case.threshold or (
                    pair.historical is not None and abs(pair.historical) > case.threshold
                )
                assert bool(seen.conflicts[i] >> j & 1) == rule
    named = {(p.first, p.second) for p in seen.conflicting_pairs(size * size)}
    assert len(named) == sum(mask.bit_count() for mask in seen.conflicts) // 2


def standing_pair(case: Case, place: int, other: int) -> PairCorrelation:
    """A candidate with the trade against an account without, from a book of these two alone."""
    first = int(case.trade.accounts[place])
    both = [first, other]
    delta = np.array([case.trade.delta[place], 0.0])
    alone = Trade(symbol=case.trade.symbol, accounts=np.array([0, 1]), delta=delta)
    book = book_factors(history(case.returns[both], case.symbols), case.exposure[both])
    pair = project(book, alone, bars_min=MINIMUM).pair(0, 1)
    return PairCorrelation(
        first=first,
        second=other,
        before=pair.before,
        projected=pair.projected,
        historical=pair.historical,
    )


@given(cases())
def test_a_candidate_is_blocked_by_the_worst_exposed_account(case: Case) -> None:
    seen = case.project()
    for place, account in enumerate(case.trade.accounts.tolist()):
        worst: PairCorrelation | None = None
        for other in range(case.returns.shape[0]):
            if other == account or not case.exposure[other].any():
                continue
            pair = standing_pair(case, place, other)
            if abs(pair.worst) <= case.threshold or abs(pair.projected) <= abs(pair.before):
                continue
            if worst is None or abs(pair.worst) > abs(worst.worst):
                worst = pair
        assert seen.blocked[place] == worst


@given(cases())
def test_the_largest_is_over_all_other_accounts(case: Case) -> None:
    seen = case.project()
    candidates = case.trade.accounts.tolist()
    everyone = case.rho(list(range(len(candidates))))
    for place, account in enumerate(candidates):
        alone = case.rho([place])
        sizes = [
            abs(float((everyone if other in candidates else alone)[account, other]))
            for other in range(case.returns.shape[0])
            if other != account
        ]
        assert close(seen.largest[place], max(sizes))


@given(cases())
def test_products_of_rows_are_whole_numbers_summed_exactly(case: Case) -> None:
    rows = case.book.rows
    product = rows.T @ rows
    whole = [[int(value) for value in column] for column in rows.T.tolist()]
    for i, first in enumerate(whole):
        for j, second in enumerate(whole):
            assert int(product[i, j]) == sum(a * b for a, b in zip(first, second, strict=True))
            assert abs(int(product[i, j])) < 1 << 49


@given(cases(), st.data())
def test_the_share_that_would_pass_does_and_the_next_does_not(
    case: Case, data: st.DataObject
) -> None:
    size = case.trade.accounts.size
    place = data.draw(st.integers(0, size - 1))
    others = [
        other for other in range(case.returns.shape[0]) if other != case.trade.accounts[place]
    ]
    others = data.draw(st.lists(st.sampled_from(others), min_size=1, unique=True))
    candidates = case.trade.accounts.tolist()
    trading = [other in candidates and data.draw(st.booleans()) for other in others]

    def passes(share: int) -> bool:
        delta = case.trade.delta.copy()
        delta[place] *= share / 1_000_000
        scaled = case._replace(
            trade=Trade(symbol=case.trade.symbol, accounts=case.trade.accounts, delta=delta)
        )
        seen = scaled.project()
        for other, trades in zip(others, trading, strict=True):
            if trades:
                pair = seen.pair(place, candidates.index(other))
                free = False
            else:
                pair = standing_pair(scaled, place, other)
                free = abs(pair.projected) <= abs(pair.before)
            alike = pair.historical is not None and abs(pair.historical) > case.threshold
            far = abs(pair.projected) > case.threshold
            if (far or alike) and not free:
                return False
        return True

    share = size_that_would_pass(
        case.book,
        case.trade,
        place,
        others=np.array(others),
        trading=np.array(trading),
        threshold=case.threshold,
        bars_min=MINIMUM,
    )
    assert share == 0 or passes(share)
    assert share == 1_000_000 or not passes(share + 1)
