"""Projected correlation: the formula, the rules of conflict, and equal bytes on every processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stretto.core.correlations.correlation import Trade, project, size_that_would_pass
from stretto.core.correlations.factors import (
    BookFactors,
    Floats,
    book_factors,
    factor_rows,
    history,
)
from stretto.core.correlations.historical import entries_of
from stretto.core.errors import InvariantViolated
from stretto.core.limits import CORRELATED_SYMBOLS_MAX
from stretto.core.terms.refusal import Rule
from tests.unit.core.correlation_samples import (
    World,
    correlation,
    covariance,
    historical,
    world,
)

pytestmark = pytest.mark.requirement("R2.1")

UNIT = 1 << 24


def book_of(sample: World) -> BookFactors:
    return book_factors(history(sample.returns, sample.symbols), sample.exposure)


def trade_of(accounts: list[int], delta: float = 1.0, symbol: int = 0) -> Trade:
    return Trade(
        symbol=symbol, accounts=np.array(accounts), delta=np.full(len(accounts), float(delta))
    )


def flat_book(loads: list[tuple[float, float]], exposure: list[float], bars: int = 60) -> World:
    """Accounts that load on two independent sources, and one symbol that is the first of them."""
    draw = np.random.default_rng(5)
    sources = draw.normal(0, 0.01, (bars, 2))
    returns = np.array(loads) @ sources.T
    return World(returns, sources[:, :1], np.array(exposure, float)[:, None])


def test_rows_reproduce_the_formula() -> None:
    sample = world(40, seed=1)
    rows = book_of(sample).rows
    rho = rows.T @ rows / UNIT / UNIT
    expected = correlation(covariance(sample.returns, sample.symbols, sample.exposure))
    off = ~np.eye(40, dtype=bool)
    assert np.abs(rho - expected)[off].max() < 1e-6


def test_rows_are_whole_and_no_longer_than_one() -> None:
    rows = book_of(world(40, seed=2)).rows
    assert (rows == np.rint(rows)).all()
    assert float((rows * rows).sum(axis=0).max()) <= float(UNIT * UNIT) * (1 + 1e-6)


def test_projected_before_and_historical_agree_with_the_formula() -> None:
    sample = world(30, seed=3)
    sample.returns[3, :41] = np.nan  # 19 bars at most in common with anybody
    candidates = [4, 9, 2, 23, 17, 11, 3, 7]
    trade = Trade(symbol=2, accounts=np.array(candidates), delta=np.linspace(-2, 3, 8))
    projection = project(book_of(sample), trade)
    after = sample.exposure.copy()
    after[candidates, 2] += trade.delta
    expected = correlation(covariance(sample.returns, sample.symbols, after))
    before = correlation(covariance(sample.returns, sample.symbols, sample.exposure))
    for i, first in enumerate(candidates):
        for j, second in enumerate(candidates):
            if i == j:
                continue
            pair = projection.pair(i, j)
            assert (pair.first, pair.second) == (first, second)
            assert abs(pair.projected - 1e6 * expected[first, second]) < 2
            assert abs(pair.before - 1e6 * before[first, second]) < 2
            rho, common = historical(sample.returns, first, second)
            if common < 20:
                assert pair.historical is None
            else:
                assert pair.historical is not None
                assert abs(pair.historical - 1e6 * rho) < 2


def test_largest_counts_candidates_with_the_trade_and_others_without() -> None:
    sample = world(25, seed=4)
    candidates = [1, 5, 6, 20]
    trade = trade_of(candidates, 2.5, symbol=1)
    projection = project(book_of(sample), trade)
    for place, first in enumerate(candidates):
        largest = 0.0
        for second in range(25):
            if second == first:
                continue
            after = sample.exposure.copy()
            moved = candidates if second in candidates else [first]
            after[moved, 1] += 2.5
            matrix = covariance(
                sample.returns[[first, second]], sample.symbols, after[[first, second]]
            )
            largest = max(largest, abs(float(correlation(matrix)[0, 1])))
        assert abs(projection.largest[place] - 1e6 * largest) < 2


def test_the_same_trade_makes_flat_accounts_one_bet() -> None:
    # Too young for history to count; what they do from now on is the same.
    sample = flat_book([(0.1, 0.0), (0.0, 0.1), (0.05, 0.05)], [0.0, 0.0, 0.0], bars=10)
    projection = project(book_of(sample), trade_of([0, 1, 2], 5.0))
    assert projection.conflicts == [0b110, 0b101, 0b011]
    pairs = projection.conflicting_pairs(2)
    assert len(pairs) == 2
    assert all(pair.rule is Rule.SAME_BET and pair.historical is None for pair in pairs)
    assert abs(pairs[0].worst) >= abs(pairs[1].worst)


def test_opposite_trades_are_opposite_bets() -> None:
    sample = flat_book([(0.1, 0.0), (0.0, 0.1)], [0.0, 0.0], bars=10)
    trade = Trade(symbol=0, accounts=np.array([0, 1]), delta=np.array([5.0, -5.0]))
    projection = project(book_of(sample), trade)
    assert projection.conflicts == [0b10, 0b01]
    assert projection.pair(0, 1).rule is Rule.OPPOSITE_BET


def test_accounts_whose_past_is_one_conflict_whatever_they_trade() -> None:
    sample = flat_book([(0.0, 1.0), (0.0, 1.0), (1.0, 0.0)], [0.0] * 3)
    projection = project(book_of(sample), trade_of([0, 1], 0.001))
    assert projection.pair(0, 1).historical == 1_000_000
    assert projection.conflicts == [0b10, 0b01]


def test_a_past_of_nineteen_common_bars_does_not_count() -> None:
    sample = flat_book([(0.0, 1.0), (0.0, 1.0)], [0.0, 0.0])
    sample.returns[0, :41] = np.nan
    nineteen = project(book_of(sample), trade_of([0, 1], 0.001)).pair(0, 1)
    assert nineteen.historical is None
    sample.returns[0, 40] = sample.returns[1, 40]
    twenty = project(book_of(sample), trade_of([0, 1], 0.001)).pair(0, 1)
    assert twenty.historical == 1_000_000


def test_an_exposed_account_blocks_the_candidate_that_would_copy_it() -> None:
    sample = flat_book([(0.0, 0.1), (0.1, 0.0), (0.1, 0.05)], [0.0, 4.0, 0.0], bars=10)
    projection = project(book_of(sample), trade_of([0], 4.0))
    blocker = projection.blocked[0]
    assert blocker is not None
    assert (blocker.first, blocker.second, blocker.rule) == (0, 1, Rule.SAME_BET)
    assert abs(blocker.projected) > 700_000 > abs(blocker.before)
    assert projection.largest[0] == blocker.projected


def test_the_worst_of_several_blockers_is_named_and_the_lowest_of_equals() -> None:
    sample = flat_book([(0.0, 0.1), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)], [0, 3.0, 9.0, 9.0], 10)
    blocker = project(book_of(sample), trade_of([0], 4.0)).blocked[0]
    assert blocker is not None
    assert blocker.second == 2


def test_an_account_without_exposure_blocks_nobody() -> None:
    sample = flat_book([(1.0, 0.0), (1.0, 0.0)], [0.0, 0.0])
    projection = project(book_of(sample), trade_of([0], 0.1))
    assert projection.blocked == (None,)
    assert projection.largest[0] > 700_000


def test_a_trade_that_lowers_the_correlation_is_not_blocked() -> None:
    # Nearly one bet already: more of it makes it worse, less of it better though not yet good.
    sample = flat_book([(0.0, 0.4), (0.0, -0.4)], [2.0, 4.0])
    book = book_of(sample)
    less, more = project(book, trade_of([0], -0.2)), project(book, trade_of([0], 0.2))
    assert less.blocked == (None,)
    assert less.largest[0] > 700_000
    assert more.blocked[0] is not None


def test_an_exposed_candidate_blocks_too_because_it_may_not_be_chosen() -> None:
    sample = flat_book([(0.0, 0.1), (0.1, 0.0)], [0.0, 4.0], bars=10)
    projection = project(book_of(sample), trade_of([1, 0], 4.0))
    assert projection.blocked[0] is None
    blocker = projection.blocked[1]
    assert blocker is not None
    assert blocker.second == 1


def test_young_accounts_are_not_called_identical_without_evidence() -> None:
    empty = World(np.full((2, 60), np.nan), np.full((60, 1), 0.01), np.zeros((2, 1)))
    pair = project(book_of(empty), trade_of([0, 1], 0.0)).pair(0, 1)
    assert (pair.before, pair.projected, pair.historical) == (0, 0, None)


@pytest.mark.parametrize("blocks", [(0, 700), (255, 256), (3, 511)])
def test_blocks_of_the_book_join_without_a_seam(blocks: tuple[int, int]) -> None:
    accounts = 700 + 1
    sample = flat_book([(0.0, 0.1)] + [(0.1, 0.0)] * (accounts - 1), [0.0] * accounts, bars=10)
    for exposed in blocks:
        if exposed:
            sample.exposure[exposed, 0] = 4.0
    blocker = project(book_of(sample), trade_of([0], 4.0)).blocked[0]
    assert blocker is not None
    assert blocker.second == next(exposed for exposed in blocks if exposed)


def test_the_size_that_would_pass_is_the_largest() -> None:
    sample = flat_book([(0.0, 1.0), (1.0, 0.2), (0.5, -0.3)], [0.0, 3.0, 0.0])
    book = book_of(sample)
    trade = trade_of([0, 2], 6.0)
    others, trading = np.array([1, 2]), np.array([False, True])
    share = size_that_would_pass(book, trade, 0, others=others, trading=trading)
    assert 0 < share < 1_000_000

    def conflicts(part: int) -> bool:
        delta = np.array([6.0 * (part / 1_000_000), 6.0])
        smaller = project(book, Trade(symbol=0, accounts=trade.accounts, delta=delta))
        return bool(smaller.conflicts[0]) or smaller.blocked[0] is not None

    assert not conflicts(share)
    assert conflicts(share + 1)


def test_a_trade_that_passes_whole_is_not_shrunk_and_one_past_cannot_be() -> None:
    apart = flat_book([(0.0, 1.0), (0.0, 0.0)], [0.0, 0.0])
    one = flat_book([(0.0, 1.0), (0.0, 1.0)], [0.0, 0.0])
    both, second = np.array([0, 1]), np.array([1])
    for sample, trading, share in ((apart, False, 1_000_000), (one, True, 0)):
        trade = Trade(symbol=0, accounts=both, delta=np.array([0.1, 0.1]))
        found = size_that_would_pass(
            book_of(sample), trade, 0, others=second, trading=np.array([trading])
        )
        assert found == share


def test_a_symbol_with_too_few_bars_has_no_covariance() -> None:
    sample = world(3, symbols=2)
    sample.symbols[:41, 1] = np.nan
    bars = history(sample.returns, sample.symbols)
    assert bars.covariance_known(0)
    assert not bars.covariance_known(1)
    assert bars.covariance_known(1, bars_min=19)


def test_a_row_depends_on_nothing_but_its_own_account() -> None:
    sample = world(30, seed=8)
    bars = history(sample.returns, sample.symbols)
    rows = book_factors(bars, sample.exposure).rows
    few = np.array([7, 3, 29])
    assert (factor_rows(bars, few, sample.exposure[few]) == rows[:, few]).all()


def test_candidates_in_any_order_give_the_same_numbers() -> None:
    sample = world(12, seed=9)
    book = book_of(sample)
    forward = project(book, trade_of(list(range(12)), 2.0))
    backward = project(book, trade_of(list(range(11, -1, -1)), 2.0))
    assert (forward.projected == backward.projected[::-1, ::-1]).all()
    assert (forward.historical == backward.historical[::-1, ::-1]).all()
    assert forward.largest == backward.largest[::-1]
    assert forward.blocked == backward.blocked[::-1]


@pytest.mark.parametrize("huge", [np.inf, np.nan, 1e300])
def test_an_exposure_out_of_range_is_an_invariant_violated(huge: float) -> None:
    sample = world(3)
    sample.exposure[1, 1] = huge
    with pytest.raises(InvariantViolated), np.errstate(over="ignore", invalid="ignore"):
        book_of(sample)


def test_shapes_and_names_that_do_not_fit_are_invariants_violated() -> None:
    sample = world(5)
    book = book_of(sample)
    endless = sample.returns.copy()
    endless[0, 0] = np.inf
    with pytest.raises(InvariantViolated, match="differ in bars"):
        history(sample.returns[:, 1:], sample.symbols)
    with pytest.raises(InvariantViolated, match="infinite"):
        history(endless, sample.symbols)
    with pytest.raises(InvariantViolated, match="exposure does not fit"):
        book_factors(book.history, sample.exposure[:, 1:])
    with pytest.raises(InvariantViolated, match="twice"):
        project(book, trade_of([1, 1]))
    with pytest.raises(InvariantViolated, match="only candidates"):
        size_that_would_pass(
            book, trade_of([1, 2]), 0, others=np.array([3]), trading=np.array([True])
        )


def test_products_are_exact_in_any_order_of_the_sums() -> None:
    sample = world(20, seed=11)
    book = book_of(sample)
    rows = book.rows
    product = rows.T @ rows
    turned = rows[::-1].T @ rows[::-1]
    whole = [[int(value) for value in column] for column in rows.T]
    for i in range(20):
        for j in range(20):
            exact = sum(a * b for a, b in zip(whole[i], whole[j], strict=True))
            assert int(product[i, j]) == int(turned[i, j]) == exact


@pytest.mark.parametrize("pairs", [0, 1, 7, 800])
def test_single_entries_are_those_of_the_product(pairs: int) -> None:
    draw = np.random.default_rng(pairs)
    left: Floats = np.rint(draw.normal(0, 1 << 20, (20, 60)))
    right: Floats = np.rint(draw.normal(0, 1 << 20, (60, 40)))
    places, others = draw.integers(0, 20, pairs), draw.integers(0, 40, pairs)
    entries = entries_of(left, places, right, others)
    assert entries.tolist() == (left @ right)[places, others].tolist()


def test_factor_returns_are_exact_with_five_hundred_symbols() -> None:
    draw = np.random.default_rng(3)
    symbols: Floats = draw.normal(0, 0.02, (60, 512))
    returns: Floats = draw.normal(0, 0.01, (8, 60))
    exposure: Floats = draw.normal(0, 50, (8, 512))
    order = draw.permutation(512)
    one = book_factors(history(returns, symbols), exposure)
    other = book_factors(history(returns, symbols[:, order]), exposure[:, order])
    # Inexact sums would differ in the last bits, and with them some of the rounded rows.
    assert (one.rows == other.rows).all()
    # The largest entries there can be, in every symbol, still add up exactly.
    assert (1 << 22) * (1 << 22) * CORRELATED_SYMBOLS_MAX <= 1 << 53


DIGEST = """
import hashlib
import numpy as np
from stretto.core.correlations.correlation import Trade, project, size_that_would_pass
from stretto.core.correlations.factors import book_factors, history
from stretto.core.subsets.subset import best_subset
from tests.unit.core.correlation_samples import world

