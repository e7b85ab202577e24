"""Standardised factor rows of accounts, whose products are correlations and exact on any machine.

With w the weights per bar, r an account's returns, f = X.S its factor returns (exposures times
symbol returns) and sigma the prior of a young account, the covariance of DESIGN §4.4

    C = (1 - phi) C_hist + phi X Sigma X' + diag(sigma**2)

is the product of the rows [sqrt((1 - phi) w) r, sqrt(phi w) f] plus a diagonal. Means are taken as
zero, as RiskMetrics does (Technical Document, 4th ed. 1996, §5.3). Arrays are bars x accounts.
Knows nothing of thresholds, trades or who conflicts with whom.

Why it is exact: elementwise + - * / and sqrt are correctly rounded by IEEE 754 on every processor,
and sums along the bars are made one bar after the other. Only matrix products leave the order of
sums to the library; there all entries are whole numbers so small that every partial sum is a whole
number of at most 2**53, which float64 holds exactly in any order, fused or not:

- standardised rows are whole multiples of 2**-24 with norm <= 1 (+ rounding), so by Cauchy-Schwarz
  any partial sum of a product of two is below 2 in units of 2**-48: 49 bits;
- factor returns multiply exposures and symbol returns, each scaled by powers of two to at most 1
  and rounded to 2**-22, over at most 2**9 symbols: 22 + 22 + 9 = 53 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stretto.core import limits
from stretto.core.errors import check
from stretto.core.values import PPM

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# 2**(-1/20) as the nearest double: the weight of a bar is that of the next, times this.
DECAY_HALF_LIFE_20 = 0.9659363289248456
ROW_UNIT = 1 << 24
_INPUT_UNIT = 1 << 22
# Up to this many accounts one call that adds in that order is quicker than one call for each bar.
_NARROW = 200
check(limits.CORRELATION_HALF_LIFE_BARS == 20, "the decay is tabulated for 20 bars")
check(
    _INPUT_UNIT * _INPUT_UNIT * limits.CORRELATED_SYMBOLS_MAX <= 1 << 53,
    "a sum over all symbols must stay exact in a double",
)


class Alike(NamedTuple):
    """Of the accounts that are ``known``, a bit for every account that may be too like them."""

    known: Flags
    bits: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class History:
    """What the bars say, the same for every trade until the next bar. T bars, n accounts.

    ``returns`` sqrt((1 - phi) w) r and its ``variance``, ``prior_variance`` sigma**2; ``symbols``
    (T x S) whole numbers with ``symbol_scale`` (powers of two, or 0) beside them; ``factor_weight``
    sqrt(phi w). ``own`` are rows standardised over the account's own active bars, ``energy`` their
    squares and ``energy_all`` the sum of these, ``active`` is 1 in these bars and 0 in others;
    ``bars`` counts them, ``complete`` says where it is all of them. ``resting`` (2T x n) are the
    rows of accounts without any exposure, the lower half zero. ``alike`` is kept by ``historical``.
    """

    returns: Floats
    variance: Floats
    prior_variance: Floats
    symbols: Floats
    symbol_scale: Floats
    symbol_bars: Indices
    factor_weight: Floats
    own: Floats
    energy: Floats
    active: Floats
    energy_all: Floats
    bars: Indices
    complete: Flags
    resting: Floats
    alike: dict[tuple[float, int], Alike] = field(default_factory=dict)

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return int(self.returns.shape[1])

    def covariance_known(self, symbol: int, bars_min: int = limits.CORRELATION_BARS_MIN) -> bool:
        """Whether a symbol has enough bars for a covariance; otherwise ``covariance_unknown``."""
        return int(self.symbol_bars[symbol]) >= bars_min


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BookFactors:
    """The book before any trade: ``exposure`` (n x S), who has any, and the rows of these, the
    ``carrying`` ones in ascending order (2T x m). Rows without exposure are ``history.resting``.
    """

    history: History
    exposure: Floats
    exposed: Flags
    carrying: Indices
    carried: Floats

    @property
    def rows(self) -> Floats:
        """The rows of all accounts (2T x n)."""
        if not self.carrying.size:
            return self.history.resting
        return self.rows_of(np.arange(self.exposed.size))

    def rows_of(self, accounts: Indices) -> Floats:
        """The rows of ``accounts`` as they stand (2T x m)."""
        rows: Floats = self.history.resting.take(accounts, axis=1)
        inside = np.flatnonzero(self.exposed[accounts])
        if inside.size:
            rows[:, inside] = self.carried.take(
                np.searchsorted(self.carrying, accounts[inside]), axis=1
            )
        return rows


def history(
    returns: Floats,
    symbol_returns: Floats,
    *,
    factor_share: int = PPM - limits.HISTORY_SHARE,
    prior_deviation: int = limits.PRIOR_DEVIATION,
    prior_bars: int = limits.PRIOR_BARS,
) -> History:
    """Prepare the bars, oldest first. NaN: the account was not active, the symbol had no bar.

    ``returns`` n x T, change of equity net of transfers over equity; ``symbol_returns`` T x S.
    ``factor_share`` is phi in 1e-6; ``prior_deviation`` per bar in 1e-6, fading with
    ``prior_bars`` / (``prior_bars`` + active bars). InvariantViolated for shapes that do not fit
    and for infinite returns.
    """
    bars, symbols = symbol_returns.shape
    check(returns.ndim == 2 and returns.shape[1] == bars, "accounts and symbols differ in bars")
    symbols_max = limits.CORRELATED_SYMBOLS_MAX
    check(0 < symbols <= symbols_max, f"1 to {symbols_max} symbols can be correlated")
    check(not np.isinf(returns).any(), "a return of an account is infinite")
    check(not np.isinf(symbol_returns).any(), "a return of a symbol is infinite")
    check(0 <= factor_share <= PPM, "the factors' share must lie in [0, 1]")
    weight = _weights(bars)
    phi = factor_share / PPM
    by_bar = np.ascontiguousarray(returns.T, dtype=np.float64)
    active = ~np.isnan(by_bar)
    plain = np.where(active, by_bar, 0.0) * np.sqrt(weight)[:, None]
    count = active.sum(axis=0, dtype=np.int64)
    weighted = plain * np.sqrt(1.0 - phi)
    own = _standardised(plain, _squares(plain))
    energy = own * own
    deviation = prior_deviation / PPM
    filled = np.where(np.isnan(symbol_returns), 0.0, symbol_returns)
    largest = np.abs(filled).max(axis=0, initial=0.0)
    scale = _power_of_two(largest)
    variance = _squares(weighted)
    prior_variance = deviation * deviation * prior_bars / (prior_bars + count)
    resting = np.zeros((2 * bars, count.size))
    resting[:bars] = _standardised(weighted, variance + prior_variance)
    return History(
        returns=weighted,
        variance=variance,
        prior_variance=prior_variance,
        symbols=np.rint(filled / scale * _INPUT_UNIT),
        # A symbol that never moved must not coarsen the scale of those that did.
        symbol_scale=np.where(largest > 0, scale, 0.0),
        symbol_bars=(~np.isnan(symbol_returns)).sum(axis=0, dtype=np.int64),
        factor_weight=np.sqrt(phi * weight),
        own=own,
        energy=energy,
        energy_all=energy.sum(axis=0),
        active=active.astype(np.float64),
        bars=count,
        complete=count == bars,
        resting=resting,
    )


def book_factors(bars: History, exposure: Floats, before: BookFactors | None = None) -> BookFactors:
    """The book's rows for its positions; ``exposure`` n x S, signed notional over equity. Rows of
    ``before`` whose exposure is the same are taken over.
    """
    check(exposure.shape == (bars.accounts, bars.symbols.shape[1]), "exposure does not fit")
    exposed = (exposure != 0).any(axis=1)
    carrying = np.flatnonzero(exposed)
    if before is not None and before.history is bars:
        carried = _taken_over(before, carrying, exposure)
    else:
        carried = factor_rows(bars, carrying, exposure[carrying])
    return BookFactors(
        history=bars, exposure=exposure, exposed=exposed, carrying=carrying, carried=carried
    )


def _taken_over(before: BookFactors, carrying: Indices, exposure: Floats) -> Floats:
    now = exposure[carrying]
    places = np.flatnonzero((now != before.exposure[carrying]).any(axis=1))
    if not places.size and before.carrying.size == carrying.size:
        return before.carried
    if 2 * places.size > carrying.size:
        return factor_rows(before.history, carrying, now)
    rows: Floats
    if np.array_equal(before.carrying, carrying):
        rows = before.carried.copy()
    else:
        # Who did not carry anything before is among the changed: any row serves in its place.
        known = np.searchsorted(before.carrying, carrying)
        rows = before.carried.take(np.minimum(known, before.carrying.size - 1), axis=1)
    rows[:, places] = factor_rows(before.history, carrying[places], now[places])
    return rows


def factor_rows(bars: History, accounts: Indices, exposure: Floats) -> Floats:
    """Standardised rows (2T x m) of ``accounts`` with ``exposure`` (m x S): whole, in 2**-24.

    An account's row depends on nothing but its own history and exposure.
    """
    check(exposure.shape == (accounts.size, bars.symbols.shape[1]), "exposure does not fit")
    returns = bars.returns.take(accounts, axis=1)
    factors = _factor_returns(bars, exposure) * bars.factor_weight[:, None]
    variance = bars.variance[accounts] + _squares(factors) + bars.prior_variance[accounts]
    check(bool(np.isfinite(variance).all()), "an exposure is not finite or far too large")
    length = bars.factor_weight.size
    scale = _scale(variance)
    rows = np.empty((2 * length, accounts.size))
    np.multiply(returns, scale, out=rows[:length])
    np.multiply(factors, scale, out=rows[length:])
    return np.rint(rows, out=rows)


def _factor_returns(bars: History, exposure: Floats) -> Floats:
    """X.S' per bar (T x m). Scaling by powers of two is exact; see the bound at the top."""
    scaled = exposure * bars.symbol_scale
    scale = _power_of_two(np.abs(scaled).max(axis=1, initial=0.0))
    entries = np.rint(scaled / scale[:, None] * _INPUT_UNIT)
    product: Floats = bars.symbols @ entries.T
    product *= scale
    product *= 1.0 / _INPUT_UNIT / _INPUT_UNIT
    return product


