"""Seeded books for the tests of correlation, and the formula of DESIGN §4.4 written out plainly."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import numpy as np

from stretto.core.correlations.factors import Floats

BARS = 60


class World(NamedTuple):
    """Returns (n x T, NaN inactive), symbol returns (T x S), exposures (n x S)."""

    returns: Floats
    symbols: Floats
    exposure: Floats


def world(accounts: int, symbols: int = 5, seed: int = 0, bars: int = BARS) -> World:
    """Accounts that follow two strategies and noise; every fourth is young, every third gappy."""
    draw = random.Random(seed)
    factors = [[draw.gauss(0, 0.006) for _ in range(2)] for _ in range(bars)]
    loads = [[draw.gauss(0, 1) for _ in range(2)] for _ in range(symbols)]
    symbol_returns = [
        [
            sum(f * b for f, b in zip(row, load, strict=True)) + draw.gauss(0, 0.003)
            for load in loads
        ]
        for row in factors
    ]
    returns = []
    for account in range(accounts):
        style = [draw.gauss(0, 1) for _ in range(2)]
        noise = draw.choice([0.0005, 0.003, 0.01])
        row = [
            sum(f * b for f, b in zip(factor, style, strict=True)) + draw.gauss(0, noise)
            for factor in factors
        ]
        if account % 4 == 3:
            row[: draw.randrange(bars)] = [math.nan] * draw.randrange(bars)
            row = (row + [draw.gauss(0, noise)] * bars)[:bars]
        if account % 3 == 2:
            row = [math.nan if draw.random() < 0.1 else value for value in row]
        returns.append(row)
    exposure = [
        [draw.gauss(0, 2) if draw.random() < 0.3 else 0.0 for _ in range(symbols)]
        for _ in range(accounts)
    ]
    return World(np.array(returns), np.array(symbol_returns), np.array(exposure))


def weights(bars: int) -> list[float]:
    """Half-life 20, oldest first, sum 1."""
    raw = [2.0 ** (-(bars - 1 - bar) / 20) for bar in range(bars)]
    return [value / math.fsum(raw) for value in raw]


def covariance(returns: Floats, symbols: Floats, exposure: Floats, phi: float = 0.5) -> Floats:
    """C = (1 - phi) C_hist + phi X Sigma X' + diag(sigma**2), of plain matrices."""
    weight = np.diag(weights(symbols.shape[0]))
    active = ~np.isnan(returns)
    plain = np.where(active, returns, 0.0)
    filled = np.where(np.isnan(symbols), 0.0, symbols)
    historical = plain @ weight @ plain.T
    factors = exposure @ (filled.T @ weight @ filled) @ exposure.T
    prior = 0.005**2 * 20 / (20 + active.sum(axis=1))
    total: Floats = (1 - phi) * historical + phi * factors + np.diag(prior)
    return total


def correlation(matrix: Floats) -> Floats:
    """A covariance matrix as correlations."""
    deviation = np.sqrt(np.diag(matrix))
    rho: Floats = matrix / np.outer(deviation, deviation)
    return rho


def historical(returns: Floats, first: int, second: int) -> tuple[float, int]:
    """Weighted correlation of two accounts over their common bars, and the number of these."""
    weight = weights(returns.shape[1])
    common = [
        (w, a, b)
        for w, a, b in zip(weight, returns[first].tolist(), returns[second].tolist(), strict=True)
        if not math.isnan(a) and not math.isnan(b)
    ]
    both = math.fsum(w * a * b for w, a, b in common)
    left = math.fsum(w * a * a for w, a, _ in common)
    right = math.fsum(w * b * b for w, _, b in common)
    return (both / math.sqrt(left * right) if left * right > 0 else 0.0), len(common)
