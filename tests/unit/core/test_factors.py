"""Factor rows of the book: what an account without exposure shares with every trade."""

from __future__ import annotations

import numpy as np
import pytest

from stretto.core.correlations.correlation import Trade, project
from stretto.core.correlations.factors import BookFactors, book_factors, factor_rows, history
from tests.unit.core.correlation_samples import world

pytestmark = pytest.mark.requirement("R2.1")

UNIT = 1 << 24


def half_at_rest(accounts: int, seed: int) -> BookFactors:
    """Even accounts carry nothing, odd ones something."""
    sample = world(accounts, seed=seed)
    sample.exposure[::2] = 0.0
    sample.exposure[1::2, 0] += 1.0
    return book_factors(history(sample.returns, sample.symbols), sample.exposure)


def test_accounts_without_exposure_have_the_rows_of_their_past_alone() -> None:
    book = half_at_rest(30, seed=8)
    every = factor_rows(book.history, np.arange(30), book.exposure)
    assert (book.rows == every).all()
    assert not book.rows[every.shape[0] // 2 :, ::2].any()
    assert book.exposed.tolist() == [place % 2 == 1 for place in range(30)]


def test_a_book_at_rest_shares_its_rows_between_trades() -> None:
    sample = world(12, seed=3)
    bars = history(sample.returns, sample.symbols)
    nothing = np.zeros_like(sample.exposure)
    assert book_factors(bars, nothing).rows is bars.resting
    assert (factor_rows(bars, np.arange(12), nothing) == bars.resting).all()


def test_largest_looks_at_accounts_with_and_without_exposure() -> None:
    book, candidates = half_at_rest(600, seed=9), [3, 8, 300, 431, 512]
    delta = np.full(5, 1.5)
    projection = project(book, Trade(symbol=1, accounts=np.array(candidates), delta=delta))
    after = book.exposure[candidates]
    after[:, 1] += delta
    traded = factor_rows(book.history, np.array(candidates), after)
    products = np.abs(traded.T @ book.rows)
    products[:, candidates] = np.abs(traded.T @ traded)
    products[range(5), candidates] = 0.0
    expected = np.rint(products.max(axis=1) * (1e6 / UNIT / UNIT))
    assert list(projection.largest) == expected.astype(int).tolist()
    nearest = {int(place) % 2 for place in products.argmax(axis=1)}
    assert nearest == {0, 1}, "the sample must hold both kinds"
