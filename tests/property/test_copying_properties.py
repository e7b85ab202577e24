"""What the groups of copiers allow is what the rules over pairs allow, for any accounts."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stretto.core.copying import Relation, copy_groups, judge_pair, keep_best
from stretto.core.policy import Permission
from tests.unit.core.trade_samples import RULEBOOK, account

PERMISSIONS = st.sampled_from(Permission)
COPIERS = st.lists(
    st.tuples(st.sampled_from("xyz"), PERMISSIONS, PERMISSIONS), min_size=0, max_size=6
)


@given(COPIERS, st.sets(st.integers(0, 5), max_size=2), st.lists(st.integers(0, 9), max_size=6))
@pytest.mark.requirement("U4")
def test_copy_groups_say_exactly_what_the_pairs_say(
    shapes: list[tuple[str, Permission, Permission]], carrying: set[int], points: list[int]
) -> None:
    books = {
        f"r{i}": replace(
            RULEBOOK, rulebook_id=f"r{i}", copy_within_owner=within, copy_between_owners=between
        )
        for i, (_, within, between) in enumerate(shapes)
    }
    accounts = {
        f"a{i}": account(f"a{i}", owner=owner, rulebook=f"r{i}")
        for i, (owner, _, _) in enumerate(shapes)
    }
    groups = copy_groups(accounts.values(), books)
    for size in range(len(accounts) + 1):
        for some in combinations(accounts, size):
            pairs = all(
                judge_pair(
                    accounts[a], books[accounts[a].rulebook],
                    accounts[b], books[accounts[b].rulebook],
                    Relation.SAME_SIGNAL,
                ) is None
                for a, b in combinations(some, 2)
            )  # fmt: skip
            within_parties = all(
                any(set(some) & set(group.members) <= set(party) for party in group.parties)
                for group in groups
            )
            assert pairs == within_parties
    carriers = sorted(f"a{i}" for i in carrying if i < len(shapes))
    scores = {name: points[i % len(points)] if points else 0 for i, name in enumerate(accounts)}
    for name in carriers:
        del scores[name]
    refused = keep_best(copy_groups(accounts.values(), books, carriers), scores, accounts, books)
    kept = [name for name in scores if name not in refused]
    for a in kept:
        for b in (*kept, *carriers):
            if a != b:
                first, second = accounts[a], accounts[b]
                assert (
                    judge_pair(
                        first, books[first.rulebook], second, books[second.rulebook],
                        Relation.SAME_SIGNAL,
                    )
                    is None
                )  # fmt: skip