sample = world(333, symbols=17, seed=7)
book = book_factors(history(sample.returns, sample.symbols), sample.exposure)
accounts = np.arange(0, 333, 3)
trade = Trade(symbol=4, accounts=accounts, delta=np.linspace(-3, 3, accounts.size))
seen = project(book, trade)
share = size_that_would_pass(
    book, trade, 5, others=np.array([3, 9, 10]), trading=np.array([True, True, False])
)
chosen = best_subset(seen.largest, seen.conflicts, accounts_max=40)
digest = hashlib.sha256()
for array in (book.rows, seen.projected, seen.standing, seen.historical):
    digest.update(np.ascontiguousarray(array).tobytes())
digest.update(repr((seen.conflicts, seen.blocked, seen.largest, share, chosen)).encode())
print(digest.hexdigest())
"""
PROBE = "import numpy; a = numpy.ones((64, 64)); print(int((a @ a)[0, 0]))"


def run_under(repository: Path, program: str, **changed: str) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": f"{repository / 'src'}:{repository}", **changed}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip()


def test_every_processor_and_hash_seed_gives_the_same_bytes(repository: Path) -> None:
    """Kernels for processors from 2004 to 2017, as far as this one has their instructions."""
    found = {}
    for seed, core in enumerate(("Prescott", "Nehalem", "Haswell", "SkylakeX")):
        settings = {"OPENBLAS_CORETYPE": core, "PYTHONHASHSEED": str(seed)}
        settings["OPENBLAS_NUM_THREADS"] = str(seed % 2 + 1)
        if core == "Prescott":
            settings["NPY_DISABLE_CPU_FEATURES"] = "X86_V3"
        if core != "Prescott" and run_under(repository, PROBE, **settings)[0]:
            continue  # an illegal instruction in a plain product: this processor cannot play it
        found[core] = run_under(repository, DIGEST, **settings)
    assert found["Prescott"][0] == 0
    assert len(found["Prescott"][1]) == 64
    assert set(found.values()) == {found["Prescott"]}
