"""The best subset for any small problem, against every subset there is."""

from __future__ import annotations

from typing import NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core import limits
from stretto.core.subsets.subset import Subset, best_subset

pytestmark = [pytest.mark.requirement("R2.2"), pytest.mark.requirement("U2")]


class Instance(NamedTuple):
    """The arguments of one call of best_subset."""

    scores: list[int]
    conflicts: list[int]
    accounts_max: int
    owner: list[int]
    owner_max: int | None
    quantity: list[int]
    quantity_max: int | None
    margin: list[int]
    margin_max: int | None

    def solve(self, nodes_max: int = 12_000) -> Subset:
        return best_subset(
            self.scores,
            self.conflicts,
            accounts_max=self.accounts_max,
            owner=self.owner,
            owner_max=self.owner_max,
            quantity=self.quantity,
            quantity_max=self.quantity_max,
            margin=self.margin,
            margin_max=self.margin_max,
            nodes_max=nodes_max,
        )

    def allows(self, chosen: list[int]) -> bool:
        mask = sum(1 << i for i in chosen)
        owners = [self.owner[i] for i in chosen]
        return (
            len(chosen) <= self.accounts_max
            and not any(self.conflicts[i] & mask for i in chosen)
            and (self.owner_max is None or all(owners.count(o) <= self.owner_max for o in owners))
            and (
                self.quantity_max is None
                or sum(self.quantity[i] for i in chosen) <= self.quantity_max
            )
            and (self.margin_max is None or sum(self.margin[i] for i in chosen) <= self.margin_max)
        )

    def best(self) -> tuple[int, list[int]]:
        """By trial of every subset: the best score and its preferred subset."""
        size = len(self.scores)
        found = (-1, [0] * size, [0])
        for mask in range(1 << size):
            chosen = [i for i in range(size) if mask >> i & 1]
            holds = [mask >> i & 1 for i in range(size)]
            score = sum(self.scores[i] for i in chosen)
            if (score, holds) > found[:2] and self.allows(chosen):
                found = (score, holds, chosen)
        return found[0], found[2]


@st.composite
def instances(draw: st.DrawFn, size_max: int = 10, equal: bool = False) -> Instance:
    size = draw(st.integers(0, size_max))
    score = st.sampled_from([1, 2, 3]) if equal else st.integers(0, 1_000_000)
    scores = draw(st.lists(score, min_size=size, max_size=size))
    conflicts = [0] * size
    density = draw(st.integers(0, 10))
    for i in range(size):
        for j in range(i):
            if draw(st.integers(1, 10)) <= density:
                conflicts[i] |= 1 << j
                conflicts[j] |= 1 << i
    amounts = st.lists(st.integers(0, 5_000), min_size=size, max_size=size)
    maximum = st.none() | st.integers(0, 20_000)
    return Instance(
        scores,
        conflicts,
        draw(st.integers(0, size + 1)),
        draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)),
        draw(st.none() | st.integers(0, 3)),
        draw(amounts),
        draw(maximum),
        draw(amounts),
        draw(maximum),
    )


@given(instances())
def test_every_cap_holds_and_the_score_is_the_best_there_is(instance: Instance) -> None:
    subset = instance.solve()
    score, chosen = instance.best()
    assert instance.allows(list(subset.selected))
    assert (subset.proven, subset.gap_ppm, subset.bound) == (True, 0, score)
    assert (subset.score, list(subset.selected)) == (score, chosen)


@given(instances(equal=True))
def test_among_equal_scores_the_lowest_candidates_are_preferred(instance: Instance) -> None:
    assert list(instance.solve().selected) == instance.best()[1]


@given(instances(), st.booleans())
def test_the_long_way_finds_the_same(instance: Instance, shake: bool) -> None:
    """Small problems end in the short search; here relaxation, fixing and shaking must do it."""
    with (
        patch.object(limits, "SUBSET_PROBE_NODES", 1),
        patch.object(limits, "SUBSET_SHAKE_OPEN_MIN", -1 if shake else 99),
    ):
        subset = instance.solve()
    score, chosen = instance.best()
    assert (subset.score, subset.bound, list(subset.selected)) == (score, score, chosen)


@given(instances(), st.integers(1, 6))
def test_a_search_cut_short_still_states_a_true_bound(instance: Instance, nodes: int) -> None:
    subset = instance.solve(nodes)
    best, _ = instance.best()
    assert instance.allows(list(subset.selected))
    assert subset.score == sum(instance.scores[i] for i in subset.selected)
    assert subset.score <= best <= subset.bound
    assert subset.proven == (subset.score == subset.bound)
    assert (subset.gap_ppm == 0) == subset.proven


@given(instances())
def test_one_account_an_owner_is_a_conflict_of_all_his(instance: Instance) -> None:
    size = len(instance.scores)
    conflicts = [
        mask | sum(1 << j for j in range(size) if j != i and instance.owner[j] == instance.owner[i])
        for i, mask in enumerate(instance.conflicts)
    ]
    by_cap = instance._replace(owner_max=1).solve()
    by_conflict = instance._replace(owner_max=None, conflicts=conflicts).solve()
    assert (by_cap.selected, by_cap.score) == (by_conflict.selected, by_conflict.score)
