"""The best subset: known cases, larger ones against a mixed-integer solver, malformed input."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp

from stretto.core.errors import InvariantViolated
from stretto.core.limits import SUBSET_NODES_MAX
from stretto.core.subsets.subset import best_subset
from stretto.core.subsets.subset_bound import root_bound
from stretto.core.subsets.subset_problem import Cap, Problem

pytestmark = [pytest.mark.requirement("R2.2"), pytest.mark.requirement("U2")]

ANY = 1_000


def edges(size: int, pairs: list[tuple[int, int]]) -> list[int]:
    conflicts = [0] * size
    for i, j in pairs:
        conflicts[i] |= 1 << j
        conflicts[j] |= 1 << i
    return conflicts


def factor_conflicts(size: int, dimensions: int, seed: int) -> tuple[list[int], list[int]]:
    """Scores and conflicts of accounts whose returns load on a few factors."""
    draw = random.Random(seed)
    loads = np.array([[draw.gauss(0, 1) for _ in range(dimensions)] for _ in range(size)])
    loads /= np.sqrt((loads * loads).sum(axis=1))[:, None]
    close = np.abs(loads @ loads.T) > 0.7
    pairs = [(i, j) for i in range(size) for j in range(i) if close[i, j]]
    return [draw.randint(300_000, 900_000) for _ in range(size)], edges(size, pairs)


def solved_by_milp(
    scores: list[int], conflicts: list[int], rows: list[list[int]], limits: list[int]
) -> int:
    size = len(scores)
    pairs = [(i, j) for i in range(size) for j in range(i) if conflicts[i] >> j & 1]
    table = np.zeros((len(pairs) + len(rows), size))
    for row, (i, j) in enumerate(pairs):
        table[row, [i, j]] = 1
    table[len(pairs) :] = rows
    result = milp(
        -np.array(scores, float),
        constraints=LinearConstraint(table, -np.inf, [1] * len(pairs) + limits),
        integrality=np.ones(size),
        bounds=(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    assert result.status == 0
    return round(-float(result.fun))


def test_nobody_is_chosen_from_nobody() -> None:
    subset = best_subset([], [], accounts_max=ANY)
    assert (subset.selected, subset.score, subset.bound, subset.proven) == ((), 0, 0, True)


def test_without_conflicts_all_are_chosen() -> None:
    assert best_subset([5, 0, 7], [0, 0, 0], accounts_max=ANY).selected == (0, 1, 2)


def test_two_good_ones_beat_the_best_one_that_excludes_both() -> None:
    subset = best_subset([60, 100, 60], edges(3, [(0, 1), (1, 2)]), accounts_max=ANY)
    assert (subset.selected, subset.score) == ((0, 2), 120)


def test_odd_cycle_whose_relaxation_is_not_whole_is_still_proven() -> None:
    cycle = edges(5, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)])
    subset = best_subset([10] * 5, cycle, accounts_max=ANY)
    assert (subset.selected, subset.score, subset.bound) == ((0, 2), 20, 20)


def test_a_quantity_cap_takes_the_pair_that_fits() -> None:
    subset = best_subset(
        [9, 6, 5], [0, 0, 0], accounts_max=ANY, quantity=[10, 5, 5], quantity_max=10
    )
    assert subset.selected == (1, 2)


def test_a_margin_cap_binds_beside_a_quantity_cap() -> None:
    subset = best_subset(
        [9, 6, 5],
        [0, 0, 0],
        accounts_max=3,
        quantity=[1, 5, 5],
        quantity_max=10,
        margin=[11, 1, 1],
        margin_max=10,
    )
    assert subset.selected == (1, 2)


def test_an_owner_gets_at_most_his_number_of_accounts() -> None:
    subset = best_subset([9, 8, 7, 1], [0] * 4, accounts_max=ANY, owner=[4, 4, 4, 5], owner_max=2)
    assert subset.selected == (0, 1, 3)


@pytest.mark.parametrize("dimensions", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("accounts_max", [8, 60])
def test_agrees_with_a_mixed_integer_solver(dimensions: int, accounts_max: int) -> None:
    scores, conflicts = factor_conflicts(50, dimensions, seed=dimensions)
    subset = best_subset(scores, conflicts, accounts_max=accounts_max)
    assert subset.proven
    assert subset.score == solved_by_milp(scores, conflicts, [[1] * 50], [accounts_max])


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_mixed_integer_solver_under_every_cap(seed: int) -> None:
    draw = random.Random(seed)
    size = 36
    scores, conflicts = factor_conflicts(size, 4, seed=100 + seed)
    quantity = [draw.randint(1, 400) * 1_000 for _ in range(size)]
    margin = [draw.randint(100, 90_000) for _ in range(size)]
    owner = [draw.randint(0, 5) for _ in range(size)]
    quantity_max, margin_max = sum(quantity) // 6, sum(margin) // 6
    subset = best_subset(
        scores,
        conflicts,
        accounts_max=9,
        owner=owner,
        owner_max=2,
        quantity=quantity,
        quantity_max=quantity_max,
        margin=margin,
        margin_max=margin_max,
    )
    by_owner = [[int(owner[i] == name) for i in range(size)] for name in range(6)]
    rows = [[1] * size, quantity, margin, *by_owner]
    best = solved_by_milp(scores, conflicts, rows, [9, quantity_max, margin_max, *[2] * 6])
    assert subset.proven
    assert subset.score == best


@pytest.mark.parametrize("dimensions", [2, 3, 4, 5, 6])
def test_a_hundred_candidates_are_proven_within_the_limit(dimensions: int) -> None:
    scores, conflicts = factor_conflicts(100, dimensions, seed=7)
    subset = best_subset(scores, conflicts, accounts_max=20)
    assert subset.proven
    assert subset.nodes <= SUBSET_NODES_MAX
    mask = sum(1 << i for i in subset.selected)
    assert not any(conflicts[i] & mask for i in subset.selected)


def test_two_hundred_hard_candidates_end_with_a_gap_stated() -> None:
    scores, conflicts = factor_conflicts(200, 5, seed=1)
    subset = best_subset(scores, conflicts, accounts_max=200, nodes_max=300)
    assert subset.nodes <= 300
    assert not subset.proven
    assert subset.score < subset.bound
    assert 0 < subset.gap_ppm < 200_000
    assert subset.gap_ppm == -(-(subset.bound - subset.score) * 1_000_000 // subset.bound)


def test_the_relaxation_is_tight_on_cliques_and_counts() -> None:
    three_cliques = edges(6, [(0, 1), (2, 3), (4, 5)])
    problem = Problem((10, 9, 8, 7, 6, 5), tuple(three_cliques), (Cap(0b111111, 2),))
    root = root_bound(problem)
    assert root is not None
    assert 18 <= root.bound <= 19
    assert root.with_vertex[5] < 18


def test_amounts_of_any_unit_do_not_overflow() -> None:
    huge = 10**30
    scores, conflicts = factor_conflicts(40, 4, seed=3)
    quantity = [huge + i for i in range(40)]
    subset = best_subset(
        scores, conflicts, accounts_max=40, quantity=quantity, quantity_max=5 * huge + 100
    )
    plain = best_subset(scores, conflicts, accounts_max=5)
    assert subset.score <= plain.score
    assert len(subset.selected) <= 5
    assert sum(quantity[i] for i in subset.selected) <= 5 * huge + 100


@pytest.mark.parametrize(
    ("scores", "conflicts", "caps"),
    [
        ([1, 2], [0], {"accounts_max": 1}),
        ([-1], [0], {"accounts_max": 1}),
        ([1], [1], {"accounts_max": 1}),
        ([1, 1], [2, 0], {"accounts_max": 1}),
        ([1], [4], {"accounts_max": 1}),
        ([1], [0], {"accounts_max": -1}),
        ([1], [0], {"accounts_max": 1, "owner_max": 1}),
        ([1], [0], {"accounts_max": 1, "quantity_max": 1}),
        ([1], [0], {"accounts_max": 1, "quantity": [1, 2], "quantity_max": 1}),
        ([1], [0], {"accounts_max": 1, "margin": [-1], "margin_max": 1}),
        ([1], [0], {"accounts_max": 1, "nodes_max": 0}),
    ],
)
def test_malformed_input_is_an_invariant_violated(
    scores: list[int], conflicts: list[int], caps: dict[str, int]
) -> None:
    with pytest.raises(InvariantViolated):
        best_subset(scores, conflicts, **caps)  # type: ignore[arg-type]
