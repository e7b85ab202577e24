"""An upper bound on the best subset from the linear relaxation over cliques and caps.

The relaxation max w.x, x(clique) <= 1, caps, x >= 0 is solved by the primal simplex method in
fixed-point whole numbers (2**-24), the same on every processor. Rounding can only make the prices
worse, never wrong: whatever prices come out, the bound is recomputed from them in exact whole
numbers. Knows nothing of the search that uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stretto.core.limits import SUBSET_CELLS_MAX
from stretto.core.subsets.subset_problem import Cap, Penalty, Problem, bits, weighted_cover

_SHIFT = 24
_ONE = 1 << _SHIFT
_HALF = _ONE >> 1
_PIVOT_MIN = _ONE >> 7
_GAIN_MIN = 64
_PRODUCT_MAX = 1 << 62
_Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RootBound:
    """``bound`` >= the best weight; a subset that holds vertex i weighs <= ``with_vertex[i]``."""

    bound: int
    with_vertex: tuple[int, ...]
    penalty: Penalty


def root_bound(problem: Problem) -> RootBound | None:
    """The bound at the root of the search; None where the relaxation would be too large."""
    cliques = _clique_rows(problem)
    if (len(cliques) + len(problem.caps)) * problem.size > SUBSET_CELLS_MAX:
        return None
    prices = _prices(problem, cliques)
    clique_prices, cap_prices = prices[: len(cliques)], prices[len(cliques) :]
    penalty = _penalty(problem, cap_prices)
    slack = [w - c for w, c in zip(problem.weights, penalty.charges, strict=True)]
    for clique, price in zip(cliques, clique_prices, strict=True):
        if price:
            for vertex in bits(clique):
                slack[vertex] -= price
    # What the prices leave uncovered (rounding, or pivots cut short) is covered by more cliques.
    uncovered = sum(1 << vertex for vertex in range(problem.size) if slack[vertex] > 0)
    _, totals = weighted_cover(problem.adjacency, slack.copy(), uncovered)
    bound = penalty.constant + sum(clique_prices) + (totals[-1] if totals else 0)
    return RootBound(bound, tuple(bound + min(0, left) for left in slack), penalty)


def count_penalty(problem: Problem, price: int) -> Penalty:
    """Every vertex charged ``price``, where the problem's first cap is one on their number."""
    cap = problem.caps[0]
    return Penalty((price,) * problem.size, price * cap.limit)


def _penalty(problem: Problem, prices: list[int]) -> Penalty:
    """Charges from prices per scaled amount, rounded down, so that their sum stays within."""
    charges = [0] * problem.size
    constant = 0
    for cap, price in zip(problem.caps, prices, strict=True):
        scale = _scale(cap)
        constant += price * cap.limit // scale
        for vertex in bits(cap.members):
            charges[vertex] += price * cap.amount(vertex) // scale
    return Penalty(tuple(charges), constant)


def _scale(cap: Cap) -> int:
    """The largest amount of a cap: what one unit of its price is for."""
    return max([1, *(cap.amount(vertex) for vertex in bits(cap.members))])


def _clique_rows(problem: Problem) -> list[int]:
    """Cliques, greedily maximal, that together hold every edge and every vertex."""
    adjacency = problem.adjacency
    missing = list(adjacency)
    rows = []
    for vertex in range(problem.size):
        if not adjacency[vertex]:
            rows.append(1 << vertex)
        while missing[vertex]:
            other = (missing[vertex] & -missing[vertex]).bit_length() - 1
            clique = 1 << vertex | 1 << other
            rest = adjacency[vertex] & adjacency[other]
            while rest:
                best, most = -1, -1
                for candidate in bits(rest):
                    common = (adjacency[candidate] & rest).bit_count()
                    if common > most:
                        best, most = candidate, common
                clique |= 1 << best
                rest &= adjacency[best]
            rows.append(clique)
            for member in bits(clique):
                missing[member] &= ~clique
    return rows


def _tableau(problem: Problem, cliques: list[int]) -> tuple[_Whole, int]:
    """Rows cliques, caps, objective; columns vertices, right-hand side. And the largest weight."""
    size, rows = problem.size, len(cliques) + len(problem.caps)
    table = np.zeros((rows + 1, size + 1), np.int64)
    for row, clique in enumerate(cliques):
        table[row, list(bits(clique))] = _ONE
        table[row, size] = _ONE
    for row, cap in enumerate(problem.caps, len(cliques)):
        scale = _scale(cap)
        for vertex in bits(cap.members):
            table[row, vertex] = cap.amount(vertex) * _ONE // scale
        table[row, size] = min(cap.limit * _ONE // scale, size * _ONE)
    # Equal right-hand sides make the method stall; a spread of up to 2**-10 breaks the ties.
    table[:rows, size] += (np.arange(rows) * 7919 % 997 + 1) * 16
    top = max([1, *problem.weights])
    table[rows, :size] = [-(weight * _ONE // top) for weight in problem.weights]
    return table, top


def _prices(problem: Problem, cliques: list[int]) -> list[int]:
    """Prices >= 0 of the rows, near the optimum of the dual, in units of weight."""
    table, top = _tableau(problem, cliques)
    rows, size = table.shape[0] - 1, table.shape[1] - 1
    outside = list(range(size))
    inside = list(range(size, size + rows))
    for _ in range(3 * (rows + size)):
        column = int(np.argmin(table[rows, :size]))
        if table[rows, column] >= -_GAIN_MIN:
            break
        row = _pivot(table, column)
        if row < 0:
            break
        inside[row], outside[column] = outside[column], inside[row]
    prices = [0] * rows
    for column, name in enumerate(outside):
        if name >= size:
            prices[name - size] = max(0, int(table[rows, column]) * top >> _SHIFT)
    return prices


def _pivot(table: _Whole, column: int) -> int:
    """Exchange ``column`` with the row of the ratio test, in place; that row, or -1 to stop."""
    rows, size = table.shape[0] - 1, table.shape[1] - 1
    old = table[:, column].copy()
    eligible = np.flatnonzero(old[:rows] > _PIVOT_MIN)
    if not eligible.size:
        return -1
    ratios = (table[eligible, size] << _SHIFT) // old[eligible]
    row = int(eligible[np.argmin(ratios)])
    pivot = int(old[row])
    scaled = ((table[row] << _SHIFT) + (pivot >> 1)) // pivot
    scaled[column] = 0
    if int(np.abs(scaled).max()) * int(np.abs(old).max()) >= _PRODUCT_MAX:
        return -1
    touched = np.flatnonzero(old)
    if 3 * touched.size < rows:
        table[touched] -= (old[touched, None] * scaled[None, :] + _HALF) >> _SHIFT
    else:
        table -= (old[:, None] * scaled[None, :] + _HALF) >> _SHIFT
    table[row] = scaled
    table[:, column] = -(((old << _SHIFT) + (pivot >> 1)) // pivot)
    table[row, column] = (_ONE << _SHIFT) // pivot
    return row
