"""The planner's copy conflicts are what the rules over pairs say, for any accounts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stretto.core.gate.copying import Relation, judge_pair
from stretto.core.plans.exclusions import copy_conflicts
from stretto.core.terms.policy import Permission
from tests.unit.core.trade_samples import RULEBOOK, account, view

PERMISSIONS = st.sampled_from(Permission)
COPIERS = st.lists(
    st.tuples(st.sampled_from("xyz"), PERMISSIONS, PERMISSIONS), min_size=0, max_size=12
)


@given(COPIERS)
@pytest.mark.requirement("U4")
def test_two_candidates_conflict_exactly_where_the_pair_is_refused(
    shapes: list[tuple[str, Permission, Permission]],
) -> None:
    views = [
        view(
            account=account(f"a{place}", owner=owner),
            rulebook=replace(RULEBOOK, copy_within_owner=within, copy_between_owners=between),
        )
        for place, (owner, within, between) in enumerate(shapes)
    ]
    masks = copy_conflicts(views)
    assert len(masks) == len(views)
    for i, one in enumerate(views):
        assert masks[i] >> len(views) == 0
        assert not masks[i] >> i & 1
        for j, other in enumerate(views):
            if i != j:
                verdict = judge_pair(
                    one.account,
                    one.rulebook,
                    other.account,
                    other.rulebook,
                    Relation.SAME_SIGNAL,
                )
                assert bool(masks[i] >> j & 1) == (verdict is not None)