def _weights(bars: int) -> Floats:
    """Weights per bar, oldest first, sum 1: repeated products, summed one after the other."""
    weights = [1.0]
    for _ in range(bars - 1):
        weights.append(weights[-1] * DECAY_HALF_LIFE_20)
    total = 0.0
    for weight in weights:
        total += weight
    return np.array([weight / total for weight in reversed(weights)])


def _squares(rows: Floats) -> Floats:
    """Sum of squares of each column, one bar after the other."""
    if rows.shape[0] and rows.shape[1] <= _NARROW:
        squares = rows * rows
        np.add.accumulate(squares, axis=0, out=squares)
        last: Floats = squares[-1]
        return last
    total = np.zeros(rows.shape[1])
    square = np.empty(rows.shape[1])
    for row in rows:
        np.multiply(row, row, out=square)
        total += square
    return total


def _standardised(rows: Floats, variance: Floats) -> Floats:
    """Columns over their deviation, in whole units of 2**-24; zero where there is no variance."""
    scaled = rows * _scale(variance)
    return np.rint(scaled, out=scaled)


def _scale(variance: Floats) -> Floats:
    """Whole units of 2**-24 over the deviation; zero where there is no variance."""
    deviation = np.sqrt(variance)
    return np.divide(ROW_UNIT, deviation, out=np.zeros_like(deviation), where=deviation > 0)


def _power_of_two(values: Floats) -> Floats:
    """The least power of two above each value; 1 for zero."""
    check(bool(np.isfinite(values).all()), "an exposure or a return is not finite")
    _, exponent = np.frexp(values)
    return np.ldexp(1.0, exponent)
